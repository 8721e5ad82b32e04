"""Changes of views for training, with imgaug. The only module that imports it.

imgaug 0.4.0 asks numpy for `np.sctypes`, which numpy 2 no longer has; the lines before
its import give it back.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy.ndimage import map_coordinates

from data_tools.augment.backdrops import Picture, backdrop
from data_tools.augment.occluders import cover, draw_occluder

if not hasattr(np, "sctypes"):
    np.sctypes = {  # type: ignore[attr-defined]  # noqa: NPY201
        "int": [np.int8, np.int16, np.int32, np.int64],
        "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
        "float": [np.float16, np.float32, np.float64],
    }

try:
    import cv2
    import imgaug.augmenters as iaa
    from imgaug.augmentables.heatmaps import HeatmapsOnImage
    from imgaug.augmentables.kps import KeypointsOnImage
    from imgaug.augmentables.segmaps import SegmentationMapsOnImage
except ImportError as error:
    raise ImportError(
        "training needs imgaug: run `make install`, or "
        "`pip install 'tryon[train]' && pip install --no-deps imgaug==0.4.0`"
    ) from error


Masks = NDArray[np.bool_]
Points = NDArray[np.float64]
# How often a view gets each change.
SWAP_BACKGROUND = 0.4  # where the foreground is known
OCCLUDE = 0.35
BEND = 0.2
_MIN_FOREGROUND = 0.03  # of the view: less is no cut-out
_BEND_CELLS = 4
_BEND_STRENGTH = 0.015  # standard deviation of the shifts, share of the size
_BEND_STEPS = 20  # each brings a moved point several times nearer
_STRAIGHT = 1 / 40  # of the size: a line so long stays straight in a bend
_BEYOND = 127  # grey of what comes in from outside a picture


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
    field = bend_field(len(image), _BEND_STRENGTH, rng)
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
    plane: NDArray[Any],
    field: NDArray[np.float32],
    nearest: bool = False,
    beyond: int | None = None,
) -> NDArray[Any]:
    """Read a plane (H, W) or (H, W, C) where a `bend_field` says.

    Args:
        plane: uint8 or float32.
        field: float32 (H, W, 2).
        nearest: no mixing of neighbours.
        beyond: grey of what lies outside the plane; None repeats the edge.
    """
    way = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    edge = cv2.BORDER_REPLICATE if beyond is None else cv2.BORDER_CONSTANT
    x, y, grey = field[..., 0], field[..., 1], (beyond or 0,) * 4
    return np.asarray(
        cv2.remap(plane, x, y, way, borderMode=edge, borderValue=grey)  # type: ignore[call-overload]
    )


@dataclass(frozen=True)
class Move:
    """One change of a picture's geometry, drawn once; what comes in is grey.

    Convention:
        Points are x, y in pixels; the pixel of column 0 covers x from 0 to 1. The picture
        keeps its size, points may leave it.

    Attributes:
        image: moves a picture, uint8 (H, W, 3).
        points: moves float64 (N, 2).
        mirrors: whether left becomes right.
        longest: line in pixels that stays straight enough; None where all lines do.
    """

    image: Callable[[Picture], Picture]
    points: Callable[[Points], Points]
    mirrors: bool = False
    longest: float | None = None


# How far a picture is moved, of its sides and in degrees.
MOVES: dict[str, Callable[[], iaa.Augmenter]] = {
    "flip": lambda: iaa.Fliplr(1.0),
    "translate": lambda: _affine(
        translate_percent={"x": (-0.15, 0.15), "y": (-0.15, 0.15)}
    ),
    "scale": lambda: _affine(scale=(0.8, 1.25)),
    "rotate": lambda: _affine(rotate=(-12, 12)),
}


def _affine(**change: Any) -> iaa.Augmenter:
    return iaa.Affine(**change, mode="constant", cval=_BEYOND)


def draw_move(name: str, size: tuple[int, int], rng: np.random.Generator) -> Move:
    """Draw a move of `MOVES`, or "bend".

    Args:
        name: of the move.
        size: (height, width) of the picture.
        rng: source of chance.
    """
    if name == "bend":
        return _draw_bend(size, rng)
    augmenter = MOVES[name]()
    augmenter.seed_(int(rng.integers(2**31)))
    drawn = augmenter.to_deterministic()

    def move_points(points: Points) -> Points:
        marks = KeypointsOnImage.from_xy_array(points, shape=(*size, 3))
        return np.asarray(drawn.augment_keypoints(marks).to_xy_array(), np.float64)

    return Move(
        lambda image: np.asarray(drawn.augment_image(image)), move_points, name == "flip"
    )


def _draw_bend(size: tuple[int, int], rng: np.random.Generator) -> Move:
    height, width = size
    field = bend_field(max(size), _BEND_STRENGTH, rng)[:height, :width]
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    shifts = field - np.stack([xs, ys], axis=-1)

    def move_points(points: Points) -> Points:
        # The field says whence a pixel comes; a point's new place q has q + shift(q) = p.
        places = start = points - 0.5  # the field knows the middles of pixels
        for _ in range(_BEND_STEPS):
            at = places[:, ::-1].T
            found = [
                map_coordinates(shifts[..., i], at, order=1, mode="nearest")
                for i in range(2)
            ]
            places = start - np.stack(found, axis=-1)
        return places + 0.5

    return Move(
        lambda image: remap(image, field, beyond=_BEYOND),
        move_points,
        longest=max(1.0, _STRAIGHT * max(size)),
    )


def change_photo(image: Picture, rng: np.random.Generator) -> Picture:
    """Change light, colour and quality of a picture, uint8 (H, W, 3), as cameras do."""
    changes = iaa.Sequential([_camera_changes()])
    changes.seed_(int(rng.integers(2**31)))
    return np.asarray(changes(image=image))


def photo_augmenter() -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """Return a function that changes most photos, and does so as `change_photo`.

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
    # In a list of its own: imgaug seeds the members of a bare SomeOf, and not its choice.
    return iaa.Sometimes(0.8, [_camera_changes()])


def _camera_changes() -> iaa.Augmenter:
    return iaa.SomeOf(
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


def cutout_augmenter() -> Callable[
    [np.ndarray, np.ndarray, np.ndarray | None, np.random.Generator],
    tuple[np.ndarray, np.ndarray, np.ndarray | None],
]:
    """Return a function that mirrors, shifts, turns and scales a cut-out with its mask.

    Returns:
        f(image uint8 (H, W, 3), mask bool (H, W), places float32 (H, W, C) in [0, 1] or
        None, rng) -> the first three, moved. What comes in from outside repeats the edge
        of the picture, and is not mask.
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
        image: np.ndarray,
        mask: np.ndarray,
        places: np.ndarray | None,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        pipeline.seed_(int(rng.integers(2**31)))
        segments = SegmentationMapsOnImage(mask.astype(np.int32), shape=image.shape)
        if places is None:
            moved, segments = pipeline(image=image, segmentation_maps=segments)
            return np.asarray(moved), segments.get_arr().astype(bool), None
        maps = HeatmapsOnImage(np.clip(places, 0, 1), shape=image.shape)
        moved, segments, maps = pipeline(
            image=image, segmentation_maps=segments, heatmaps=maps
        )
        return np.asarray(moved), segments.get_arr().astype(bool), maps.get_arr()

    return augment
