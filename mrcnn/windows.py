"""Square windows into a photo: the refiner's views, in training and in use."""

import numpy as np
from PIL import Image

PAD_VALUE = 127  # grey beyond a photo's edge, wherever a network looks there
# DeepFashion2's landmarks of a short-sleeve top, mirrored: left and right change places.
MIRRORED = np.array(
    [0, 5, 4, 3, 2, 1]
    + [24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6]
)


def square_window(bounds: np.ndarray, margin: float = 0.2) -> tuple[np.ndarray, float]:
    """Return the centre (x, y) and side of the square window around a box xyxy."""
    low, high = np.asarray(bounds[:2], float), np.asarray(bounds[2:], float)
    return (low + high) / 2, float(max(high - low)) * (1 + 2 * margin)


def mask_bounds(mask: np.ndarray) -> np.ndarray:
    """Return the box xyxy of a mask's pixels above a half; the whole frame if none."""
    solid = mask > 0.5
    if not solid.any():
        return np.array([0, 0, mask.shape[1], mask.shape[0]])
    columns, rows = np.flatnonzero(solid.any(0)), np.flatnonzero(solid.any(1))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def homography(
    centre: np.ndarray, turn: np.ndarray, tilt: np.ndarray, size: int
) -> np.ndarray:
    """Return a window as a map (3, 3) from view pixels to photo pixels.

    Args:
        centre: (x, y) in the photo that the view's middle shows.
        turn: (2, 2), the linear map there, in photo pixels a view pixel.
        tilt: (2,), how the scale changes along x and y, a view pixel.
        size: height and width of the view.
    """
    place, lean, middle = np.eye(3), np.eye(3), np.eye(3)
    place[:2, :2], place[:2, 2] = turn, centre
    lean[2, :2] = tilt
    middle[:2, 2] = -size / 2
    window = place @ lean @ middle
    return window / window[2, 2]


def window_matrix(bounds: np.ndarray, size: int) -> np.ndarray:
    """Return the upright window around a box xyxy as a map (3, 3) from view to photo."""
    centre, span = square_window(bounds)
    matrix = np.diag([span / size, span / size, 1.0])
    matrix[:2, 2] = centre - span / 2
    return matrix


def resample(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Look at a picture through a window; shrink first, so that nothing aliases.

    Args:
        image: uint8 (H, W) or (H, W, 3).
        matrix: (3, 3), the window: a projective map from view pixels to photo pixels.
        size: height and width of the view.

    Returns:
        uint8 (size, size) or (size, size, 3); beyond the photo `PAD_VALUE`, of a plane 0.
    """
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    picture, factor = Image.fromarray(image), max(1, int(scale + 0.3))
    if factor > 1:
        picture = picture.reduce(factor)
    data = np.diag([1 / factor, 1 / factor, 1]) @ matrix
    data = data / data[2, 2]
    moved = picture.transform(
        (size, size),
        Image.Transform.PERSPECTIVE,
        tuple(data.ravel()[:8]),
        Image.Resampling.BILINEAR,
        fillcolor=(PAD_VALUE,) * 3 if image.ndim == 3 else 0,
    )
    return np.asarray(moved)


def pick(indices: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Look at a map of indices through a window: no value comes between two.

    Args:
        indices: uint8 (H, W).
        matrix: see `resample`.
        size: height and width of the view.

    Returns:
        uint8 (size, size); beyond the photo 0.
    """
    moved = Image.fromarray(indices).transform(
        (size, size),
        Image.Transform.PERSPECTIVE,
        tuple((matrix / matrix[2, 2]).ravel()[:8]),
        Image.Resampling.NEAREST,
        fillcolor=0,
    )
    return np.asarray(moved)


def view_of(
    image: np.ndarray, mask: np.ndarray, window: np.ndarray, size: int
) -> np.ndarray:
    """Look at a picture and a mask through a window.

    Args:
        image: uint8 (H, W, 3).
        mask: float32 (H, W) in [0, 1].
        window: see `resample`.
        size: height and width of the view.

    Returns:
        float32 (S, S, 4), all 0..255.
    """
    plane = resample(np.rint(mask * 255).astype(np.uint8), window, size)
    return np.dstack([resample(image, window, size), plane]).astype(np.float32)
