"""Run the pairs of a batch on Ray Data: the cores of this machine, or of a cluster.

Workers write results themselves, so every machine must see the batch's folder, the
pictures and `tryon` under the same paths. Ray restarts a worker that died and gives its
pairs to another; rows come back in the order of the pairs.
"""

import json
import logging
import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tryon.batch.manifest import Row, format_row
from tryon.batch.pairs import Fault, Pair
from tryon.batch.worker import Job, PairWorker
from tryon.errors import TryOnError
from tryon.quiet import silent_stderr

PAIRS_PER_BLOCK = 8  # that a worker takes at once, and loses at most when it dies
CONNECT_SECONDS = 10  # timeout of a cluster's answer
_SETTINGS = {
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # its C++ part; errors are raised as well
    "RAY_USAGE_STATS_ENABLED": "0",  # no usage statistics are sent
}
_logger = logging.getLogger(__name__)


class RayWorker:
    """A worker of Ray Data.

    Args:
        job: settings that all pairs share; the models are loaded once.
        folder: that relative paths start from; workers of a cluster start elsewhere.
    """

    def __init__(self, job: Job, folder: str):
        os.chdir(folder)
        self._worker = PairWorker(job)

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """Do the pair of an item of `pack`; returns its row as text."""
        return {"row": format_row(self._worker(unpack(item)))}


def run_on_ray(
    job: Job, pairs: Iterable[Pair], workers: int, address: str | None
) -> Iterator[Row]:
    """Do the pairs on Ray.

    Args:
        job: settings that all pairs share.
        pairs: to be done.
        workers: processes, each of which asks Ray for one core.
        address: of a cluster; None starts Ray on this machine.

    Raises:
        TryOnError: Ray is not installed, cannot be reached, or failed.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        from ray.exceptions import RayError
    except ImportError as error:
        raise TryOnError(
            f"Ray cannot be loaded ({error}); pip install 'tryon[ray]'"
        ) from error
    try:
        if address:
            _connect(address)
        with silent_stderr(unless=_logger.isEnabledFor(logging.DEBUG)):
            ray.init(
                address=address or "local",  # None would look for a running cluster
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except (ConnectionError, OSError, RuntimeError, ValueError, RayError) as error:
        place = f"reached at {address}" if address else "started"
        raise TryOnError(
            f"Ray cannot be {place} ({_first_line(error)}); check that the cluster "
            "runs, and RAY_AUTH_MODE and RAY_AUTH_TOKEN"
        ) from error
    try:
        for item in _dataset(job, pairs, workers).iter_rows():
            yield json.loads(item["row"])
    except RayError as error:
        raise TryOnError(
            f"Ray failed ({_first_line(error)}); run the same command again to resume"
        ) from error
    finally:
        ray.shutdown()


def _connect(address: str) -> None:
    """Try a cluster's port: Ray itself waits minutes for one that does not answer.

    Raises:
        OSError: nothing answers.
        ValueError: the address is not HOST:PORT.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError("expected HOST:PORT")
    socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()


def _dataset(job: Job, pairs: Iterable[Pair], workers: int) -> Any:
    import ray.data  # sets the level of its logger

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    items = [pack(pair) for pair in pairs]
    blocks = max(-(-len(items) // PAIRS_PER_BLOCK), min(workers, len(items)))
    worker: Any = RayWorker  # Ray's types allow functions only
    return ray.data.from_items(items, override_num_blocks=blocks).map(
        worker,
        fn_constructor_args=(job, str(Path.cwd())),
        compute=ray.data.ActorPoolStrategy(size=min(workers, blocks)),
        num_cpus=1,
    )


def pack(pair: Pair) -> dict[str, Any]:
    """Return a pair as an item of a data set: text, whatever its names hold."""
    return {"pair": json.dumps(pair)}


def unpack(item: dict[str, Any]) -> Pair:
    """Return the pair of an item."""
    pair = Pair(*json.loads(item["pair"]))
    return pair._replace(fault=Fault(*pair.fault) if pair.fault else None)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
