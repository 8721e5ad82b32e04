"""The page's files, kept in memory: no request leads to any other file."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

STATIC = Path(__file__).parent / "static"
OPENAPI = STATIC.parent / "openapi.json"
SAMPLE = Path(__file__).parent.parent / "training/users/p009_A.jpg"  # a rendered person
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
}


def page_routes() -> list[Route]:
    """Return a route for each file of the page, `index.html` at /."""
    paths = {f"/{path.name}": path for path in sorted(STATIC.iterdir())}
    paths["/"] = paths.pop("/index.html")
    paths |= {"/sample.jpg": SAMPLE, "/openapi.json": OPENAPI}
    return [_route(place, path) for place, path in paths.items()]


def _route(place: str, path: Path) -> Route:
    data, media_type = path.read_bytes(), _TYPES[path.suffix]

    async def answer(request: Request) -> Response:
        return Response(data, headers={"Content-Type": media_type})

    return Route(place, answer)
