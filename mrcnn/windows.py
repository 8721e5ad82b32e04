"""Square windows of a photo: the inputs of the networks that look at one garment."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from skimage import transform

PART_STRIDE = 4  # view pixels per cell of the refiner's parsing head
PAD_VALUE = 127  # grey level outside the photo, in every network's input
# Index of each of DeepFashion2's landmarks of a short sleeve top in a mirrored image.
MIRRORED_LANDMARKS = np.array(
    [0, 5, 4, 3, 2, 1]
    + [24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6]
)


@dataclass(frozen=True)
class JitterConfig:
    """Distribution of a window's random deviation from the one at inference."""

    shift_sigma: float  # fraction of the window's side
    log_scale_mean: float  # of the window's side
    log_scale_sigma: float
    rotation_sigma: float  # degrees
    stretch_sigma: float  # of the log of the aspect ratio
    perspective_sigma: float  # change of scale across the view, along x and y
    flip_probability: float = 0.5


def square_window(bounds: np.ndarray, margin: float = 0.2) -> tuple[np.ndarray, float]:
    """Return the square window around a box.

    Args:
        bounds: box xyxy, pixels.
        margin: on each side, fraction of the box's longer side.

    Returns:
        The centre (x, y) and the side, pixels.
    """
    low, high = np.asarray(bounds[:2], float), np.asarray(bounds[2:], float)
    return (low + high) / 2, float(max(high - low)) * (1 + 2 * margin)


def box_or_frame(mask: np.ndarray) -> np.ndarray:
    """Return the box that a view is laid around: the mask's, or else the whole frame.

    Unlike `compositor.mask_box` it takes soft masks, and an empty mask (a detection whose
    pixels are all below a half) still gives a window.

    Args:
        mask: bool or float (H, W); pixels above a half count.

    Returns:
        int (4,), xyxy, x2 and y2 exclusive.
    """
    is_inside = mask > 0.5
    if not is_inside.any():
        return np.array([0, 0, mask.shape[1], mask.shape[0]])
    columns = np.flatnonzero(is_inside.any(0))
    rows = np.flatnonzero(is_inside.any(1))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def homography(
    center: np.ndarray, linear: np.ndarray, perspective: np.ndarray, size: int
) -> np.ndarray:
    """Return a window as a homography (3, 3) from view pixels to photo pixels.

    Args:
        center: (x, y) of the view's centre in the photo, pixels.
        linear: (2, 2), the linear map at the centre, photo pixels per view pixel.
        perspective: (2,), relative change of scale along x and y, per view pixel.
        size: height and width of the view.
    """
    to_photo, projection, to_center = np.eye(3), np.eye(3), np.eye(3)
    to_photo[:2, :2], to_photo[:2, 2] = linear, center
    projection[2, :2] = perspective
    to_center[:2, 2] = -size / 2
    window = to_photo @ projection @ to_center
    return window / window[2, 2]


def jittered_window(
    bounds: np.ndarray,
    size: int,
    rng: np.random.Generator,
    jitter: JitterConfig,
    strength: float = 1.0,
) -> tuple[np.ndarray, bool]:
    """Sample a window around a box: shift, scale, rotation, flip, perspective.

    Args:
        bounds: box xyxy, pixels.
        size: height and width of the view.
        rng: random generator.
        jitter: the distribution.
        strength: factor of all deviations; 0 gives the window at inference.

    Returns:
        The window, see `homography`, and whether it mirrors the photo.
    """
    center, span = square_window(bounds)
    center = center + rng.normal(0, jitter.shift_sigma * strength, 2) * span
    mean, sigma = jitter.log_scale_mean * strength, jitter.log_scale_sigma * strength
    span *= np.exp(rng.normal(mean, sigma))
    angle = np.deg2rad(rng.normal(0, jitter.rotation_sigma * strength))
    flip = -1.0 if strength and rng.random() < jitter.flip_probability else 1.0
    stretch = np.exp(rng.normal(0, jitter.stretch_sigma * strength))
    cos, sin = np.cos(angle) * span / size, np.sin(angle) * span / size
    linear = np.array([[cos * flip * stretch, -sin], [sin * flip * stretch, cos]])
    perspective = rng.normal(0, jitter.perspective_sigma * strength, 2) / size
    return homography(center, linear, perspective, size), flip < 0


def window_matrix(bounds: np.ndarray, size: int) -> np.ndarray:
    """Return the upright window around a box xyxy as a map (3, 3) from view to photo."""
    center, span = square_window(bounds)
    matrix = np.diag([span / size, span / size, 1.0])
    matrix[:2, 2] = center - span / 2
    return matrix


