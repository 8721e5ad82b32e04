"""The page and the API as a deployment of Ray Serve, on a machine or a cluster.

    serve run tryon.web.ray:app

A replica is one process with a pipeline of its own. Ray shares out requests; the routes
that hold no state may go anywhere, see docs/web.md.
"""

import os
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from tryon.web.app import Api
from tryon.web.catalog import open_catalog
from tryon.web.config import ServeConfig
from tryon.web.dresser import Dresser

CORES = 2  # of a replica: one pair's networks run beside another's mattes
_CATALOG = "TRYON_CATALOG"  # environment of the replicas: see `tryon serve --catalog`
_TOKEN = "TRYON_TOKEN"


def make_app(config: ServeConfig | None = None) -> ASGIApp:
    """Load the pipeline; returns the application.

    Args:
        config: limits; None takes the defaults, any host name, and the token of the
            environment.
    """
    from tryon.pipeline import TryOnPipeline

    config = config or ServeConfig(hosts=None, token=os.environ.get(_TOKEN))
    shop = os.environ.get(_CATALOG)
    catalog = open_catalog(Path(shop) if shop else None)
    dresser = Dresser(TryOnPipeline.from_pretrained(), config)
    return Api(dresser, catalog, config).app()


def deployment(
    config: ServeConfig | None = None, replicas: int = 1, make: Any = make_app
) -> Any:
    """Return the deployment, for `ray.serve.run`.

    Args:
        config: limits of each replica; None: see `make_app`.
        replicas: processes.
        make: makes the application of a replica.
    """
    from ray import serve

    config = config or ServeConfig(hosts=None, token=os.environ.get(_TOKEN))

    def build() -> ASGIApp:
        return make(config)

    made = serve.deployment(
        serve.ingress(build)(),  # called in each replica
        name="tryon",
        num_replicas=replicas,
        max_ongoing_requests=config.max_connections,
        ray_actor_options={"num_cpus": CORES},
    )
    return made.bind()


def __getattr__(name: str) -> Any:
    if name == "app":  # Ray is asked for only where it is used
        return deployment()
    raise AttributeError(name)
