"""Rendered pairs that differ in one thing alone: the skin, or the old shirt.

Person pNNNN wears an old tee A, another old one D, and the new one C, under one light and
exposure; S is A on another skin, SC likewise C. A, D and S put on C, and C puts on A.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import color

from data_tools.paint.designs import read_tee
from data_tools.paint.rendered_pairs import RenderedPair

CONTROLLED = "controlled"  # tag of all of these pairs
DARK = 45.0  # L*: skin and old cloth below are dark
# Picture of the user, shop picture and truth, by the renderer's letters.
CASES = (("A", "C", "C"), ("D", "C", "C"), ("S", "C", "SC"), ("C", "A", "A"))


def controlled_pairs(folder: Path, person: str) -> list[RenderedPair]:
    """Return the four pairs of a person of the renderer's profile `truth`.

    Args:
        folder: holds the renders.
        person: `pNNNN`.

    Raises:
        FileNotFoundError: a file is missing.
        KeyError: the renderer's facts lack the skin or the tuck.
    """
    pairs = []
    for old, new, truth in CASES:
        user, chart = f"{person}_{old}", f"{person}_A"
        text = (folder / f"{user}.json").read_text(encoding="utf-8")
        facts = json.loads(text)["synth"]
        image = np.asarray(Image.open(folder / f"{user}.jpg").convert("RGB"))
        cloth = lightness(image, read_tee(folder / f"{chart}.labels.png"))
        tags = (
            CONTROLLED,
            f"{_tone(facts['skin']['L'])} skin",
            f"{_tone(cloth)} old cloth",
            "tucked" if facts["tucked"] else "not tucked",
        )
        shop, target = f"{person}_{new}_shop", f"{person}_{truth}"
        pairs.append(RenderedPair(folder, user, shop, target, chart, tags))
    return pairs


def lightness(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """Return the mean L* of a picture (H, W, 3) inside a mask (H, W), not empty."""
    return float(color.rgb2lab(image[mask])[:, 0].mean())


def _tone(lightness: float) -> str:
    return "dark" if lightness < DARK else "light"
