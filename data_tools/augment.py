"""Changes of views for training, with imgaug. The only module that imports it.

imgaug 0.4.0 asks numpy for `np.sctypes`, which numpy 2 no longer has; the lines before
its import give it back.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from data_tools.backdrops import Picture, backdrop
from data_tools.occluders import cover, draw_occluder

if not hasattr(np, "sctypes"):
    np.sctypes = {  # type: ignore[attr-defined]  # noqa: NPY201
        "int": [np.int8, np.int16, np.int32, np.int64],
        "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
        "float": [np.float16, np.float32, np.float64],
    }

try:
    import cv2
    import imgaug.augmenters as iaa
    from imgaug.augmentables.segmaps import SegmentationMapsOnImage
except ImportError as error:
    raise ImportError(
        "training needs imgaug: run `make install`, or "
        "`pip install 'tryon[train]' && pip install --no-deps imgaug==0.4.0`"
    ) from error


Masks = NDArray[np.bool_]
# How often a view gets each change.
SWAP_BACKGROUND = 0.4  # where the foreground is known
OCCLUDE = 0.35
BEND = 0.2
_MIN_FOREGROUND = 0.03  # of the view: less is no cut-out
_BEND_CELLS = 4


def view_augmenter(
    pieces: Sequence[Picture],
) -> Callable[[Picture, Masks, Masks | None, np.random.Generator], tuple[Picture, Masks]]:
    """Return a function that makes views harder: background, occluders, folds, camera.

    Args:
        pieces: of photos without garments, uint8 (h, w, 3); may be empty.

    Returns:
        f(image uint8 (S, S, 3), masks bool (N, S, S), foreground bool (S, S) or None,
        rng) -> image and masks of the same shapes.
    """
    change_light = photo_augmenter()

    def augment(
        image: Picture, masks: Masks, foreground: Masks | None, rng: np.random.Generator
    ) -> tuple[Picture, Masks]:
        if foreground is not None and rng.random() < SWAP_BACKGROUND:
            image = swap_background(image, foreground, pieces, rng)
        while masks.any() and rng.random() < OCCLUDE:
            alpha, colours = draw_occluder(len(image), _box(masks, rng), pieces, rng)
            image, masks = cover(image, masks, alpha, colours)
        if rng.random() < BEND:
            image, masks = bend(image, masks, rng)
        return change_light(image, rng), masks

    return augment


def _box(masks: Masks, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Return the box of one of the garments that are seen."""
    seen = masks[masks.any((1, 2))]
    ys, xs = np.nonzero(seen[rng.integers(len(seen))])
    return float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)


def swap_background(
    image: Picture, foreground: Masks, pieces: Sequence[Picture], rng: np.random.Generator
) -> Picture:
    """Put what is in front on another surface, with a soft shadow.

    Args:
        image: uint8 (S, S, 3).
        foreground: bool (S, S); when it is next to nothing the image stays.
        pieces: see `view_augmenter`.
        rng: source of chance.

    Returns:
        uint8 (S, S, 3).
    """
    if foreground.mean() < _MIN_FOREGROUND:
        return image
    size = len(image)
    cut = Image.fromarray(foreground.astype(np.uint8) * 255)
    # A pixel less all around: the rim holds the old background.
    alpha = cut.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.GaussianBlur(0.7))
    reach = size * rng.uniform(0.005, 0.05)
    shadow = cut.filter(ImageFilter.BoxBlur(reach))
    shift = tuple(int(step) for step in rng.normal(0, reach, 2))
    dark = np.roll(np.asarray(shadow, np.float32) / 255.0, shift, (0, 1))
    surface = backdrop(size, pieces, rng) * (1 - rng.uniform(0, 0.4) * dark[..., None])
    share = np.asarray(alpha, np.float32)[..., None] / 255.0
    return np.rint(image * share + surface * (1 - share)).astype(np.uint8)


