"""Training batches of the refiner: views of garments with corrupted detector masks.

At inference the refiner gets whatever Mask R-CNN detects: inexact boxes, coarse masks,
trousers taken for a shirt. So windows are jittered and masks corrupted here, unless an
example has a real detection of Mask R-CNN.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import transform

from mrcnn.batches import WeightedBatches
from mrcnn.data import UNNAMED
from mrcnn.pose.body import draw_body, torso_length
from mrcnn.windows import (
    MIRRORED_LANDMARKS,
    PART_STRIDE,
    JitterConfig,
    box_or_frame,
    jittered_window,
    resample,
    resample_nearest,
)

NO_PART = 255  # unknown, in a map of parts: ignored by the loss
LONG_SLEEVE_TOP = 2  # DeepFashion2's category id
JITTER = JitterConfig(
    shift_sigma=0.06,
    log_scale_mean=0.05,
    log_scale_sigma=0.16,
    rotation_sigma=9,
    stretch_sigma=0.08,
    perspective_sigma=0.12,
)


@dataclass(frozen=True)
class CropConfig:
    """How photos are cropped, as if they had been taken from closer."""

    probability: float = 0.35
    close_probability: float = 0.4  # of crops that cut into all four sides of the garment
    max_inset: float = 0.3  # of a side, fraction of the garment's width or height
    max_outset: float = 0.4  # of a side that does not cut into the garment, likewise
    # Inset on both sides from which no sleeve's end is visible, fraction of the width.
    sleeveless_inset: float = 0.06
    min_side: int = 16  # pixels; smaller crops are not made


@dataclass(frozen=True)
class CorruptionConfig:
    """Distribution of the detector masks that `corrupt_mask` imitates."""

    box_probability: float = 0.06  # of a mask that is only its bounding box
    box_value: float = 0.5  # of such a mask
    min_grid: int = 10  # cells per side of a coarse mask, log-uniform
    max_grid: int = 64
    noise_grid: int = 6  # cells per side of low-frequency noise
    max_noise: float = 0.3  # its standard deviation, uniform from 0
    ellipse_rate: float = 0.7  # expected number of ellipses that are added or removed
    ellipse_radius: tuple[float, float] = (0.04, 0.2)  # fraction of the view
    ellipse_center: tuple[float, float] = (0.15, 0.85)  # fraction of the view
    slope: tuple[float, float] = (4, 14)  # of the sigmoid that sharpens the mask
    threshold: tuple[float, float] = (0.35, 0.65)  # of that sigmoid
    shift_sigma: float = 0.015  # fraction of the view


@dataclass(frozen=True)
class BodyConfig:
    """Distribution of a body's errors, beside those that the pose network makes anyway.

    The refiner must also do without a body: where the pose network sees none.
    """

    drop_probability: float = 0.3  # of no body at all
    hide_probability: float = 0.05  # of each landmark that it counts as invisible
    noise: float = 0.03  # mean of the landmarks' standard deviation, share of the torso


CROP, CORRUPTION, BODY = CropConfig(), CorruptionConfig(), BodyConfig()


@dataclass(frozen=True)
class Region:
    """One example of the refiner: a garment, or a false detection.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        mask: bool (H, W), in a view float32 in [0, 1], the ground truth; None when it is
            unknown.
        hint: float32 (H, W) in [0, 1], the detector's mask; None corrupts `mask` instead.
        label: DeepFashion2's category id, 1 to 13, 0 for none of them, or `UNNAMED`.
        landmarks: float32 (K, 3), x and y in pixels, and visibility: 2 visible, 1
            occluded, 0 outside; None when they are unknown.
        foreground: bool (H, W), what is kept when the background is replaced; None when
            it is unknown.
        parts: uint8 (H, W), indices of `PART_NAMES`, or `NO_PART`; None when all are
            unknown.
        body: float32 (33, 3), the wearer's landmarks, x and y in pixels and visibility
            from 0 to 1; None when there is no wearer.
        cut: whether the photo shows more of the garment than the mask; its background
            must be replaced then.
    """

    image: np.ndarray
    mask: np.ndarray | None
    hint: np.ndarray | None
    label: int
    landmarks: np.ndarray | None = None
    foreground: np.ndarray | None = None
    parts: np.ndarray | None = None
    body: np.ndarray | None = None
    cut: bool = False

    def __post_init__(self) -> None:
        """Check that the garment's place is known."""
        if self.mask is None and self.hint is None:
            raise ValueError("expected a mask or a hint, got neither")

    @property
    def mask_or_hint(self) -> np.ndarray:
        """The ground truth, or else the detector's mask."""
        mask = self.hint if self.mask is None else self.mask
        assert mask is not None
        return mask


