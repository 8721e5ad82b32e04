"""Metrics of a try-on against the truth, each in three zones of the photo.

What each metric means: docs/evaluation.md.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial
from skimage import color, metrics

from data_tools.paint.designs import extend_nearest
from data_tools.paint.rendered_pairs import Truth

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
MAX_GREY_CHROMA = 8.0  # CIELAB: cloth of less is white, grey or black
RIM = 3  # pixels on each side of the shirt's outline


def zones(tee: Mask) -> dict[str, Mask]:
    """Partition a photo into the shirt's inside, a rim along its outline, and the rest.

    Args:
        tee: bool (H, W), the true shirt.

    Returns:
        bool (H, W) by name; each pixel is in exactly one.
    """
    around = ndimage.binary_dilation(tee, iterations=RIM)
    # The photo's edge is no outline: a shirt that it cuts continues outside.
    inside = ndimage.binary_erosion(tee, iterations=RIM, border_value=1)
    return {"inside": inside, "rim": around & ~inside, "outside": ~around}


def compare(
    image: NDArray[np.uint8], truth: NDArray[np.uint8], parts: dict[str, Mask]
) -> dict[str, float]:
    """Compare a result with the truth, zone by zone.

    Args:
        image: the result, uint8 (H, W, 3), at least 7 pixels per side.
        truth: the picture it should be, of the same size.
        parts: of `zones`; empty ones are left out.

    Returns:
        "SSIM", "dE" (CIEDE2000) and "gradients" (`gradient_correlation`), each with its
        zone's name.
    """
    _, similarity = metrics.structural_similarity(
        image, truth, channel_axis=-1, full=True, data_range=255
    )
    similarity = similarity.mean(axis=-1)
    difference = color.deltaE_ciede2000(color.rgb2lab(image), color.rgb2lab(truth))
    grey = color.rgb2gray(image), color.rgb2gray(truth)
    values = {}
    for name, part in parts.items():
        if part.any():
            values[f"SSIM {name}"] = float(similarity[part].mean())
            values[f"dE {name}"] = float(difference[part].mean())
            values[f"gradients {name}"] = gradient_correlation(*grey, part)
    return values


def gradient_correlation(
    image: NDArray[np.floating], truth: NDArray[np.floating], part: Mask
) -> float:
    """Return the correlation of two images' gradients, independent of their level.

    Args:
        image: luminance (H, W).
        truth: luminance (H, W).
        part: bool (H, W), the pixels that count.

    Returns:
        Mean of the correlations of the horizontal and of the vertical derivatives, in
        [-1, 1]; a direction in which either picture has none counts 0.

    References:
        Penney et al.: A comparison of similarity measures for use in 2-D-3-D medical
        image registration, IEEE TMI 17(4), 1998. doi:10.1109/42.730403
    """
    correlations = []
    for axis in (0, 1):
        pred, true = (ndimage.sobel(grey, axis)[part] for grey in (image, truth))
        pred, true = pred - pred.mean(), true - true.mean()
        scale = float(np.sqrt((pred**2).sum() * (true**2).sum()))
        correlations.append(float((pred * true).sum()) / scale if scale > 1e-9 else 0.0)
    return float(np.mean(correlations))


def panel_units(chart: Array) -> Array:
    """Scale a chart's u and v to the same unit, the side of a panel's square.

    The chart's two panels are side by side in [0, 1], so that u is doubled. A torso is
    about .6 wide.

    Args:
        chart: (..., 2), u and v in [0, 1].
    """
    return chart * np.array([2, 1], np.float32)


def coordinate_errors(coordinates: Array, truth: Truth) -> Array:
    """Return the error of the dense correspondence at each pixel, on the chart.

    Args:
        coordinates: (H, W, 2), the point of the shop picture that each pixel shows: (x,
            y) as fractions of its width and height, as of `Relit.shop_coordinates`.
        truth: of the pair.

    Returns:
        float32 (H, W): distance in `panel_units` between the true chart coordinates and
        those of that point (outside the garment, of its nearest pixel); NaN outside the
        shirt.
    """
    size = truth.shop_tee.shape
    x, y = (
        np.clip((coordinates[..., axis] * size[1 - axis]).astype(np.intp), 0, side - 1)
        for axis, side in ((0, size[1]), (1, size[0]))
    )
    chart = extend_nearest(truth.shop_chart, truth.shop_tee)[y, x]
    difference = panel_units(chart) - panel_units(truth.chart)
    return np.where(truth.tee, np.hypot(*np.moveaxis(difference, -1, 0)), np.nan)


@dataclass(frozen=True)
class OldClothConfig:
    """What counts as old cloth left, and as a change beside the shirt."""

    margin: int = 2  # pixels on each side of the outline that are left out
    kept: float = 8  # grey levels: a pixel that changed by less kept its colour
    differs: float = 30  # grey levels by which the truth's colour is another
    min_piece: int = 40  # pixels: smaller pieces kept their colour by chance


OLD_CLOTH = OldClothConfig()


def old_cloth(
    image: NDArray[np.uint8],
    user: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    tee: Mask,
    config: OldClothConfig = OLD_CLOTH,
) -> dict[str, float]:
    """Measure what a result leaves of the old shirt, and what it changes beside it.

    Args:
        image: the result, uint8 (H, W, 3).
        user: the photo before, and
        truth: the picture it should be, of the same size.
        tee: bool (H, W), the true shirt, not empty.
        config: what counts.

    Returns:
        "left" and "spilled", pixels as shares of the shirt's; "dE edge", CIEDE2000 in the
        band of `config.margin` pixels on each side of the outline.
    """
    before, after, right = (x.astype(np.int16) for x in (user, image, truth))
    changed, wanted = (np.abs(x - before).max(axis=-1) for x in (after, right))
    core = ndimage.binary_erosion(tee, iterations=config.margin, border_value=1)
    around = ndimage.binary_dilation(tee, iterations=config.margin)
    kept = core & (changed <= config.kept) & (wanted > config.differs)
    pieces, _ = ndimage.label(kept, np.ones((3, 3), bool))
    sizes = np.bincount(pieces.ravel())[1:]
    edge = around & ~core
    difference = color.deltaE_ciede2000(color.rgb2lab(image), color.rgb2lab(truth))
    return {
        "left": float(sizes[sizes >= config.min_piece].sum() / tee.sum()),
        "spilled": float((~around & (changed > config.kept)).sum() / tee.sum()),
        "dE edge": float(difference[edge].mean()) if edge.any() else 0.0,
    }


@dataclass(frozen=True)
class PrintConfig:
    """Where the shape of a print is measured: the middle of the front, chart units."""

    middle: float = 0.06  # of u: half the strip's width; a panel is 0.5 wide
    heights: tuple[float, float] = (0.35, 0.72)  # of v
    max_distance: float = (
        0.01  # on the chart, of a pixel's true point in the shop picture
    )
    min_pixels: int = 100


PRINT = PrintConfig()


def print_errors(
    coordinates: Array, truth: Truth, config: PrintConfig = PRINT
) -> dict[str, float]:
    """Compare the shape of a print with the truth's, on the chest.

    There, S1's pixels are an affine function of the photo's.

    Args:
        coordinates: see `coordinate_errors`.
        truth: of the pair.
        config: where it is measured.

    Returns:
        "aspect error", the absolute log of its height over its width, over the truth's;
        "tilt error", degrees. Empty where too little of the chest is seen.
    """
    u, v = np.moveaxis(truth.chart, -1, 0)
    low, high = config.heights
    chest = truth.front & (np.abs(u - 0.25) < config.middle) & (v > low) & (v < high)
    tree = spatial.cKDTree(panel_units(truth.shop_chart[truth.shop_front]))
    distance, nearest = tree.query(panel_units(truth.chart[chest]))
    known = distance < config.max_distance
    if known.sum() < config.min_pixels:
        return {}
    ys, xs = (axis[known] for axis in np.nonzero(chest))
    right = np.argwhere(truth.shop_front)[nearest[known], ::-1]
    size = np.array(truth.shop_tee.shape[::-1])
    shown = coordinates[ys, xs] * size - 0.5
    design = np.column_stack([xs, ys, np.ones(len(xs))])
    (aspect, tilt), (true_aspect, true_tilt) = (
        _shape(np.linalg.lstsq(design, points, rcond=None)[0][:2].T)
        for points in (shown, right)
    )
    turn = (tilt - true_tilt + 180) % 360 - 180
    return {
        "aspect error": float(abs(aspect - true_aspect)),
        "tilt error": float(abs(turn)),
    }


def _shape(linear: NDArray[np.floating]) -> tuple[float, float]:
    """Return log aspect and tilt in degrees of a linear map (2, 2)."""
    across, down = np.maximum(np.linalg.norm(linear, axis=0), 1e-9)
    tilt = np.degrees(np.arctan2(linear[1, 0], linear[0, 0]))
    return float(np.log(down / across)), float(tilt)


def light_errors(
    image: NDArray[np.uint8], truth: NDArray[np.uint8], inside: Mask
) -> dict[str, float]:
    """Compare the mean colours of a result and the truth inside the shirt.

    Returns:
        "level", the result's mean L* less the truth's; "level error", its absolute value;
        "tint error", the distance of both means in a* and b*; "grey tint error", the
        same where the truth is white, grey or black cloth. Empty without an inside.
    """
    if not inside.any():
        return {}
    means = [color.rgb2lab(x[inside]).mean(axis=0) for x in (image, truth)]
    level, *tint = means[0] - means[1]
    errors = {
        "level": float(level),
        "level error": float(abs(level)),
        "tint error": float(np.hypot(*tint)),
    }
    if np.hypot(*means[1][1:]) < MAX_GREY_CHROMA:
        errors["grey tint error"] = errors["tint error"]
    return errors