def upright_window(mask: np.ndarray, size: int, angle: float = 0.0) -> np.ndarray:
    """Return the window around a mask, turned so that its wearer stands upright.

    Args:
        mask: bool or float (H, W); pixels above a half count. An empty one gives the
            whole frame.
        size: height and width of the view.
        angle: of the wearer, degrees clockwise from upright.

    Returns:
        (3, 3), from view to photo.
    """
    if not angle:
        return window_matrix(box_or_frame(mask), size)
    ys, xs = np.nonzero(mask > 0.5)
    corners = np.array([[0, 0], mask.shape[::-1]])
    points = np.stack([xs, ys], axis=-1) + 0.5 if len(xs) else corners
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    turn = np.array([[cos, -sin], [sin, cos]])
    turned = points @ turn  # to the wearer's frame
    bounds = np.concatenate([turned.min(axis=0) - 0.5, turned.max(axis=0) + 0.5])
    center, span = square_window(bounds)
    return homography(turn @ center, turn * span / size, np.zeros(2), size)


def resample(
    image: np.ndarray, window: np.ndarray, size: int, fill: int = PAD_VALUE
) -> np.ndarray:
    """Resample an image to a window, bilinearly; reduced first, against aliasing.

    Args:
        image: uint8 (H, W) or (H, W, 3).
        window: (3, 3), a homography from view pixels to photo pixels.
        size: height and width of the view.
        fill: grey level outside the photo; in an image of one channel it is 0.

    Returns:
        uint8 (size, size) or (size, size, 3).
    """
    scale = float(np.sqrt(abs(np.linalg.det(window[:2, :2]))))
    source, factor = Image.fromarray(image), max(1, int(scale + 0.3))
    if factor > 1:
        source = source.reduce(factor)
    to_source = np.diag([1 / factor, 1 / factor, 1]) @ window
    to_source = to_source / to_source[2, 2]
    view = source.transform(
        (size, size),
        Image.Transform.PERSPECTIVE,
        tuple(to_source.ravel()[:8]),
        Image.Resampling.BILINEAR,
        fillcolor=(fill,) * 3 if image.ndim == 3 else 0,
    )
    return np.asarray(view)


def resample_nearest(plane: np.ndarray, window: np.ndarray, size: int) -> np.ndarray:
    """Resample indices or coordinates to a window without mixing neighbours.

    Args:
        plane: uint8 or float32 (H, W).
        window: see `resample`.
        size: height and width of the view.

    Returns:
        (size, size) of the same dtype; 0 outside the photo.
    """
    view = Image.fromarray(plane).transform(
        (size, size),
        Image.Transform.PERSPECTIVE,
        tuple((window / window[2, 2]).ravel()[:8]),
        Image.Resampling.NEAREST,
        fillcolor=0,
    )
    return np.asarray(view)


def network_input(
    image: np.ndarray,
    mask: np.ndarray,
    window: np.ndarray,
    size: int,
    body: np.ndarray | None = None,
) -> np.ndarray:
    """Return the view of an image and a mask through a window.

    Args:
        image: uint8 (H, W, 3).
        mask: float32 (H, W) in [0, 1].
        window: see `resample`.
        size: height and width of the view, S.
        body: uint8 (S, S, P), planes of the body in the view; None has none.

    Returns:
        float32 (S, S, 4 + P), RGB, mask and body, all 0..255.
    """
    plane = resample(np.rint(mask * 255).astype(np.uint8), window, size)
    planes = [resample(image, window, size), plane, *([] if body is None else [body])]
    return np.dstack(planes).astype(np.float32)


def paste(
    plane: np.ndarray,
    window: np.ndarray,
    stride: int,
    frame: tuple[int, int],
    fill: float = 0,
    activate: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> np.ndarray:
    """Resample a plane of a view to the photo, bicubically.

    Args:
        plane: float32 (S / stride, S / stride).
        window: (3, 3) from the view's pixels to the photo's.
        stride: view pixels per cell of the plane.
        frame: height and width of the photo.
        fill: value of the plane outside of the view.
        activate: function of the resampled values.

    Returns:
        float32 (H, W); 0 outside of the view.
    """
    size = plane.shape[0] * stride
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]])
    reach = transform.matrix_transform(corners, window)
    x1, y1 = np.maximum(np.floor(reach.min(axis=0)).astype(int), 0)
    x2, y2 = np.minimum(np.ceil(reach.max(axis=0)).astype(int), frame[::-1])
    pasted = np.zeros(frame, np.float32)
    if x2 <= x1 or y2 <= y1:
        return pasted
    to_plane = np.diag([1 / stride, 1 / stride, 1]) @ np.linalg.inv(window)
    to_plane[:2, 2] += to_plane[:2, :2] @ (x1, y1)
    moved = Image.fromarray(plane).transform(
        (x2 - x1, y2 - y1),
        Image.Transform.AFFINE,
        tuple(to_plane[:2].ravel()),
        Image.Resampling.BICUBIC,
        fillcolor=fill,
    )
    pasted[y1:y2, x1:x2] = activate(np.asarray(moved))
    return pasted
