"""Augmentation of views for training, with imgaug. The only module that imports it.

imgaug 0.4.0 asks numpy for `np.sctypes`, which numpy 2 no longer has; the lines before
its import restore it.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from data_tools.augment.backdrops import Picture, swap_background
from data_tools.augment.occluders import apply_occluder, draw_occluder

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


@dataclass(frozen=True)
class ViewConfig:
    """How often a view of the segmenter's training gets each change."""

    swap_share: float = 0.4  # of views whose foreground is known: another background
    occluder_share: float = 0.35  # of views with one occluder more, and again of these
    elastic_share: float = 0.2  # of views that are deformed


@dataclass(frozen=True)
class ElasticConfig:
    """A smooth random displacement field, and its inverse."""

    cells: int = 4  # a side of the coarse grid that is interpolated
    strength: float = 0.015  # standard deviation of the shifts, share of the size
    # Fixed-point iterations that invert the field for points; each reduces the error
    # several times.
    inverse_steps: int = 20
    max_edge: float = 1 / 40  # of the size: so short an edge may stay straight


@dataclass(frozen=True)
class GeometryConfig:
    """Ranges of the geometric transforms (docs/formats.md)."""

    translation: float = 0.15  # to each side, share of the picture's
    scale: tuple[float, float] = (0.8, 1.25)
    rotation: float = 12  # degrees to each side
    fill: int = 127  # grey of pixels from outside the picture


VIEW, ELASTIC, GEOMETRY = ViewConfig(), ElasticConfig(), GeometryConfig()


def view_augmenter(
    pieces: Sequence[Picture], config: ViewConfig = VIEW
) -> Callable[[Picture, Masks, Masks | None, np.random.Generator], tuple[Picture, Masks]]:
    """Return a function that augments views: background, occluders, shape, camera.

    Args:
        pieces: of `cut_backdrops`, uint8 (h, w, 3); may be empty.
        config: how often each happens.

    Returns:
        f(image uint8 (S, S, 3), masks bool (N, S, S), foreground bool (S, S) or None,
        rng) -> image and masks of the same shapes.
    """
    change_photo = photometric_augmenter()

    def augment(
        image: Picture, masks: Masks, foreground: Masks | None, rng: np.random.Generator
    ) -> tuple[Picture, Masks]:
        if foreground is not None and rng.random() < config.swap_share:
            image = swap_background(image, foreground, pieces, rng)
        while masks.any() and rng.random() < config.occluder_share:
            alpha, colors = draw_occluder(len(image), _box(masks, rng), pieces, rng)
            image, masks = apply_occluder(image, masks, alpha, colors)
        if rng.random() < config.elastic_share:
            image, masks = deform(image, masks, rng)
        return change_photo(image, rng), masks

    return augment


