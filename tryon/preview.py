"""Draw detections over a photo: outline, boxes, landmarks, labels and scores."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from tryon.types import Instance

CHOSEN, OTHER, LANDMARK = (230, 0, 120), (90, 90, 90), (255, 210, 0)
VISIBLE = 0.5  # minimum probability of a landmark drawn as a disc, else as a ring


def draw_preview(
    image: NDArray[np.uint8],
    instances: Sequence[Instance],
    chosen: int | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Draw detections over their photo.

    Args:
        image: uint8 (h, w, 3), the photo at its working size.
        instances: detected there, in its pixels.
        chosen: index of the selected one, drawn last and in colour, with its
            landmarks; None where none is.
        mask: bool (h, w), the outline of that one.

    Returns:
        uint8 (h, w, 3); lines and text grow with the picture.
    """
    unit = max(1, round(max(image.shape) / 400))  # pixels of a line
    image = image if mask is None else _outlined(image, mask, unit)
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    for index in sorted(range(len(instances)), key=lambda i: i == chosen):
        colour = CHOSEN if index == chosen else OTHER
        _draw_instance(draw, instances[index], colour, unit)
    points = None if chosen is None else instances[chosen].landmarks
    if points is not None:
        _draw_landmarks(draw, points, 2 * unit)
    return np.asarray(picture)


def _outlined(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], width: int
) -> NDArray[np.uint8]:
    rim = mask & ~ndimage.binary_erosion(mask, iterations=width)
    result = image.copy()
    result[rim] = CHOSEN
    return result


def _draw_instance(
    draw: ImageDraw.ImageDraw, found: Instance, colour: tuple[int, int, int], unit: int
) -> None:
    """Draw box, label and score; the text stays inside the picture."""
    x1, y1, x2, y2 = found.box
    draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), None, colour, unit)
    text, size = f"{found.label_name} {found.score:.2f}", max(10, 6 * unit)
    place = x1, max(0.0, y1 - size - 3 * unit)
    draw.rectangle(draw.textbbox(place, text, font_size=size), colour)
    draw.text(place, text, "white", font_size=size)


def _draw_landmarks(
    draw: ImageDraw.ImageDraw, points: NDArray[np.float32], radius: int
) -> None:
    for x, y, visibility in points.tolist():
        fill = LANDMARK if visibility >= VISIBLE else None
        draw.circle((x, y), radius, fill, LANDMARK, max(1, radius // 2))
