"""Check the shapes of images and masks given as arguments."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_image(image: NDArray[Any], name: str = "image") -> None:
    """Raise unless `image` is a colour picture.

    Args:
        image: Array to check, `(H, W, 3)`, any numeric dtype, range 0 to 255.
        name: Name of the argument, for the message.

    Raises:
        TypeError: When it is not a numpy array.
        ValueError: When its shape is not `(H, W, 3)`.
    """
    if not isinstance(image, np.ndarray):
        raise TypeError(f"expected {name} as a numpy array, got {type(image).__name__}")
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected {name} of shape (H, W, 3), got {image.shape}")


def check_plane(
    plane: NDArray[Any],
    name: str = "mask",
    size: tuple[int, ...] | None = None,
) -> None:
    """Raise unless `plane` is a mask or matte of the expected size.

    Args:
        plane: Array to check, `(H, W)`.
        name: Name of the argument, for the message.
        size: Expected `(height, width)`; any size when left out.

    Raises:
        TypeError: When it is not a numpy array.
        ValueError: When its shape is not `(H, W)` or not `size`.
    """
    if not isinstance(plane, np.ndarray):
        raise TypeError(f"expected {name} as a numpy array, got {type(plane).__name__}")
    if plane.ndim != 2:
        raise ValueError(f"expected {name} of shape (H, W), got {plane.shape}")
    if size is not None and plane.shape != tuple(size):
        raise ValueError(f"expected {name} of size {tuple(size)}, got {plane.shape}")
