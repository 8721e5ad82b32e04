"""Synthetic occluders of garments: arms, bags, straps, hair, drawn or cut from photos."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from data_tools.annotations import AnnotatedPhoto, BadPhotoError
from data_tools.augment.backdrops import Picture, draw_backdrop

Box = tuple[float, float, float, float]  # x1, y1, x2, y2 of the garment, pixels
Alpha = NDArray[np.float32]
# sRGB, from light to dark and from dark to light.
_SKIN = np.array([[255, 224, 196], [234, 192, 160], [198, 140, 100], [120, 78, 54]])
_HAIR = np.array([[28, 22, 20], [66, 44, 30], [120, 84, 50], [200, 165, 110]])
_MIRROR = Image.Transpose.FLIP_LEFT_RIGHT


@dataclass(frozen=True)
class OccluderConfig:
    """How cut-outs are chosen and placed, and how occluders are blended in."""

    cut_out_share: float = 0.5  # of occluders cut from photos, where there are any
    mirrored_share: float = 0.5  # of cut-outs
    scale_sigma: float = 0.2  # of the log of a cut-out's scale
    shift_sigma: float = 0.12  # of its position, share of the garment's box
    edge_sigma: tuple[float, float] = (0.4, 1.0)  # pixels, blur of a drawn outline
    hidden_alpha: float = 0.5  # a pixel of the garment is hidden from this opacity on


DEFAULT = OccluderConfig()


@dataclass(frozen=True)
class CutOut:
    """A bag, a belt or hair, cut out of a photo.

    Attributes:
        picture: RGBA.
        box: x1, y1, x2, y2, relative to the box of the garment that was worn with it:
            (0, 0, 1, 1) is that box.
    """

    picture: Image.Image
    box: Box


def cut_occluders(
    photos: Sequence[AnnotatedPhoto], count: int, rng: np.random.Generator
) -> list[CutOut]:
    """Cut bags, belts and hair that lie on and beside garments out of photos.

    Args:
        photos: those whose accessories are not known are skipped.
        count: cut-outs, about; a photo may give several.
        rng: random generator.

    Returns:
        The cut-outs. Photos that cannot be read give none.
    """
    found: list[CutOut] = []
    for index in rng.permutation(len(photos)):
        if photos[index].read_accessories is None:
            continue
        try:
            found += _cut_photo(photos[index])
        except BadPhotoError:
            continue
        if len(found) >= count:
            break
    return found


def _cut_photo(photo: AnnotatedPhoto) -> list[CutOut]:
    accessories, garments = photo.accessories(), photo.garments()
    if not accessories or not garments:
        return []
    image = photo.image()
    # The uppermost garment is the top; what else is worn lies below it.
    left, top, right, bottom = min(
        (_bounds(garment.mask) for garment in garments), key=lambda box: box[1]
    )
    cuts = []
    for mask in accessories:
        x1, y1, x2, y2 = (int(v) for v in _bounds(mask))
        alpha = mask[y1:y2, x1:x2].astype(np.uint8) * 255
        picture = Image.fromarray(np.dstack([image[y1:y2, x1:x2], alpha]))
        wide, high = right - left, bottom - top
        corner = (x1 - left) / wide, (y1 - top) / high
        opposite = (x2 - left) / wide, (y2 - top) / high
        cuts.append(CutOut(picture, (*corner, *opposite)))
    return cuts


def _bounds(mask: NDArray[np.bool_]) -> Box:
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return float(xs[0]), float(ys[0]), float(xs[-1] + 1), float(ys[-1] + 1)


def place_cut_out(
    size: int,
    box: Box,
    cut: CutOut,
    rng: np.random.Generator,
    config: OccluderConfig = DEFAULT,
) -> tuple[Alpha, Picture]:
    """Place a cut-out about where it lay on its own garment.

    Args:
        size: height and width of the view.
        box: the garment's.
        cut: what is placed.
        rng: random generator.
        config: how far it may be moved.

    Returns:
        See `draw_occluder`.
    """
    wide, high = box[2] - box[0], box[3] - box[1]
    x1, y1, x2, y2 = cut.box
    if rng.random() < config.mirrored_share:
        x1, x2, picture = 1 - x2, 1 - x1, cut.picture.transpose(_MIRROR)
    else:
        picture = cut.picture
    scale = np.exp(rng.normal(0, config.scale_sigma))
    sides = [max(2, round(s * scale)) for s in ((x2 - x1) * wide, (y2 - y1) * high)]
    picture = picture.resize([min(side, 3 * size) for side in sides])
    shift = rng.normal(0, config.shift_sigma, 2)
    at = (round(box[0] + (x1 + shift[0]) * wide), round(box[1] + (y1 + shift[1]) * high))
    plane = Image.new("RGBA", (size, size))
    plane.paste(picture, at)
    layers = np.asarray(plane)
    return (layers[..., 3] / 255).astype(np.float32), layers[..., :3].copy()


def draw_occluder(
    size: int,
    box: Box,
    pieces: Sequence[Picture],
    rng: np.random.Generator,
    cuts: Sequence[CutOut] = (),
    config: OccluderConfig = DEFAULT,
) -> tuple[Alpha, Picture]:
    """Draw something that lies in front of a garment.

    Args:
        size: height and width of the view.
        box: the garment's.
        pieces: of `cut_backdrops`, for patterned bags; may be empty.
        rng: random generator.
        cuts: of `cut_occluders`; half of the time one of them is taken.
        config: how often that is, and how edges are softened.

    Returns:
        alpha float32 (size, size) in [0, 1], and colors uint8 (size, size, 3).
    """
    if cuts and rng.random() < config.cut_out_share:
        cut = cuts[int(rng.integers(len(cuts)))]
        return place_cut_out(size, box, cut, rng, config)
    shape, colors = _KINDS[rng.integers(len(_KINDS))](size, box, pieces, rng)
    sigma = rng.uniform(*config.edge_sigma)
    soft = shape.filter(ImageFilter.GaussianBlur(sigma))
    return np.asarray(soft, np.float32) / 255.0, colors


def apply_occluder(
    image: Picture,
    masks: NDArray[np.bool_],
    alpha: Alpha,
    colors: Picture,
    config: OccluderConfig = DEFAULT,
) -> tuple[Picture, NDArray[np.bool_]]:
    """Composite an occluder over a view, and remove what it hides from the masks.

    Args:
        image: uint8 (H, W, 3).
        masks: bool (N, H, W), ground truth.
        alpha: float32 (H, W) in [0, 1]; where it is 0 nothing changes.
        colors: uint8 (H, W, 3).
        config: from which opacity on a mask's pixel is hidden.

    Returns:
        The new image and masks.
    """
    share = alpha[..., None]
    mixed = image * (1.0 - share) + colors * share
    return np.rint(mixed).astype(np.uint8), masks & (alpha < config.hidden_alpha)


def _capsule(
    draw: ImageDraw.ImageDraw, ends: Sequence[NDArray[np.float64]], width: float
) -> None:
    """Draw a polyline with round ends, white."""
    points = [tuple(end) for end in ends]
    draw.line(points, 255, max(1, round(width)), joint="curve")
    for x, y in points:
        half = width / 2
        draw.ellipse((x - half, y - half, x + half, y + half), 255)


def _point_in(box: Box, rng: np.random.Generator, low: float, high: float) -> NDArray:
    """Draw a point (x, y) in a box, between two shares of its sides."""
    corner, side = np.array(box[:2]), np.array(box[2:]) - np.array(box[:2])
    return corner + side * rng.uniform(low, high, 2)


def _arm(
    size: int, box: Box, pieces: Sequence[Picture], rng: np.random.Generator
) -> tuple[Image.Image, Picture]:
    """Draw a forearm that comes from beside the garment, with a hand of capsules."""
    del pieces
    shape = Image.new("L", (size, size))
    draw = ImageDraw.Draw(shape)
    extent = box[2] - box[0]
    width = extent * rng.uniform(0.1, 0.2)
    side = rng.choice([-0.3, 1.3])
    elbow = np.array(
        [
            box[0] + extent * (side + rng.normal(0, 0.15)),
            rng.uniform(box[1], box[3] + 0.3 * (box[3] - box[1])),
        ]
    )
    wrist = _point_in(box, rng, 0.15, 0.9)
    _capsule(draw, [elbow, wrist], width)
    along = (wrist - elbow) / max(1.0, float(np.linalg.norm(wrist - elbow)))
    palm = wrist + along * width * 0.6
    _capsule(draw, [wrist, palm], width * 1.15)
    across = np.array([-along[1], along[0]])
    reach = rng.uniform(0.5, 1.3)
    for finger in (-0.42, -0.14, 0.14, 0.42):
        start = palm + across * width * finger
        bend = across * rng.normal(finger * 0.5, 0.15)
        _capsule(draw, [start, start + (along + bend) * width * reach], width * 0.27)
    thumb = across * rng.choice([-1, 1])
    _capsule(draw, [wrist, wrist + (along * 0.6 + thumb) * width * 0.8], width * 0.3)
    return shape, _shaded(size, _draw_color(_SKIN, rng), across, palm, width, rng)


def _shaded(
    size: int,
    color: NDArray,
    across: NDArray,
    centre: NDArray,
    width: float,
    rng: np.random.Generator,
) -> Picture:
    """Return a colour that darkens to one side, as round objects do."""
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    offset = ((xs - centre[0]) * across[0] + (ys - centre[1]) * across[1]) / width
    light = 1.0 - rng.uniform(0.1, 0.4) * np.clip(offset + 0.5, 0, 1) ** 2
    light += rng.normal(0, 0.015, light.shape)
    return np.clip(color * light[..., None], 0, 255).astype(np.uint8)


def _draw_color(palette: NDArray, rng: np.random.Generator) -> NDArray:
    """Draw a colour (3,) between two neighbours of a palette."""
    index, share = rng.integers(len(palette) - 1), rng.random()
    mixed = palette[index] * (1 - share) + palette[index + 1] * share
    return np.clip(mixed + rng.normal(0, 6, 3), 0, 255)


def _bag(
    size: int, box: Box, pieces: Sequence[Picture], rng: np.random.Generator
) -> tuple[Image.Image, Picture]:
    """Draw a rounded rectangle low on the garment, its strap over a shoulder."""
    shape = Image.new("L", (size, size))
    draw = ImageDraw.Draw(shape)
    extent, high = box[2] - box[0], box[3] - box[1]
    centre = np.array([box[0], box[1]]) + [
        extent * rng.choice([rng.uniform(0, 0.3), rng.uniform(0.7, 1.0)]),
        high * rng.uniform(0.65, 1.1),
    ]
    half = extent * rng.uniform(0.12, 0.3, 2)
    corners = (*(centre - half), *(centre + half))
    draw.rounded_rectangle(corners, float(half.min()) * rng.uniform(0.1, 0.7), 255)
    shoulder = np.array([box[0] + extent * rng.uniform(0.2, 0.8), box[1]])
    _capsule(draw, [centre, shoulder], extent * rng.uniform(0.015, 0.07))
    if rng.random() < 0.5:
        return shape, draw_backdrop(size, pieces, rng)
    across = np.array([1.0, 0.0])
    color = rng.uniform(15, 235, 3)
    return shape, _shaded(size, color, across, centre, float(half[0]) * 2, rng)


def _hair(
    size: int, box: Box, pieces: Sequence[Picture], rng: np.random.Generator
) -> tuple[Image.Image, Picture]:
    """Draw strands that fall from the neck over one side of the chest."""
    del pieces
    shape = Image.new("L", (size, size))
    draw = ImageDraw.Draw(shape)
    extent, high = box[2] - box[0], box[3] - box[1]
    left = box[0] + extent * rng.choice([rng.uniform(0.2, 0.4), rng.uniform(0.6, 0.8)])
    spread, length = extent * rng.uniform(0.03, 0.1), high * rng.uniform(0.12, 0.55)
    for _ in range(int(rng.integers(8, 26))):
        x = left + rng.normal(0, spread)
        fall = np.linspace(rng.uniform(-0.25, 0.02), rng.uniform(0.6, 1), 6)
        heights = box[1] + fall * np.where(fall < 0, high, length)
        sway = np.cumsum(rng.normal(0, extent * 0.012, 6))
        points = list(zip(x + sway, heights, strict=True))
        draw.line(points, 255, max(1, round(extent * rng.uniform(0.01, 0.035))))
    stripes = rng.normal(1.0, 0.16, (1, size, 1))
    base = _draw_color(_HAIR, rng) * stripes
    return shape, np.broadcast_to(np.clip(base, 0, 255), (size, size, 3)).astype(np.uint8)


def _straps(
    size: int, box: Box, pieces: Sequence[Picture], rng: np.random.Generator
) -> tuple[Image.Image, Picture]:
    """Draw bands over one or both shoulders, of a backpack or of a bag at the side."""
    shape = Image.new("L", (size, size))
    draw = ImageDraw.Draw(shape)
    extent, high = box[2] - box[0], box[3] - box[1]
    width = extent * rng.uniform(0.03, 0.12)
    inset, fall = rng.uniform(0.18, 0.4), rng.uniform(0.35, 1.15)
    drift, bend = rng.uniform(-0.12, 0.08), rng.normal(0, 0.03)
    for outwards in ((1,), (-1,), (1, -1))[min(int(rng.integers(4)), 2)]:
        start = box[0] if outwards > 0 else box[2]
        across = np.array([inset, inset + drift / 2 + bend, inset + drift])
        xs = start + outwards * extent * (across + rng.normal(0, 0.01))
        ys = box[1] + high * np.array([-0.05, fall / 2, fall])
        _capsule(draw, list(np.stack([xs, ys], axis=-1)), width)
    if rng.random() < 0.15:
        return shape, draw_backdrop(size, pieces, rng)
    dark = rng.random() < 0.6
    color = rng.uniform(5, 60) + rng.normal(0, 6, 3) if dark else rng.uniform(15, 235, 3)
    middle = np.array([(box[0] + box[2]) / 2, box[1]])
    return shape, _shaded(size, color, np.array([1.0, 0.0]), middle, extent, rng)


# Each is drawn as often as it is listed: most occluders in photos are arms and straps.
_KINDS: tuple[Callable[..., tuple[Image.Image, Picture]], ...]
_KINDS = (_arm, _arm, _straps, _straps, _bag, _hair)
