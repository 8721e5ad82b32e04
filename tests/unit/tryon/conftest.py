"""Fake networks: both see red pixels, one in photos, one in the views of its finds."""

import numpy as np
import pytest

from tryon.segment import Segmenter


def is_red(image):
    return (image[..., 0] > 150) & (image[..., 1] < 100)


class FindsRed:
    """Stands for Mask R-CNN: finds the box of all red pixels, with a full mask."""

    image_size = 64

    def __init__(self, score=0.9):
        self.score, self.calls = score, []

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
        out["mask_boxes"] = out["boxes"].copy()
        return out


class DrawsRed:
    """Stands for the refiner: draws red pixels, sure to a degree that they are a class.

    Its first landmark lies in the middle of the red and is seen, the others lie at the
    view's left edge and are not.
    """

    image_size = 64

    def __init__(self, label=1, score=0.9):
        self.label, self.score, self.views = label, score, []

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
        return {"masks": masks, "classes": classes, "places": places, "seen": seen}


@pytest.fixture
def finder():
    return FindsRed()


@pytest.fixture
def drawer():
    return DrawsRed()


@pytest.fixture
def segmenter(finder, drawer):
    return Segmenter(finder, drawer)
