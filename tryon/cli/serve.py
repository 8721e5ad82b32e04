"""`tryon serve`: the page and the API."""

import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tryon.cli.shared import MODELS, quiet_start, read_models, user_errors

if TYPE_CHECKING:
    from tryon.pipeline import TryOnPipeline

LOCAL = ("127.0.0.1", "localhost", "::1")
_MISSING = "the page needs more packages ({}); pip install 'tryon[web]'"


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at. Any but this machine's own demands a token.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port; 0 takes a free one.",
)
@click.option(
    "--catalog",
    "catalog_path",
    type=click.Path(path_type=Path),
    metavar="SHOP",
    help="Folder of shop pictures, or a CSV with file and name.  [default: samples]",
)
@click.option(
    "--token",
    envvar="TRYON_TOKEN",
    metavar="TOKEN",
    help="Demand this of everybody who uses the API; or $TRYON_TOKEN.",
)
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A name of this machine that the server answers to, as behind a proxy.",
)
@click.option(
    "--allow-origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="A site whose pages may use the API, as https://shop.example.",
)
@click.option(
    "--allow-private",
    is_flag=True,
    help="Fetch pictures from private networks too, when a request names their URL.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="Pairs that are at work at once.",
)
@click.option(
    "--queue",
    "max_queue",
    type=click.IntRange(1, 10_000),
    default=16,
    show_default=True,
    help="Pairs that may wait or be at work; others are told to come again.",
)
@click.option(
    "--max-megapixels",
    type=click.IntRange(1, 89),
    default=50,
    show_default=True,
    help="Of one picture.",
)
@click.option(
    "--max-megabytes",
    type=click.IntRange(1, 256),
    default=32,
    show_default=True,
    help="Of one picture's file.",
)
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
@MODELS
@click.pass_context
@user_errors
def serve(
    context: click.Context,
    host: str,
    port: int,
    catalog_path: Path | None,
    token: str | None,
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
    allow_private: bool,
    workers: int,
    max_queue: int,
    max_megapixels: int,
    max_megabytes: int,
    no_open: bool,
    models: tuple[str, ...],
) -> None:
    """Open a page to try tops on, and an API for programs.

    Prints the page's address. Nothing is stored: photos are in memory while they are
    used, and forgotten ten minutes later. Ctrl-C ends it.
    """
    from tryon.errors import TryOnError

    try:
        from tryon.web.app import Api
        from tryon.web.server import listen
        from tryon.web.server import serve as run
    except ImportError as error:
        raise TryOnError(_MISSING.format(error)) from error
    from tryon.web.catalog import open_catalog
    from tryon.web.config import ServeConfig
    from tryon.web.dresser import Dresser

    is_local = host in LOCAL
    if not is_local:
        token = token or secrets.token_urlsafe(24)
    config = ServeConfig(
        max_bytes=max_megabytes << 20,
        max_pixels=max_megapixels * 10**6,
        workers=workers,
        max_queue=max_queue,
        token=token,
        origins=origins,
        hosts=(*LOCAL, *map(str.lower, hosts)) if is_local else None,
        allow_private=allow_private,
    )
    catalog = open_catalog(catalog_path)
    with listen(host, port) as listener:
        pipeline = _load(context, models)
        api = Api(Dresser(pipeline, config), catalog, config)
        url = address(host, listener.getsockname()[1], token)
        click.echo(url)
        if not no_open and _has_screen():
            click.launch(url)
        run(api.app(), api.jobs, listener, config)


def address(host: str, port: int, token: str | None) -> str:
    """Return the page's URL; the part after # never leaves the browser.

    Example:
        >>> address("127.0.0.1", 8000, "secret")
        'http://127.0.0.1:8000/#token=secret'
    """
    import socket

    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    name = f"[{name}]" if ":" in name else name
    return f"http://{name}:{port}/" + (f"#token={token}" if token else "")


def _load(context: click.Context, models: tuple[str, ...]) -> "TryOnPipeline":
    cards = read_models(models)
    with quiet_start(context):
        from tryon.pipeline import TryOnPipeline

        return TryOnPipeline.from_pretrained(models=cards)


def _has_screen() -> bool:
    """Tell whether a browser can open a window: others would take the terminal."""
    if not sys.stdout.isatty():
        return False
    is_linux = sys.platform.startswith("linux")
    return not is_linux or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ))
