"""Training batches of the refiner: a garment's surroundings with a spoilt first mask.

The refiner meets whatever Mask R-CNN finds: boxes that are off, masks of a few cells,
trousers taken for a shirt. So boxes are shaken and hints spoilt here, unless an example
brings a real find of Mask R-CNN along.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np
from PIL import Image
from scipy import ndimage

from mrcnn.config import CLASS_NAMES
from mrcnn.data import UNNAMED
from mrcnn.windows import (
    MIRRORED,
    homography,
    mask_bounds,
    pick,
    resample,
    square_window,
)

NO_PART = 255  # of a map of parts: what is there is not known
CROP, CLOSE = 0.35, 0.4  # how often a photo is cut, and how often through all its sides
# Shares of a garment by which the frame comes in at each side, at most, and goes out.
CUT, AROUND = 0.3, 0.4
SLEEVES = 0.06  # share of its width cut off at both sides: no sleeve's end is seen
_LONG_TOP = CLASS_NAMES.index("long sleeve top") + 1
PART_STRIDE = 4  # pixels of a view a cell of its parts


@dataclass(frozen=True)
class Region:
    """One thing to read again: a garment, or what was taken for one.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        mask: bool (H, W), or of a view float32 in [0, 1], the truth; None when it is not
            known.
        hint: float32 (H, W) in [0, 1], the first mask; None spoils `mask` instead.
        label: 1-based id into `CLASS_NAMES`, 0 for none of them, or `UNNAMED`.
        landmarks: float32 (K, 3), x and y in pixels and 2 seen, 1 hidden, 0 outside;
            None when they are not known.
        foreground: bool (H, W), what stays when an augmenter swaps the background; None
            when that is not known.
        parts: uint8 (H, W), indices of `PART_NAMES`, `NO_PART` where that is not known;
            None when nothing is.
    """

    image: np.ndarray
    mask: np.ndarray | None
    hint: np.ndarray | None
    label: int
    landmarks: np.ndarray | None = None
    foreground: np.ndarray | None = None
    parts: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check that there is something to look at."""
        if self.mask is None and self.hint is None:
            raise ValueError("expected a mask or a hint, got neither")

    @property
    def meant(self) -> np.ndarray:
        """The mask, or else the hint: where the thing is."""
        known = self.hint if self.mask is None else self.mask
        assert known is not None
        return known


Change = Callable[[Region, np.random.Generator], Region]


