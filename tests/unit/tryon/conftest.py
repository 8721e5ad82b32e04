"""Fake networks that see red pixels, in photos and in views of finds; drawn renders."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mrcnn.config import RefinerConfig
from tryon.segment import Segmenter

SIZE = (96, 80)  # height, width of a drawn render


def is_red(image):
    return (image[..., 0] > 150) & (image[..., 1] < 100)


class FindsRed:
    """Stands for Mask R-CNN: finds the box of all red pixels, with a full mask."""

    image_size = 64

    def __init__(self, label=1, score=0.9):
        self.label, self.score, self.calls = label, score, []

    def __call__(self, images):
        self.calls.append(len(images))
        count = len(images)
        out = {
            "boxes": np.zeros((count, 2, 4), np.float32),
            "labels": np.ones((count, 2), np.int32),
            "scores": np.zeros((count, 2), np.float32),
            "masks": np.ones((count, 2, 14, 14), np.float32),
        }
        for i, image in enumerate(images):
            ys, xs = np.nonzero(is_red(image))
            if len(ys):
                out["boxes"][i, 0] = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
                out["scores"][i, 0] = self.score
                out["labels"][i, 0] = self.label
        out["mask_boxes"] = out["boxes"].copy()
        return out


class DrawsRed:
    """Stands for the refiner: draws red pixels, sure to a degree that they are a class.

    Its first landmark lies in the middle of the red and is seen, the others lie at the
    view's left edge and are not. With `shows_skin`, skin lies along its upper edge.
    """

    config = RefinerConfig(image_size=64)
    image_size = 64

    def __init__(self, label=1, score=0.9):
        self.label, self.score, self.views = label, score, []
        self.shows_skin = False

    def __call__(self, views):
        self.views.append(views)
        red = is_red(views)
        cells = red.reshape(len(views), 32, 2, 32, 2).mean(axis=(2, 4))
        classes = np.full((len(views), 14), -50, np.float32)
        classes[:, self.label] = np.log(self.score)
        classes[:, 0] = np.log(1 - self.score)
        classes[~red.any(axis=(1, 2)), self.label] = -50
        places = np.zeros((len(views), 25, 2), np.float32)
        for place, mine in zip(places, red, strict=True):
            if mine.any():
                place[0] = (np.argwhere(mine).mean(axis=0)[::-1] + 0.5) / 64
        seen = np.full((len(views), 25), -9, np.float32)
        seen[:, 0] = 9
        masks = np.float32(cells * 24 - 12)
        parts = np.zeros((len(views), 16, 16, 8), np.float32)
        parts[..., 2] = 9
        if self.shows_skin:
            parts[:, 0, :, 1] = 99
        return {
            "masks": masks,
            "classes": classes,
            "places": places,
            "seen": seen,
            "parts": parts,
        }


@pytest.fixture
def finder():
    return FindsRed()


@pytest.fixture
def drawer():
    return DrawsRed()


@pytest.fixture
def segmenter(finder, drawer):
    return Segmenter(finder, drawer)


def draw_render(folder: Path, name: str, colour, worn: bool) -> None:
    """Write a drawn tee with labels, chart and, when worn, light and design."""
    mask = np.zeros(SIZE, bool)
    mask[20:84, 24:56] = True
    mask[20:40, 10:70] = True
    image = np.full((*SIZE, 3), 90, np.uint8)
    image[mask] = colour
    Image.fromarray(image).save(folder / f"{name}.jpg")
    Image.fromarray(np.where(mask, 2, 0).astype(np.uint8)).save(
        folder / f"{name}.labels.png"
    )
    ys, xs = np.mgrid[: SIZE[0], : SIZE[1]].astype(float)
    u, v = 0.5 * xs / SIZE[1], 1 - ys / SIZE[0]
    planes = np.vstack([u, v]) * 4095 * np.vstack([mask, mask])
    Image.fromarray(planes.astype(np.uint16)).save(folder / f"{name}.uv.png")
    if worn:
        light = np.where(mask, 200, 0).astype(np.uint8)
        Image.fromarray(light).save(folder / f"{name}.shade.png")
        design = np.full((128, 256, 3), colour, np.uint8)
        Image.fromarray(design).save(folder / f"{name}.tex.jpg")


@pytest.fixture
def renders(tmp_path):
    folder = tmp_path / "rendered"
    folder.mkdir()
    for number, colour in ((1, (200, 30, 30)), (2, (30, 30, 200)), (300, (9, 200, 9))):
        draw_render(folder, f"p{number:03d}_A", colour, worn=True)
        draw_render(folder, f"p{number:03d}_A_shop", colour, worn=False)
    return folder
