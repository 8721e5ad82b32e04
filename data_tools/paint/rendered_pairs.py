"""Rendered try-on pairs with exact ground truth: inputs, expected result, correspondence.

Person pNNN wears tee A, and tee C: the same cut, folds and light in another design. The
photo in the one and the shop picture of the other are a pair; the photo in the other is
its ground truth. Worn and shop pictures share one chart, so the dense correspondence is
known as well.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from data_tools.formats.label_maps import RENDERED_VAL, read_map
from data_tools.paint.designs import TEE, read_chart, read_light

T = TypeVar("T")
MANIFEST = "pairs.json"
BODY, HAIR = 1, 4  # values of a rendered label map
# Designs of the renderer, by what is hard about them.
DESIGNS = {
    "plain": ("solid", "heather"),
    "stripes": ("hstripe", "vstripe", "breton", "check"),
    "blocks": ("block", "raglan"),
    "print": ("graphic", "text", "dots", "floral", "dye"),
}
LAYS = {"flat": "flat lay", "ghost": "ghost mannequin"}  # kinds of shop pictures
# Endings of the files that a pair needs.
WORN_FILES = (".labels.png", ".uv.png", ".shade.png")
SHOP_FILES = (".jpg", ".labels.png", ".uv.png")


@dataclass(frozen=True)
class TagConfig:
    """How much of a tee is occluded before a pair is tagged so."""

    min_arm: float = 0.025  # share of the tee's area: less is a thumb on the hip
    # Share of the tee's outline: less is a tip that touches the collar.
    min_hair: float = 0.02


DEFAULT = TagConfig()


@dataclass(frozen=True)
class RenderedPair:
    """Two pictures and the ground truth, by the stems of their files in a folder.

    Attributes:
        folder: holds the files.
        user: the person's photo, `….jpg`.
        shop: the shop picture, with the files of `SHOP_FILES`.
        truth: the photo of the person in the shop's tee, `….jpg`.
        chart: stem of the `WORN_FILES`, which hold for `user` and `truth` alike.
        tags: the cases that it represents, the design's first.
    """

    folder: Path
    user: str
    shop: str
    truth: str
    chart: str
    tags: tuple[str, ...]

    @property
    def name(self) -> str:
        """The pair's name, for messages and sheets."""
        return f"{self.user} in {self.shop}"

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all its files."""
        worn = (self.chart + ending for ending in WORN_FILES)
        shop = (self.shop + ending for ending in SHOP_FILES)
        return (f"{self.user}.jpg", f"{self.truth}.jpg", *worn, *shop)

    def path(self, stem: str, ending: str = ".jpg") -> Path:
        """Return the path of one of its files."""
        return self.folder / (stem + ending)

    def row(self) -> dict[str, Any]:
        """Return its entry in a manifest."""
        return {
            "user": self.user,
            "shop": self.shop,
            "truth": self.truth,
            "chart": self.chart,
            "tags": list(self.tags),
        }


@dataclass(frozen=True)
class Truth:
    """Ground truth of a pair.

    Attributes:
        tee: bool (H, W), the visible shirt.
        chart: float32 (H, W, 2), u and v of its pixels in [0, 1].
        light: float32 (H, W), linear light on it in [0, 1].
        shop_tee: bool (h, w), the shop's tee.
        shop_chart: float32 (h, w, 2), u and v of its pixels in [0, 1].
    """

    tee: NDArray[np.bool_]
    chart: NDArray[np.float32]
    light: NDArray[np.float32]
    shop_tee: NDArray[np.bool_]
    shop_chart: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Check that the arrays have matching shapes and show the front."""
        for tee, chart in (
            (self.tee, self.chart[..., 0]),
            (self.tee, self.light),
            (self.shop_tee, self.shop_chart[..., 0]),
        ):
            if tee.shape != chart.shape:
                raise ValueError(f"expected a tee of {chart.shape}, got {tee.shape}")
        if not (self.front.any() and self.shop_front.any()):
            raise ValueError("expected the front of a tee in both pictures, got none")

    @property
    def front(self) -> NDArray[np.bool_]:
        """The shirt's front panel with its half sleeves, bool (H, W)."""
        return self.tee & (self.chart[..., 0] < 0.5)

    @property
    def shop_front(self) -> NDArray[np.bool_]:
        """The front panel of the shop's tee, bool (h, w)."""
        return self.shop_tee & (self.shop_chart[..., 0] < 0.5)