class RefinerBatches(keras.utils.PyDataset):
    """Batches for `RefinerTrainer.fit`, drawn anew for every step from a seed.

    Args:
        load: gives the region of an index.
        shares: how often each index is drawn, relative; its length is their number.
        size: height and width of a view.
        batch_size: views a step.
        steps: batches an epoch.
        landmarks: K.
        seed: of all draws.
        augment: changes a view's colours and covers parts of it; None leaves it.
        workers: threads that draw.
        epoch: number of the first epoch; every epoch has other views.
    """

    def __init__(
        self,
        load: Callable[[int, np.random.Generator], Region],
        shares: Sequence[float],
        size: int,
        batch_size: int,
        steps: int,
        landmarks: int = 25,
        seed: int = 0,
        augment: Change | None = None,
        workers: int = 1,
        epoch: int = 0,
    ):
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=16)
        self.load, self.augment, self.steps = load, augment, steps
        self.size, self.batch_size, self.landmarks = size, batch_size, landmarks
        total = np.asarray(shares, np.float64)
        self.shares = total / total.sum()
        self.seed, self.epoch = seed, epoch

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self.steps

    def __getitem__(self, index: int):
        """Return one batch: the inputs dict of `RefinerTrainer` in a tuple."""
        rng = np.random.default_rng([self.seed, self.epoch, index])
        picks = rng.choice(len(self.shares), self.batch_size, p=self.shares)
        rows = [self._row(int(pick), rng) for pick in picks]
        return ({name: np.stack([row[name] for row in rows]) for name in rows[0]},)

    def _row(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        view = random_region(self.load(index, rng), self.size, rng)
        if view.hint is None:
            view = replace(view, hint=spoil_mask(view.meant, rng))
        if self.augment is not None:
            view = self.augment(view, rng)
        return pack_region(view, self.landmarks)


def random_region(
    region: Region, size: int, rng: np.random.Generator, shake: float = 1.0
) -> Region:
    """Look at a region through a shaken window: shift, scale, turn, mirror, tilt.

    The window lies around the first mask, as in use, or else around the truth.

    Args:
        region: the thing in its whole photo.
        size: height and width of the view.
        rng: source of chance.
        shake: 0 gives the window that prediction uses.

    Returns:
        The view, everything (size, size); landmarks outside of it get v = 0.

    Convention:
        The window is a projective map from view pixels to photo pixels.
    """
    if shake and rng.random() < CROP:
        region = _crop(region, mask_bounds(region.meant), rng)
    first = region.meant if region.hint is None else region.hint
    centre, span = square_window(mask_bounds(first))
    centre = centre + rng.normal(0, 0.06 * shake, 2) * span
    span *= np.exp(rng.normal(0.05 * shake, 0.16 * shake))
    angle = np.deg2rad(rng.normal(0, 9 * shake))
    flip = -1.0 if shake and rng.random() < 0.5 else 1.0
    stretch = np.exp(rng.normal(0, 0.08 * shake))
    cos, sin = np.cos(angle) * span / size, np.sin(angle) * span / size
    turn = np.array([[cos * flip * stretch, -sin], [sin * flip * stretch, cos]])
    tilt = rng.normal(0, 0.12 * shake, 2) / size
    return _warp(region, homography(centre, turn, tilt, size), size, flip < 0)


def _crop(region: Region, bounds: np.ndarray, rng: np.random.Generator) -> Region:
    """Cut the photo's frame into the garment, as a photo from close by does.

    A long-sleeve top without its sleeves is of no known class: it may be dressed as if
    they were short.
    """
    height, width = region.image.shape[:2]
    x1, y1, x2, y2 = bounds
    shares = rng.uniform(0 if rng.random() < CLOSE else -AROUND, CUT, 4)
    inside = shares * np.array([x2 - x1, y2 - y1] * 2)
    sleeveless = min(shares[0], shares[2]) > SLEEVES
    label = UNNAMED if sleeveless and region.label == _LONG_TOP else region.label
    left, top = np.maximum([x1, y1] + inside[:2], 0).astype(int)
    right, bottom = np.minimum([x2, y2] - inside[2:], [width, height]).astype(int)
    if right - left < 16 or bottom - top < 16:
        return region
    part = np.s_[top:bottom, left:right]
    mask, hint, foreground, parts = (
        None if plane is None else plane[part]
        for plane in (region.mask, region.hint, region.foreground, region.parts)
    )
    points = region.landmarks
    if points is not None:
        points = points - np.array([left, top, 0], np.float32)
    return Region(region.image[part], mask, hint, label, points, foreground, parts)


def _warp(region: Region, matrix: np.ndarray, size: int, mirrored: bool) -> Region:
    planes = [
        None
        if plane is None
        else resample((np.clip(plane, 0, 1) * 255).astype(np.uint8), matrix, size)
        / np.float32(255)
        for plane in (region.mask, region.hint, region.foreground)
    ]
    mask, hint, foreground = planes
    return Region(
        resample(region.image, matrix, size),
        mask,
        hint,
        region.label,
        _move_points(region, matrix, size, mirrored),
        foreground,
        None if region.parts is None else pick(region.parts, matrix, size),
    )


def _move_points(
    region: Region, matrix: np.ndarray, size: int, mirrored: bool
) -> np.ndarray | None:
    if region.landmarks is None:
        return None
    points = region.landmarks[MIRRORED] if mirrored else region.landmarks
    height, width = region.image.shape[:2]
    moved = (
        np.column_stack([points[:, :2], np.ones(len(points))]) @ np.linalg.inv(matrix).T
    )
    moved = moved[:, :2] / moved[:, 2:]
    inside = ((moved >= 0) & (moved < size)).all(1)
    inside &= ((points[:, :2] >= 0) & (points[:, :2] < [width, height])).all(1)
    seen = np.where(inside, points[:, 2], 0)
    return np.column_stack([moved, seen]).astype(np.float32)


def spoil_mask(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make the first mask that Mask R-CNN might have drawn.

    Args:
        mask: float32 (S, S) in [0, 1], the truth.
        rng: source of chance.

    Returns:
        float32 (S, S) in [0, 1]: moved, coarse, with pieces missing and added; now and
        then only a box.
    """
    size = len(mask)
    x1, y1, x2, y2 = mask_bounds(mask)
    if rng.random() < 0.06:
        hint = np.zeros_like(mask)
        hint[y1:y2, x1:x2] = 0.5
        return hint
    grid = int(np.exp(rng.uniform(np.log(10), np.log(64))))
    cells = Image.fromarray(mask.astype(np.float32)).resize(
        (grid, grid), Image.Resampling.BOX
    )
    coarse = np.asarray(cells, np.float32)
    noise = ndimage.zoom(rng.normal(0, 1, (6, 6)), grid / 6, order=1)[:grid, :grid]
    noise = np.pad(noise, [(0, grid - n) for n in noise.shape], mode="edge")
    coarse = (coarse + noise * rng.uniform(0, 0.3)).astype(np.float32)
    for _ in range(rng.poisson(0.7)):
        coarse[_ellipse(grid, rng)] = float(rng.random() < 0.5)
    steep = rng.uniform(4, 14)
    coarse = 1 / (1 + np.exp(-steep * (coarse - rng.uniform(0.35, 0.65))))
    soft = Image.fromarray(coarse.astype(np.float32))
    hint = np.asarray(soft.resize((size, size), Image.Resampling.BILINEAR))
    shift = np.rint(rng.normal(0, 0.015, 2) * size).astype(int)
    return np.roll(hint, shift, (0, 1)).astype(np.float32)


def _ellipse(size: int, rng: np.random.Generator) -> np.ndarray:
    ys, xs = np.mgrid[:size, :size] / size
    radius = rng.uniform(0.04, 0.2, 2)
    centre = rng.uniform(0.15, 0.85, 2)
    return ((ys - centre[0]) / radius[0]) ** 2 + ((xs - centre[1]) / radius[1]) ** 2 < 1


def pack_region(view: Region, landmarks: int) -> dict[str, np.ndarray]:
    """Put a view into the arrays of a batch row.

    Returns:
        `views` float32 (S, S, 4), RGB and hint, 0..255; `gt_masks` (S/2, S/2) in [0, 1],
        `gt_label` int, `gt_landmarks` (K, 3) with x and y as shares of the view,
        `gt_parts` int (S/4, S/4) with `NO_PART` where it is not known, and `known`
        float32 (3,): whether mask, label and landmarks are.
    """
    size = len(view.image)
    nothing = np.zeros((size, size), np.float32)
    mask = nothing if view.mask is None else view.mask
    hint = nothing if view.hint is None else view.hint
    halves = mask.reshape(size // 2, 2, size // 2, 2).mean(axis=(1, 3))
    points = np.zeros((landmarks, 3), np.float32)
    cells = slice(PART_STRIDE // 2, None, PART_STRIDE)
    parts = np.full((size, size), NO_PART) if view.parts is None else view.parts
    if view.landmarks is not None:
        points[:] = view.landmarks / np.array([size, size, 1])
    known = [view.mask is not None, view.label >= 0, view.landmarks is not None]
    return {
        "views": np.dstack([view.image, np.float32(255) * hint]).astype(np.float32),
        "gt_masks": halves.astype(np.float32),
        "gt_label": np.array(max(view.label, 0), np.int32),
        "gt_landmarks": points,
        "gt_parts": parts[cells, cells].astype(np.int32),
        "known": np.array(known, np.float32),
    }
