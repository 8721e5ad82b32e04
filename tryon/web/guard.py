"""What every request must pass, and what every answer carries: an ASGI middleware."""

import hmac
import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tryon.web.config import ServeConfig
from tryon.web.errors import ApiError, describe
from tryon.web.metrics import Metrics

# The page loads its own files alone, and pictures that it makes itself.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_SECRET = ("/v1/", "/metrics")  # a token is demanded below these
_BY_ID = "/v1/results/"  # whoever knows an id, which cannot be guessed, may see it


class Guard:
    """Checks host, origin and token; adds the headers of safety; counts answers.

    Args:
        app: gets what passes.
        config: who may ask.
        metrics: counts.
    """

    def __init__(self, app: ASGIApp, config: ServeConfig, metrics: Metrics):
        self.app, self._config, self._metrics = app, config, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                self._metrics.count_request(_route(scope), message["status"])
            await send(message)

        try:
            check(scope["method"], scope["path"], Headers(scope=scope), self._config)
        except ApiError as error:
            await _answer(error, send_safely)
            return
        await self.app(scope, receive, send_safely)


def check(
    method: str, path: str, headers: Mapping[str, str], config: ServeConfig
) -> None:
    """Check a request, before its body is read.

    A page of another site may neither use the API (`Origin`), nor come in under a name of
    its own that leads to this machine (`Host`).

    Raises:
        ApiError: `forbidden` or `unauthorized`.
    """
    host = headers.get("host", "")
    if config.hosts is not None and host_name(host) not in config.hosts:
        line = "this name of the server is not allowed; see tryon serve --allow-host"
        raise ApiError("forbidden", line)
    origin = headers.get("origin")
    is_own = origin is None or urlsplit(origin).netloc == host
    if not is_own and origin not in config.origins:
        line = "pages of this site may not use the API; see tryon serve --allow-origin"
        raise ApiError("forbidden", line)
    if config.token is None or method == "OPTIONS" or path.startswith(_BY_ID):
        return
    given = headers.get("authorization", "").removeprefix("Bearer ")
    if path.startswith(_SECRET) and not hmac.compare_digest(
        given.encode(), config.token.encode()
    ):
        raise ApiError("unauthorized", "send the header Authorization: Bearer TOKEN")


def host_name(host: str) -> str:
    """Return the name of a Host header, without its port.

    Example:
        >>> host_name("[::1]:8000"), host_name("LOCALHOST:80")
        ('::1', 'localhost')
    """
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _route(scope: Scope) -> str:
    """Return the pattern of a request's route; one name for all that have none."""
    if "endpoint" not in scope:
        return "other"
    path: str = scope["path"]
    for name, value in scope.get("path_params", {}).items():
        path = path.replace(str(value), f"{{{name}}}")
    return path


async def _answer(error: ApiError, send: Send) -> None:
    status, values = describe(error)
    body = json.dumps(values).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    headers.append((b"content-length", str(len(body)).encode()))
    if error.name == "unauthorized":
        headers.append((b"www-authenticate", b"Bearer"))
    start = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