Change = Callable[[Region, np.random.Generator], Region]


class RefinerBatches(WeightedBatches):
    """Batches for `RefinerTrainer.fit`, sampled for every step from its own seed.

    Args:
        load: returns the region of an index.
        weights: relative sampling probability of each index.
        size: height and width of a view.
        batch_size: views per step.
        steps: batches per epoch.
        landmarks: K.
        body_planes: P, of `draw_body`, or 0.
        seed: of all random numbers.
        augment: changes a view's colours and occludes parts of it; None does not.
        workers: threads that make batches.
        epoch: number of the epoch; every epoch has other views.
    """

    def __init__(
        self,
        load: Callable[[int, np.random.Generator], Region],
        weights: Sequence[float],
        size: int,
        batch_size: int,
        steps: int,
        landmarks: int = 25,
        body_planes: int = 0,
        seed: int = 0,
        augment: Change | None = None,
        workers: int = 1,
        epoch: int = 0,
    ):
        super().__init__(weights, batch_size, steps, seed, workers, epoch)
        self.load, self.augment, self.size = load, augment, size
        self.landmarks, self.body_planes = landmarks, body_planes

    def row(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return the arrays of `pack_region`."""
        view = random_region(self.load(index, rng), self.size, rng)
        if view.hint is None:
            view = replace(view, hint=corrupt_mask(view.mask_or_hint, rng))
        if self.augment is not None:
            view = self.augment(view, rng)
        body = vary_body(view.body, rng)
        return pack_region(replace(view, body=body), self.landmarks, self.body_planes)


def random_region(
    region: Region,
    size: int,
    rng: np.random.Generator,
    strength: float = 1.0,
    jitter: JitterConfig = JITTER,
    crop: CropConfig = CROP,
) -> Region:
    """Resample a region to a random view: crop, shift, scale, rotation, flip, tilt.

    The window is laid around the detector's mask, as at inference, or else around the
    ground truth.

    Args:
        region: in its whole photo.
        size: height and width of the view.
        rng: random generator.
        strength: factor of the jitter; 0 gives the window at inference.
        jitter: distribution of the window.
        crop: distribution of the photo's crops.

    Returns:
        The view, all planes (size, size); landmarks outside it have visibility 0.
    """
    if strength and rng.random() < crop.probability:
        region = _crop_photo(region, box_or_frame(region.mask_or_hint), rng, crop)
    mask = region.mask_or_hint if region.hint is None else region.hint
    window, mirrored = jittered_window(box_or_frame(mask), size, rng, jitter, strength)
    return _warp(region, window, size, mirrored)


def _crop_photo(
    region: Region, bounds: np.ndarray, rng: np.random.Generator, config: CropConfig
) -> Region:
    """Crop the photo into the garment, as if it had been taken from closer.

    The class of a long-sleeve top without its sleeves becomes unknown: they might as well
    be short.
    """
    height, width = region.image.shape[:2]
    x1, y1, x2, y2 = bounds
    is_close = rng.random() < config.close_probability
    insets = rng.uniform(0 if is_close else -config.max_outset, config.max_inset, 4)
    inside = insets * np.array([x2 - x1, y2 - y1] * 2)
    sleeveless = min(insets[0], insets[2]) > config.sleeveless_inset
    is_unnamed = sleeveless and region.label == LONG_SLEEVE_TOP
    left, top = np.maximum([x1, y1] + inside[:2], 0).astype(int)
    right, bottom = np.minimum([x2, y2] - inside[2:], [width, height]).astype(int)
    if right - left < config.min_side or bottom - top < config.min_side:
        return region
    part = np.s_[top:bottom, left:right]
    mask, hint, foreground, parts = (
        None if plane is None else plane[part]
        for plane in (region.mask, region.hint, region.foreground, region.parts)
    )
    offset = np.array([left, top, 0], np.float32)
    points, body = (
        None if places is None else places - offset
        for places in (region.landmarks, region.body)
    )
    label = UNNAMED if is_unnamed else region.label
    return replace(
        region,
        image=region.image[part],
        mask=mask,
        hint=hint,
        label=label,
        landmarks=points,
        foreground=foreground,
        parts=parts,
        body=body,
    )


def _warp(region: Region, window: np.ndarray, size: int, mirrored: bool) -> Region:
    planes = [
        None
        if plane is None
        else resample((np.clip(plane, 0, 1) * 255).astype(np.uint8), window, size)
        / np.float32(255)
        for plane in (region.mask, region.hint, region.foreground)
    ]
    mask, hint, foreground = planes
    parts = region.parts
    return replace(
        region,
        image=resample(region.image, window, size),
        mask=mask,
        hint=hint,
        landmarks=_warp_landmarks(region, window, size, mirrored),
        foreground=foreground,
        parts=None if parts is None else resample_nearest(parts, window, size),
        body=None if region.body is None else _warp_points(region.body, window),
    )


def _warp_landmarks(
    region: Region, window: np.ndarray, size: int, mirrored: bool
) -> np.ndarray | None:
    if region.landmarks is None:
        return None
    points = region.landmarks[MIRRORED_LANDMARKS] if mirrored else region.landmarks
    height, width = region.image.shape[:2]
    moved = _warp_points(points, window)[:, :2]
    inside = ((moved >= 0) & (moved < size)).all(1)
    inside &= ((points[:, :2] >= 0) & (points[:, :2] < [width, height])).all(1)
    visibility = np.where(inside, points[:, 2], 0)
    return np.column_stack([moved, visibility]).astype(np.float32)


def _warp_points(points: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Map points (K, 3) from the photo to a view; their third value stays."""
    places = transform.matrix_transform(points[:, :2], np.linalg.inv(window))
    return np.column_stack([places, points[:, 2]]).astype(np.float32)


def vary_body(
    body: np.ndarray | None, rng: np.random.Generator, config: BodyConfig = BODY
) -> np.ndarray | None:
    """Imitate what the pose network may read of a body: nothing, or inexact landmarks.

    Args:
        body: float32 (33, 3), see `Region`.
        rng: random generator.
        config: distribution of the errors.
    """
    if body is None or rng.random() < config.drop_probability:
        return None
    varied = body.copy()
    sigma = rng.exponential(config.noise) * torso_length(body)
    varied[:, :2] += rng.normal(0, sigma, (len(body), 2))
    varied[:, 2] *= rng.random(len(body)) >= config.hide_probability
    return varied


def corrupt_mask(
    mask: np.ndarray, rng: np.random.Generator, config: CorruptionConfig = CORRUPTION
) -> np.ndarray:
    """Imitate the mask that Mask R-CNN might predict for a garment.

    Args:
        mask: float32 (S, S) in [0, 1], the ground truth.
        rng: random generator.
        config: distribution of the errors.

    Returns:
        float32 (S, S) in [0, 1]: coarse, shifted, with parts missing or added; rarely
        only a box.
    """
    size = len(mask)
    x1, y1, x2, y2 = box_or_frame(mask)
    if rng.random() < config.box_probability:
        hint = np.zeros_like(mask)
        hint[y1:y2, x1:x2] = config.box_value
        return hint
    low, high = np.log(config.min_grid), np.log(config.max_grid)
    grid = int(np.exp(rng.uniform(low, high)))
    cells = Image.fromarray(mask.astype(np.float32)).resize(
        (grid, grid), Image.Resampling.BOX
    )
    coarse = np.asarray(cells, np.float32)
    noise = _smooth_noise(grid, rng, config.noise_grid)
    coarse = (coarse + noise * rng.uniform(0, config.max_noise)).astype(np.float32)
    for _ in range(rng.poisson(config.ellipse_rate)):
        coarse[_ellipse(grid, rng, config)] = float(rng.random() < 0.5)
    slope = rng.uniform(*config.slope)
    coarse = 1 / (1 + np.exp(-slope * (coarse - rng.uniform(*config.threshold))))
    soft = Image.fromarray(coarse.astype(np.float32))
    hint = np.asarray(soft.resize((size, size), Image.Resampling.BILINEAR))
    shift = np.rint(rng.normal(0, config.shift_sigma, 2) * size).astype(int)
    return np.roll(hint, shift, (0, 1)).astype(np.float32)


def _smooth_noise(size: int, rng: np.random.Generator, cells: int) -> np.ndarray:
    """Return standard normal noise of cells x cells, resized to size x size."""
    noise = rng.normal(0, 1, (cells, cells))
    noise = ndimage.zoom(noise, size / cells, order=1)[:size, :size]
    return np.pad(noise, [(0, size - n) for n in noise.shape], mode="edge")


def _ellipse(size: int, rng: np.random.Generator, config: CorruptionConfig) -> np.ndarray:
    """Return a random ellipse as a mask, bool (size, size)."""
    ys, xs = np.mgrid[:size, :size] / size
    radius = rng.uniform(*config.ellipse_radius, 2)
    center = rng.uniform(*config.ellipse_center, 2)
    return ((ys - center[0]) / radius[0]) ** 2 + ((xs - center[1]) / radius[1]) ** 2 < 1


def pack_region(
    view: Region, landmarks: int, body_planes: int = 0
) -> dict[str, np.ndarray]:
    """Pack a view into the arrays of a batch row.

    Args:
        view: of a region.
        landmarks: K.
        body_planes: P, of `draw_body`, or 0.

    Returns:
        `views` float32 (S, S, 4 + P), RGB, hint and body, 0..255; `gt_masks` (S/2, S/2)
        in [0, 1], `gt_label` int, `gt_landmarks` (K, 3) with x and y as fractions of the
        view, `gt_parts` int (S/4, S/4) with `NO_PART` where unknown, and `known` float32
        (3,): whether mask, label and landmarks are.
    """
    size = len(view.image)
    blank = np.zeros((size, size), np.float32)
    mask = blank if view.mask is None else view.mask
    hint = blank if view.hint is None else view.hint
    half_size = mask.reshape(size // 2, 2, size // 2, 2).mean(axis=(1, 3))
    points = np.zeros((landmarks, 3), np.float32)
    cells = slice(PART_STRIDE // 2, None, PART_STRIDE)
    parts = np.full((size, size), NO_PART) if view.parts is None else view.parts
    if view.landmarks is not None:
        points[:] = view.landmarks / np.array([size, size, 1])
    known = [view.mask is not None, view.label >= 0, view.landmarks is not None]
    body = draw_body(view.body, np.eye(3), size)[..., :body_planes]
    planes = np.dstack([view.image, np.float32(255) * hint, body])
    return {
        "views": planes.astype(np.float32),
        "gt_masks": half_size.astype(np.float32),
        "gt_label": np.array(max(view.label, 0), np.int32),
        "gt_landmarks": points,
        "gt_parts": parts[cells, cells].astype(np.int32),
        "known": np.array(known, np.float32),
    }