def _box(masks: Masks, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Return the box of one of the visible garments."""
    seen = masks[masks.any((1, 2))]
    ys, xs = np.nonzero(seen[rng.integers(len(seen))])
    return float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)


def deform(
    image: Picture,
    masks: Masks,
    rng: np.random.Generator,
    config: ElasticConfig = ELASTIC,
) -> tuple[Picture, Masks]:
    """Deform a view and its masks elastically, by up to a few percent.

    Args:
        image: uint8 (S, S, 3).
        masks: bool (N, S, S).
        rng: random generator.
        config: strength of the deformation.

    Returns:
        Image and masks of the same shapes.

    References:
        P. Simard et al., "Best Practices for Convolutional Neural Networks Applied to
        Visual Document Analysis", ICDAR 2003.
    """
    field = elastic_field(len(image), config.strength, rng, config)
    moved = [remap(mask.astype(np.uint8) * 255, field) for mask in masks]
    solid = np.array(moved, np.uint8).reshape(masks.shape) >= 128
    return remap(image, field).astype(np.uint8), solid


def elastic_field(
    size: int,
    strength: float,
    rng: np.random.Generator,
    config: ElasticConfig = ELASTIC,
) -> NDArray[np.float32]:
    """Draw a smooth deformation: the source coordinates of each pixel of a view.

    Args:
        size: height and width of the view.
        strength: standard deviation of the shifts, share of the size.
        rng: random generator.
        config: how coarse the deformation is.

    Returns:
        float32 (size, size, 2), x and y in pixels.
    """
    shifts = rng.normal(0, strength * size, (config.cells, config.cells, 2))
    smooth = cv2.resize(
        shifts.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
    )
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    return np.asarray(smooth + np.stack([xs, ys], axis=-1), np.float32)


def remap(
    plane: NDArray[Any],
    field: NDArray[np.float32],
    nearest: bool = False,
    fill: int | None = None,
) -> NDArray[Any]:
    """Sample a plane (H, W) or (H, W, C) at the coordinates of an `elastic_field`.

    Args:
        plane: uint8 or float32.
        field: float32 (H, W, 2), x and y in pixels.
        nearest: take the nearest pixel instead of interpolating.
        fill: grey of pixels outside the plane; None repeats the edge.
    """
    order = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    edge = cv2.BORDER_REPLICATE if fill is None else cv2.BORDER_CONSTANT
    x, y, gray = field[..., 0], field[..., 1], (fill or 0,) * 4
    return np.asarray(
        cv2.remap(plane, x, y, order, borderMode=edge, borderValue=gray)  # type: ignore[call-overload]
    )


@dataclass(frozen=True)
class GeometricTransform:
    """A geometric transform with drawn parameters; pixels from outside are grey.

    Convention:
        Points are x, y in pixels; the pixel of column 0 covers x from 0 to 1. The picture
        keeps its size, points may leave it.

    Attributes:
        transform_image: maps a picture, uint8 (H, W, 3).
        transform_points: maps float64 (N, 2).
        mirrors: whether left becomes right.
        max_edge: longest edge of a polygon, in pixels, whose image is straight enough;
            None where straight lines stay straight.
    """

    transform_image: Callable[[Picture], Picture]
    transform_points: Callable[[Points], Points]
    mirrors: bool = False
    max_edge: float | None = None


_BUILDERS: dict[str, Callable[[GeometryConfig], iaa.Augmenter]] = {
    "flip": lambda config: iaa.Fliplr(1.0),
    "translate": lambda config: _affine(
        config,
        translate_percent=dict.fromkeys("xy", (-config.translation, config.translation)),
    ),
    "scale": lambda config: _affine(config, scale=config.scale),
    "rotate": lambda config: _affine(config, rotate=(-config.rotation, config.rotation)),
}
GEOMETRIC_TRANSFORMS = (*_BUILDERS, "bend")


def _affine(config: GeometryConfig, **change: Any) -> iaa.Augmenter:
    return iaa.Affine(**change, mode="constant", cval=config.fill)


def draw_geometric(
    name: str,
    size: tuple[int, int],
    rng: np.random.Generator,
    config: GeometryConfig = GEOMETRY,
) -> GeometricTransform:
    """Draw the parameters of a geometric transform.

    Args:
        name: one of `GEOMETRIC_TRANSFORMS`; "bend" is an elastic deformation.
        size: (height, width) of the picture.
        rng: random generator.
        config: ranges of the parameters.
    """
    if name == "bend":
        return _draw_elastic(size, rng, config)
    augmenter = _BUILDERS[name](config)
    augmenter.seed_(int(rng.integers(2**31)))
    drawn = augmenter.to_deterministic()

    def transform_points(points: Points) -> Points:
        keypoints = KeypointsOnImage.from_xy_array(points, shape=(*size, 3))
        return np.asarray(drawn.augment_keypoints(keypoints).to_xy_array(), np.float64)

    return GeometricTransform(
        lambda image: np.asarray(drawn.augment_image(image)),
        transform_points,
        name == "flip",
    )


def _draw_elastic(
    size: tuple[int, int], rng: np.random.Generator, geometry: GeometryConfig
) -> GeometricTransform:
    height, width = size
    config = ELASTIC
    field = elastic_field(max(size), config.strength, rng, config)[:height, :width]
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    shifts = field - np.stack([xs, ys], axis=-1)

    def transform_points(points: Points) -> Points:
        # The field holds each pixel's source: the image q of a point p has
        # q + shift(q) = p.
        moved = start = points - 0.5  # the field is sampled at the centres of pixels
        for _ in range(config.inverse_steps):
            found = [
                map_coordinates(shifts[..., i], moved[:, ::-1].T, order=1, mode="nearest")
                for i in range(2)
            ]
            moved = start - np.stack(found, axis=-1)
        return moved + 0.5

    return GeometricTransform(
        lambda image: remap(image, field, fill=geometry.fill),
        transform_points,
        max_edge=max(1.0, config.max_edge * max(size)),
    )


def change_photo(image: Picture, rng: np.random.Generator) -> Picture:
    """Change light, colour and quality of a picture, uint8 (H, W, 3), as cameras do."""
    changes = iaa.Sequential([_photometric_changes()])
    changes.seed_(int(rng.integers(2**31)))
    return np.asarray(changes(image=image))


def photometric_augmenter() -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """Return a function that changes four of five photos as `change_photo` does.

    Returns:
        f(image uint8 (H, W, 3), rng) -> uint8 (H, W, 3).
    """
    built = threading.local()  # a pipeline holds its seed, so threads need one each

    def augment(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if not hasattr(built, "pipeline"):
            # In a list: imgaug seeds the members of a bare SomeOf, and not its choice.
            built.pipeline = iaa.Sometimes(0.8, [_photometric_changes()])
        built.pipeline.seed_(int(rng.integers(2**31)))
        return np.asarray(built.pipeline(image=image))

    return augment


def _photometric_changes() -> iaa.Augmenter:
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
    """Return a function that mirrors, translates, rotates and scales a cut-out.

    Returns:
        f(image uint8 (H, W, 3), mask bool (H, W), maps float32 (H, W, C) in [0, 1] or
        None, rng) -> the first three, moved. Pixels from outside repeat the edge of the
        picture, and do not belong to the mask. Maps are per-pixel values such as chart
        coordinates.
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
        maps: np.ndarray | None,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        pipeline.seed_(int(rng.integers(2**31)))
        segments = SegmentationMapsOnImage(mask.astype(np.int32), shape=image.shape)
        if maps is None:
            moved, segments = pipeline(image=image, segmentation_maps=segments)
            return np.asarray(moved), segments.get_arr().astype(bool), None
        heatmaps = HeatmapsOnImage(np.clip(maps, 0, 1), shape=image.shape)
        moved, segments, heatmaps = pipeline(
            image=image, segmentation_maps=segments, heatmaps=heatmaps
        )
        return np.asarray(moved), segments.get_arr().astype(bool), heatmaps.get_arr()

    return augment
