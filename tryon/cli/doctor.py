"""`tryon doctor`: is everything here that a run needs?"""

import platform
import sys

import click

from tryon.cli.shared import echo_json, load_keras, quiet_start

_PACKAGES = (
    "tensorflow",
    "keras",
    "numpy",
    "scipy",
    "scikit-image",
    "pillow",
    "click",
    "pycocotools",
    "openvino",
    "imgaug",
    "pillow-heif",
)
_OPTIONAL = ("openvino", "imgaug", "pillow-heif")  # of extras: "fast", "train", "heic"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Show versions, backend, models and their licences; exit 1 when something lacks."""
    rows, problems = _collect(context)
    if as_json:
        echo_json({"rows": dict(rows), "problems": problems})
    else:
        for name, value in rows:
            click.echo(f"{name:<22} {value}")
        for problem in problems:
            click.echo(f"Problem: {problem}", err=True)
    if problems:
        sys.exit(1)


def _collect(context: click.Context) -> tuple[list[tuple[str, str]], list[str]]:
    rows = [("python", platform.python_version()), ("machine", platform.platform())]
    problems: list[str] = []
    for package in _PACKAGES:
        version = _version(package)
        rows.append((package, version or "missing"))
        if version is None and package not in _OPTIONAL:
            problems.append(f"{package} is missing; install tryon again")
    if not problems:
        _collect_backend(context, rows, problems)
    _collect_models(rows, problems)
    if not problems:
        _collect_runtime(context, rows, problems)
    return rows, problems


def _version(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _collect_backend(
    context: click.Context, rows: list[tuple[str, str]], problems: list[str]
) -> None:
    from tryon.errors import TryOnError

    try:
        load_keras(context)
    except TryOnError as error:
        problems.append(str(error))
        return
    import keras

    rows.append(("backend", keras.backend.backend()))
    rows.append(("devices", ", ".join(keras.distribution.list_devices()) or "cpu"))


def _collect_models(rows: list[tuple[str, str]], problems: list[str]) -> None:
    from tryon import zoo
    from tryon.errors import MissingModel

    rows.append(("user's models", str(zoo.user_home())))
    rows.append(("cache", str(zoo.user_cache())))
    loaders = [(name, zoo.shipped_card) for name in zoo.SHIPPED_MODELS]
    loaders += [(name, zoo.pattern_card) for name in zoo.list_patterns()]
    for name, load in loaders:
        try:
            card = load(name)
        except MissingModel as error:
            problems.append(str(error))
        else:
            facts = f"{card.values['kind']}, {card.values['licence']}, {card.sha256[:12]}"
            rows.append((f"model {name}", facts))


def _collect_runtime(
    context: click.Context, rows: list[tuple[str, str]], problems: list[str]
) -> None:
    """Load the segmenter, to tell what really runs it."""
    from tryon.errors import TryOnError
    from tryon.segment import Segmenter

    try:
        with quiet_start(context):
            segmenter = Segmenter.from_pretrained()
    except TryOnError as error:
        problems.append(str(error))
        return
    used = {segmenter.predictor.runtime, segmenter.refiner.runtime}
    rows.append(("segmenter runs in", ", ".join(sorted(used))))