def read_truth(pair: RenderedPair) -> Truth:
    """Read the ground truth of a pair.

    Raises:
        ValueError: when a file is damaged, or the files' sizes do not match.
    """
    try:
        return Truth(
            tee=_read(read_map, pair.path(pair.chart, ".labels.png")) == TEE,
            chart=_read(read_chart, pair.path(pair.chart, ".uv.png")),
            light=_read(read_light, pair.path(pair.chart, ".shade.png")),
            shop_tee=_read(read_map, pair.path(pair.shop, ".labels.png")) == TEE,
            shop_chart=_read(read_chart, pair.path(pair.shop, ".uv.png")),
        )
    except ValueError as error:
        raise ValueError(f"{pair.name}: {error}") from error


def _read(reader: Callable[[Path], T], path: Path) -> T:
    try:
        return reader(path)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: cannot be read ({error})") from error


def find_pairs(folder: Path) -> list[RenderedPair]:
    """Return the pairs of a folder of rendered people.

    They are those that its `pairs.json` lists; without one, both pairs of each person of
    the val split.

    Raises:
        FileNotFoundError: when there are none, or a file of one is missing.
        ValueError: when the manifest or a person's JSON is not in the expected form.
    """
    if (folder / MANIFEST).exists():
        pairs = read_manifest(folder)
    else:
        people = (f"p{number}" for number in RENDERED_VAL)
        present = (name for name in people if (folder / f"{name}_C.jpg").exists())
        pairs = [pair for name in present for pair in pairs_of(folder, name)]
    if not pairs:
        raise FileNotFoundError(
            f"{folder}: expected {MANIFEST}, or rendered people who wear A and C, of "
            f"the numbers {', '.join(map(str, RENDERED_VAL))}"
        )
    for pair in pairs:
        _check_files(pair)
    return pairs


def read_manifest(folder: Path) -> list[RenderedPair]:
    """Read the pairs that a folder's `pairs.json` lists.

    Raises:
        ValueError: when it is no list of pairs, or names files outside the folder.
    """
    path = folder / MANIFEST
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        pairs = [
            RenderedPair(folder, **(row | {"tags": tuple(row["tags"])})) for row in rows
        ]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}: expected a list of pairs ({error})") from error
    for pair in pairs:
        for name in (*pair.files, *pair.tags):
            if not isinstance(name, str) or Path(name).name != name:
                raise ValueError(f"{path}: expected plain names, got {name!r}")
    return pairs


def _check_files(pair: RenderedPair) -> None:
    missing = [name for name in pair.files if not (pair.folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{pair.folder}: {pair.name} lacks {', '.join(missing)}; render the person "
            "again"
        )


def pairs_of(folder: Path, person: str) -> list[RenderedPair]:
    """Return the two pairs of a person: A puts on C, and C puts on A.

    Args:
        folder: holds the renders.
        person: `pNNN`.

    Raises:
        ValueError: when the label map or a shop picture's JSON is missing or damaged.
    """
    chart = f"{person}_A"
    covered = cover_tags(_read(read_map, folder / f"{chart}.labels.png"))
    pairs = []
    for old, new in ("AC", "CA"):
        shop = f"{person}_{new}_shop"
        tags = (*design_tags(folder / f"{shop}.json"), *covered)
        user, truth = f"{person}_{old}", f"{person}_{new}"
        pairs.append(RenderedPair(folder, user, shop, truth, chart, tags))
    return pairs


def design_tags(path: Path) -> tuple[str, str]:
    """Read the kinds of design and of picture from a shop picture's JSON.

    Raises:
        ValueError: when they are missing or unknown, or the file cannot be read.
    """
    text = _read(partial(Path.read_text, encoding="utf-8"), path)
    try:
        facts = json.loads(text)["synth"]
        design, lay = facts["tee"]["kind"], facts["shop"]
        (kind,) = (name for name, group in DESIGNS.items() if design in group)
        return kind, LAYS[lay]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}: expected a known design ({error!r})") from error


def cover_tags(labels: NDArray[np.uint8], config: TagConfig = DEFAULT) -> tuple[str, ...]:
    """Return the kinds of occluders of the tee in a rendered label map, uint8 (H, W).

    An arm is body with tee above it and on both sides; hair counts where it borders on
    the tee.
    """
    tee = labels == TEE
    if not tee.any():
        return ()
    above = np.logical_or.accumulate(tee, axis=0)
    left = np.logical_or.accumulate(tee, axis=1)
    right = np.logical_or.accumulate(tee[:, ::-1], axis=1)[:, ::-1]
    arm = (labels == BODY) & above & left & right
    outline = tee & ~ndimage.binary_erosion(tee)
    beside_hair = outline & ndimage.binary_dilation(labels == HAIR)
    tags = []
    if arm.sum() > config.min_arm * tee.sum():
        tags.append("arm in front")
    if beside_hair.sum() > config.min_hair * outline.sum():
        tags.append("hair in front")
    return tuple(tags)
