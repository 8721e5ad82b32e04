"""What hides a part of a shirt: arms, bags, straps, hair; drawn, or cut out of photos."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from data_tools.annotations import AnnotatedPhoto, BadPhotoError
from data_tools.augment.backdrops import Picture, backdrop

Box = tuple[float, float, float, float]  # x1, y1, x2, y2 of the garment, pixels
Alpha = NDArray[np.float32]
_SKIN = np.array([[255, 224, 196], [234, 192, 160], [198, 140, 100], [120, 78, 54]])
_HAIR = np.array([[28, 22, 20], [66, 44, 30], [120, 84, 50], [200, 165, 110]])


_MIRROR = Image.Transpose.FLIP_LEFT_RIGHT
CUT_OUT = 0.5  # how often an occluder is a real one, where there are any


@dataclass(frozen=True)
class CutOut:
    """A bag, a belt or hair out of a photo.

    Attributes:
        picture: RGBA.
        box: where it lay, as shares of the box of the garment that was worn with it.
    """

    picture: Image.Image
    box: Box


def cut_things(
    photos: Sequence[AnnotatedPhoto], count: int, rng: np.random.Generator
) -> list[CutOut]:
    """Cut what lies on and beside garments out of photos.

    Args:
        photos: where to look; those without known things are passed over.
        count: cut-outs, about; a photo may give several.
        rng: source of chance.

    Returns:
        The cut-outs. Photos that cannot be read give none.
    """
    found: list[CutOut] = []
    for index in rng.permutation(len(photos)):
        if photos[index].read_things is None:
            continue
        try:
            found += _things_of(photos[index])
        except BadPhotoError:
            continue
        if len(found) >= count:
            break
    return found


def _things_of(photo: AnnotatedPhoto) -> list[CutOut]:
    things, garments = photo.things(), photo.garments()
    if not things or not garments:
        return []
    image = photo.image()
    # The uppermost garment is the top; what else is worn lies below it.
    left, top, right, bottom = min(
        (_bounds(garment.mask) for garment in garments), key=lambda box: box[1]
    )
    cuts = []
    for mask in things:
        x1, y1, x2, y2 = (int(v) for v in _bounds(mask))
        alpha = mask[y1:y2, x1:x2].astype(np.uint8) * 255
        picture = Image.fromarray(np.dstack([image[y1:y2, x1:x2], alpha]))
        wide, high = right - left, bottom - top
        place = (x1 - left) / wide, (y1 - top) / high, (x2 - left) / wide
        cuts.append(CutOut(picture, (*place, (y2 - top) / high)))
    return cuts


def _bounds(mask: NDArray[np.bool_]) -> Box:
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return float(xs[0]), float(ys[0]), float(xs[-1] + 1), float(ys[-1] + 1)


def lay_cut_out(
    size: int, box: Box, cut: CutOut, rng: np.random.Generator
) -> tuple[Alpha, Picture]:
    """Lay a cut-out about where it lay on its own garment; returns as `draw_occluder`."""
    wide, high = box[2] - box[0], box[3] - box[1]
    x1, y1, x2, y2 = cut.box
    if rng.random() < 0.5:
        x1, x2, picture = 1 - x2, 1 - x1, cut.picture.transpose(_MIRROR)
    else:
        picture = cut.picture
    scale = np.exp(rng.normal(0, 0.2))
    sides = [max(2, round(s * scale)) for s in ((x2 - x1) * wide, (y2 - y1) * high)]
    picture = picture.resize([min(side, 3 * size) for side in sides])
    shift = rng.normal(0, 0.12, 2)
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
) -> tuple[Alpha, Picture]:
    """Draw something that lies in front of a garment.

    Args:
        size: height and width of the view.
        box: the garment's.
        pieces: of photos, for patterned bags; may be empty.
        rng: source of chance.
        cuts: real ones; half of the time one of them is taken.

    Returns:
        alpha float32 (size, size) in [0, 1], and its colours uint8 (size, size, 3).
    """
    if cuts and rng.random() < CUT_OUT:
        return lay_cut_out(size, box, cuts[int(rng.integers(len(cuts)))], rng)
    shape, colours = _KINDS[rng.integers(len(_KINDS))](size, box, pieces, rng)
    soft = shape.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.0)))
    return np.asarray(soft, np.float32) / 255.0, colours


def cover(
    image: Picture, masks: NDArray[np.bool_], alpha: Alpha, colours: Picture
) -> tuple[Picture, NDArray[np.bool_]]:
    """Lay colours over a view; the truth is cut where they hide most of it.

    Args:
        image: uint8 (S, S, 3).
        masks: bool (N, S, S).
        alpha: float32 (S, S) in [0, 1]; where it is 0 nothing changes.
        colours: uint8 (S, S, 3).

    Returns:
        The new image and masks.
    """
    share = alpha[..., None]
    mixed = image * (1.0 - share) + colours * share
    return np.rint(mixed).astype(np.uint8), masks & (alpha < 0.5)


def _capsule(
    draw: ImageDraw.ImageDraw, ends: Sequence[NDArray[np.float64]], width: float
) -> None:
    """Draw a bent line with round ends."""
    points = [tuple(end) for end in ends]
    draw.line(points, 255, max(1, round(width)), joint="curve")
    for x, y in points:
        half = width / 2
        draw.ellipse((x - half, y - half, x + half, y + half), 255)


def _inside(box: Box, rng: np.random.Generator, low: float, high: float) -> NDArray:
    corner, side = np.array(box[:2]), np.array(box[2:]) - np.array(box[:2])
    return corner + side * rng.uniform(low, high, 2)


def _arm(
    size: int, box: Box, pieces: Sequence[Picture], rng: np.random.Generator
) -> tuple[Image.Image, Picture]:
    """A forearm that comes from beside the garment, with a hand of capsules."""
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
    wrist = _inside(box, rng, 0.15, 0.9)
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
    return shape, _shaded(size, _between(_SKIN, rng), across, palm, width, rng)


def _shaded(
    size: int,
    colour: NDArray,
    across: NDArray,
    centre: NDArray,
    width: float,
    rng: np.random.Generator,
) -> Picture:
    """Return a colour that darkens to one side, as round things do."""
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    place = ((xs - centre[0]) * across[0] + (ys - centre[1]) * across[1]) / width
    light = 1.0 - rng.uniform(0.1, 0.4) * np.clip(place + 0.5, 0, 1) ** 2
    light += rng.normal(0, 0.015, light.shape)
    return np.clip(colour * light[..., None], 0, 255).astype(np.uint8)


def _between(palette: NDArray, rng: np.random.Generator) -> NDArray:
    """Draw a colour from between two neighbours of a palette."""
    index, share = rng.integers(len(palette) - 1), rng.random()
    mixed = palette[index] * (1 - share) + palette[index + 1] * share
    return np.clip(mixed + rng.normal(0, 6, 3), 0, 255)


def _bag(
    size: int, box: Box, pieces: Sequence[Picture], rng: np.random.Generator
) -> tuple[Image.Image, Picture]:
    """A rounded rectangle low on the garment, its strap over a shoulder."""
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
        return shape, backdrop(size, pieces, rng)
    across = np.array([1.0, 0.0])
    colour = rng.uniform(15, 235, 3)
    return shape, _shaded(size, colour, across, centre, float(half[0]) * 2, rng)


def _hair(
    size: int, box: Box, pieces: Sequence[Picture], rng: np.random.Generator
) -> tuple[Image.Image, Picture]:
    """Strands that fall from the neck over one side of the chest."""
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
    base = _between(_HAIR, rng) * stripes
    return shape, np.broadcast_to(np.clip(base, 0, 255), (size, size, 3)).astype(np.uint8)


def _straps(
    size: int, box: Box, pieces: Sequence[Picture], rng: np.random.Generator
) -> tuple[Image.Image, Picture]:
    """Bands over one or both shoulders: a backpack's, or of a bag beside the garment."""
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
        return shape, backdrop(size, pieces, rng)
    dark = rng.random() < 0.6
    colour = rng.uniform(5, 60) + rng.normal(0, 6, 3) if dark else rng.uniform(15, 235, 3)
    middle = np.array([(box[0] + box[2]) / 2, box[1]])
    return shape, _shaded(size, colour, np.array([1.0, 0.0]), middle, extent, rng)


# Arms and straps are what hides most shirts in photos.
_KINDS: tuple[Callable[..., tuple[Image.Image, Picture]], ...]
_KINDS = (_arm, _arm, _straps, _straps, _bag, _hair)
