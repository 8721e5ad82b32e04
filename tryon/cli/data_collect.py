"""`tryon data collect`: download pictures, and record where each comes from."""

import itertools
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from tryon._version import __version__
from tryon.cli.data_options import data_errors, leave_out
from tryon.cli.shared import FOLDER, progress, user_errors

if TYPE_CHECKING:
    from data_tools.annotations import BadFile
    from data_tools.collect.fetch import Fetcher
    from data_tools.collect.run import Collection, PictureLink


@click.command()
@click.argument(
    "urls",
    type=click.File(encoding="utf-8", errors="replace"),
    default=None,
    required=False,
)
@click.option(
    "-o", "--out", type=FOLDER, required=True, metavar="DIR", help="Folder of pictures."
)
@click.option(
    "--page",
    "pages",
    multiple=True,
    metavar="URL",
    help="Web page with pictures. May be given several times.",
)
@click.option(
    "--search",
    "template",
    metavar="TEMPLATE",
    help="URL of a search with {query} and {page}, whose JSON response has URLs.",
)
@click.option("--query", metavar="TEXT", help="Text to search for.")
@click.option(
    "--search-pages",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Pages of the search.",
)
@click.option(
    "--path",
    metavar="NAME.NAME",
    help="Path of the URLs in the JSON, as results.urls.full; lists are traversed.",
)
@click.option("--licence", default="", help="Note for each row of provenance.jsonl.")
@click.option("--limit", type=click.IntRange(min=1), help="Maximum number of URLs.")
@click.option(
    "--delay",
    type=click.FloatRange(0, 3600),
    default=1.0,
    show_default=True,
    help="Minimum seconds between two requests to a host.",
)
@click.option(
    "--retries",
    type=click.IntRange(0, 10),
    default=3,
    show_default=True,
    help="Retries after failures that may pass.",
)
@click.option(
    "--max-bytes",
    type=click.IntRange(min=1),
    default=32 << 20,
    show_default=True,
    help="Maximum size of a picture, bytes.",
)
@click.option(
    "--min-side",
    type=click.IntRange(min=0),
    default=64,
    show_default=True,
    help="Minimum of a picture's shorter side, pixels.",
)
@click.option(
    "--user-agent",
    default=f"tryon/{__version__}",
    show_default=True,
    help="User agent for servers and robots.txt.",
)
@click.option(
    "--allow-private", is_flag=True, help="Allow addresses of private networks."
)
@click.pass_context
@user_errors
def collect(
    context: click.Context,
    urls: IO[str] | None,
    out: Path,
    pages: tuple[str, ...],
    template: str | None,
    query: str | None,
    search_pages: int,
    path: str | None,
    licence: str,
    limit: int | None,
    delay: float,
    retries: int,
    max_bytes: int,
    min_side: int,
    user_agent: str,
    allow_private: bool,
) -> None:
    """Download pictures from a list of URLs, web pages or a search into DIR.

    URLS is a file with one URL per line, or - for stdin. Pictures are named by their
    SHA-256; provenance.jsonl records where each comes from. robots.txt is obeyed, and
    pictures in DIR are not fetched again. Make sure that you may use a picture.
    """
    from data_tools.collect.picture_sources import list_links, page_links, search_links
    from data_tools.collect.run import Collection

    if not (urls or pages or template):
        raise click.UsageError("expected URLS, --page or --search")
    search = _read_search(template, query, search_pages, path)
    fetcher = _make_fetcher(user_agent, delay, retries, max_bytes, allow_private)
    with data_errors():
        collection = Collection(out, min_side, licence)
        sources = [list_links(urls or ()), *(page_links(page, fetcher) for page in pages)]
        sources += [search_links(*search, fetcher)] if search else []
        links = list(itertools.islice(itertools.chain(*sources), limit))
        outcomes = _collect(context, collection, links, fetcher)
    click.echo(
        f"{outcomes['new']} new pictures, {outcomes['copy']} copies, "
        f"{outcomes['known']} known, {outcomes['failed']} left out",
        err=True,
    )
    click.echo(out)
    if outcomes["failed"]:
        sys.exit(3)


def _make_fetcher(
    user_agent: str, delay: float, retries: int, max_bytes: int, allow_private: bool
) -> "Fetcher":
    from data_tools.collect.fetch import Fetcher, RequestPolicy
    from data_tools.collect.web_requests import ResponseLimits

    if not (user_agent.strip() and user_agent.isascii() and user_agent.isprintable()):
        raise click.UsageError("--user-agent: expected a name in printable ASCII")
    limits = ResponseLimits(max_bytes, allow_private=allow_private)
    return Fetcher(RequestPolicy(user_agent.strip(), delay, retries), limits)


def _collect(
    context: click.Context,
    collection: "Collection",
    links: "Sequence[PictureLink | BadFile]",
    fetcher: "Fetcher",
) -> Counter[str]:
    """Fetch pictures and report failures; return the number of each outcome."""
    from data_tools.annotations import BadFile

    outcomes: Counter[str] = Counter()
    with progress(context, len(links)) as tell:
        for result in collection.collect(links, fetcher):
            tell("")
            if isinstance(result, BadFile):
                outcomes["failed"] += 1
                leave_out(result)
            else:
                outcomes[result.outcome] += 1
    return outcomes


def _read_search(
    template: str | None, query: str | None, pages: int, path: str | None
) -> tuple[str, str, int, str] | None:
    """Check the options of a search; None without --search."""
    if template is None:
        if query is not None or path is not None:
            raise click.UsageError("--query and --path: expected --search, too")
        return None
    if query is None or path is None:
        raise click.UsageError("--search: expected --query and --path, too")
    if "{query}" not in template or (pages > 1 and "{page}" not in template):
        raise click.UsageError(f"--search {template!r}: expected {{query}} and {{page}}")
    return template, query, pages, path
