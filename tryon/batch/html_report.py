"""Write the report of a batch: one sortable HTML page with thumbnails beside it.

The page holds its rows as data and renders a hundred at a time, so that ten thousand
pairs open at once. It fetches nothing but the pictures of its own folder.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from tryon.batch.manifest import Row
from tryon.batch.worker import SCORES, THUMBS, thumb_name
from tryon.files import write_whole

TEMPLATE = Path(__file__).with_name("report.html")
_MARK = "/*ROWS*/"  # where the rows go


def write_report(rows: Iterable[Row], path: Path) -> None:
    """Write the page.

    Args:
        rows: of the manifest; consumed one by one.
        path: of the page, in the folder of the results.

    Raises:
        TryOnError: it cannot be written.
    """
    before, after = TEMPLATE.read_text(encoding="utf-8").split(_MARK)

    def write(file: IO[bytes]) -> None:
        file.write(before.encode())
        file.writelines(_lines(rows))
        file.write(after.encode())

    write_whole(path, write)


def describe_row(row: Row) -> list[Any]:
    """Return a pair's row on the page.

    Returns:
        pair, status, reason, message, pattern, warnings, the pictures of user, shop and
        result, each as (path, thumbnail) or None, and the `SCORES`.
    """
    scores = row.get("scores") or {}
    output = row.get("output") or {}
    return [
        row["pair"],
        row["status"],
        row["reason"],
        row.get("message"),
        row.get("pattern"),
        row.get("warnings", []),
        _picture(row.get("user"), "path"),
        _picture(row.get("shop"), "path"),
        _picture(output, "file"),
        *(scores.get(name) for name in SCORES),
    ]


def _picture(values: Any, name: str) -> list[str | None] | None:
    if not isinstance(values, dict) or not isinstance(values.get(name), str):
        return None
    sha256 = values.get("sha256")
    thumb = f"{THUMBS}/{thumb_name(sha256)}" if isinstance(sha256, str) else None
    return [values[name], thumb]


def _lines(rows: Iterable[Row]) -> Iterator[bytes]:
    separator = ""
    for row in rows:
        text = json.dumps(describe_row(row), separators=(",", ":"))
        # Within a script only these could end it, or start a comment.
        text = text.replace("<", "\\u003c").replace(">", "\\u003e")
        yield f"{separator}{text}\n".encode()
        separator = ","
