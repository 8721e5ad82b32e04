"""Run the application with uvicorn; on SIGTERM and Ctrl-C finish what runs."""

import logging
import socket
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from tryon.errors import TryOnError
from tryon.web.config import ServeConfig
from tryon.web.jobs import Jobs


class DrainingServer(uvicorn.Server):
    """A server that answers until its queue is empty, once it is told to stop.

    uvicorn alone closes its doors at the first signal: whoever began a try-on with
    /v1/run could not ask for its result.

    Args:
        config: of uvicorn.
        jobs: that are finished first.
        drain_seconds: how long results stay to be fetched.
    """

    def __init__(self, config: uvicorn.Config, jobs: Jobs, drain_seconds: float):
        super().__init__(config)
        self._jobs, self._drain_seconds = jobs, drain_seconds
        self._signals = 0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take no more jobs at the first signal, wait for none at the third."""
        self._signals += 1
        self._jobs.is_closing = True
        if self._signals == 2:
            self.should_exit = True
        if self._signals > 2:
            self.force_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Tell whether it is time to close; called ten times a second."""
        if self._jobs.is_closing and not self.should_exit:
            self.should_exit = self._jobs.is_drained(self._drain_seconds)
        stop: bool = await super().on_tick(counter)
        return stop


def serve(app: ASGIApp, jobs: Jobs, listener: socket.socket, config: ServeConfig) -> None:
    """Serve until a signal ends it; what runs is finished.

    Args:
        app: of `Api.app`.
        jobs: of its API.
        listener: of `listen`.
        config: limits.
    """
    # A line for every form that is damaged would let anybody fill the disk.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    settings = uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,  # the command line's own
        access_log=False,  # nothing is kept of who asked
        server_header=False,
        limit_concurrency=config.max_connections,
        timeout_graceful_shutdown=round(config.job_seconds),
    )
    DrainingServer(settings, jobs, config.drain_seconds).run([listener])


def listen(host: str, port: int) -> socket.socket:
    """Open the server's port.

    Args:
        host: name or address of this machine.
        port: 0 takes a free one.

    Raises:
        TryOnError: it is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TryOnError(
            f"{host}:{port}: cannot be opened ({reason}); choose another --port"
        ) from error