def bend(image: Picture, masks: Masks, rng: np.random.Generator) -> tuple[Picture, Masks]:
    """Bend a view smoothly by up to a few percent, its masks with it.

    Args:
        image: uint8 (S, S, 3).
        masks: bool (N, S, S).
        rng: source of chance.
    """
    field = bend_field(len(image), 0.015, rng)
    bent = [remap(mask.astype(np.uint8) * 255, field) for mask in masks]
    solid = np.array(bent, np.uint8).reshape(masks.shape) >= 128
    return remap(image, field).astype(np.uint8), solid


def bend_field(
    size: int, strength: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw a smooth bend: where each pixel of a view comes from.

    Args:
        size: height and width of the view.
        strength: standard deviation of the shifts, share of the size.
        rng: source of chance.

    Returns:
        float32 (size, size, 2), x and y in pixels.
    """
    shifts = rng.normal(0, strength * size, (_BEND_CELLS, _BEND_CELLS, 2))
    smooth = cv2.resize(
        shifts.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
    )
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    return np.asarray(smooth + np.stack([xs, ys], axis=-1), np.float32)


def remap(
    plane: NDArray[Any], field: NDArray[np.float32], nearest: bool = False
) -> NDArray[Any]:
    """Read a plane (S, S) or (S, S, C) where a `bend_field` says; the edge is repeated.

    Args:
        plane: uint8 or float32.
        field: float32 (S, S, 2).
        nearest: no mixing of neighbours.
    """
    way = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    x, y = field[..., 0], field[..., 1]
    return np.asarray(cv2.remap(plane, x, y, way, borderMode=cv2.BORDER_REPLICATE))


def photo_augmenter() -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """Return a function that changes light, colour and quality as cameras do.

    Returns:
        f(image uint8 (H, W, 3), rng) -> uint8 (H, W, 3).
    """
    made = threading.local()  # a pipeline is seeded, so threads need one each

    def augment(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if not hasattr(made, "pipeline"):
            made.pipeline = _camera()
        made.pipeline.seed_(int(rng.integers(2**31)))
        return np.asarray(made.pipeline(image=image))

    return augment


def _camera() -> iaa.Augmenter:
    some = iaa.SomeOf(
        (1, 4),
        [
            iaa.Multiply((0.45, 1.45), per_channel=0.3),
            iaa.GammaContrast((0.6, 1.7)),
            iaa.LinearContrast((0.6, 1.5)),
            iaa.AddToHueAndSaturation((-40, 40), per_channel=True),
            iaa.Grayscale((0.3, 1.0)),
            iaa.GaussianBlur((0.3, 1.8)),
            iaa.MotionBlur(k=(3, 9)),
            iaa.AdditiveGaussianNoise(scale=(2, 14), per_channel=True),
            iaa.JpegCompression(compression=(50, 90)),
        ],
        random_order=True,
    )
    # In a list of its own: imgaug seeds the members of a bare SomeOf, and not its choice.
    return iaa.Sometimes(0.8, [some])


def cutout_augmenter() -> Callable[
    [np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]
]:
    """Return a function that mirrors, shifts, turns and scales a cut-out with its mask.

    Returns:
        f(image uint8 (H, W, 3), mask bool (H, W), rng) -> the same two, moved. What
        comes in from outside repeats the edge of the picture, and is not mask.
    """
    pipeline = iaa.Sequential(
        [
            iaa.Fliplr(0.5),
            iaa.Affine(
                scale=(0.88, 1.08),
                translate_percent={"x": (-0.06, 0.06), "y": (-0.06, 0.06)},
                rotate=(-6, 6),
                mode="edge",
            ),
            iaa.Sometimes(0.5, iaa.Multiply((0.88, 1.1))),
        ]
    )

    def augment(
        image: np.ndarray, mask: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        pipeline.seed_(int(rng.integers(2**31)))
        segments = SegmentationMapsOnImage(mask.astype(np.int32), shape=image.shape)
        moved, segments = pipeline(image=image, segmentation_maps=segments)
        return np.asarray(moved), segments.get_arr().astype(bool)

    return augment
