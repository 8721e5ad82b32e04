"""`tryon patterns`: the patterns at hand, and patterns from elsewhere."""

import json
from pathlib import Path
from typing import Any

import click

from tryon.cli.shared import PHOTO, echo_json, quiet_start, user_errors

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def patterns() -> None:
    """List, show, export, import and remove the patterns of `tryon train pattern`."""


@patterns.command("list")
@_JSON
@user_errors
def list_command(as_json: bool) -> None:
    """List the patterns at hand: yours, and those that ship.

    Where both have one name, yours is taken.
    """
    from tryon.pattern_files import describe_patterns

    rows = describe_patterns()
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        click.echo(f"{row['name']:<20} {row['where']:<8} {_facts(row)}")


def _facts(row: dict[str, Any]) -> str:
    if "problem" in row:
        return f"cannot be used: {row['problem']}"
    size = row["bytes"] / 1e6
    return f"{size:.1f} MB  {row['sha256'][:12]}  {_shown(row['licence'])}"


def _shown(value: Any) -> str:
    """Return a card's value on one line; a card from elsewhere may hold anything."""
    if isinstance(value, str) and value.isprintable():
        return value
    return json.dumps(value)


@patterns.command()
@click.argument("name")
@_JSON
@user_errors
def show(name: str, as_json: bool) -> None:
    """Show the card of pattern NAME: licence, data, settings, figures.

    NAME may be the path of a card.
    """
    from tryon.zoo import pattern_card

    card = pattern_card(name)
    if as_json:
        echo_json({**card.values, "path": str(card.path)})
        return
    for key, value in card.values.items():
        click.echo(f"{_shown(key):<10} {_shown(value)}")
    click.echo(f"{'path':<10} {card.path}")


@patterns.command()
@click.argument("name")
@click.option(
    "-o",
    "--out",
    type=PHOTO,
    metavar="FILE.zip",
    help="File to write.  [default: NAME.zip here]",
)
@user_errors
def export(name: str, out: Path | None) -> None:
    """Write pattern NAME, card and weights, into one zip; prints its path."""
    from tryon.pattern_files import export_pattern

    out = out or Path(f"{Path(name).stem}.zip")
    if out.suffix.lower() != ".zip":
        raise click.UsageError(f"-o {out}: expected a name that ends in .zip")
    export_pattern(name, out)
    click.echo(out)


@patterns.command("import")
@click.argument("file", type=PHOTO, metavar="FILE.zip")
@click.option("--force", is_flag=True, help="Replace a pattern of the same name.")
@click.pass_context
@user_errors
def import_command(context: click.Context, file: Path, force: bool) -> None:
    """Put the pattern of FILE.zip among yours; prints its card's path.

    Size, hash and shapes are checked; nothing in the file is run.
    """
    from tryon.pattern_files import import_pattern

    with quiet_start(context):
        card = import_pattern(file, force)
    click.echo(card)


@patterns.command()
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@user_errors
def remove(name: str, yes: bool) -> None:
    """Remove pattern NAME, one of yours; those that ship stay."""
    from tryon.pattern_files import own_card, remove_pattern

    card = own_card(name)
    if not yes:
        click.confirm(f"Remove {card} and its weights?", abort=True, err=True)
    remove_pattern(name)
