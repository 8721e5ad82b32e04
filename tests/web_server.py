"""A real server on a free port, in a thread of the tests."""

import asyncio
import threading
from contextlib import contextmanager

import uvicorn

from tryon.web.server import listen


@contextmanager
def serving(app):
    """Serve an application; yields its URL, without the last slash."""
    with listen("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = uvicorn.Config(
            app,
            lifespan="on",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
        server = uvicorn.Server(settings)
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listener]))
        )
        thread.start()
        try:
            yield url
        finally:
            server.should_exit = True
            thread.join(20)
