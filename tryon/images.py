"""Read photos: files of any origin in, upright RGB arrays out.

Only the formats of `data_tools.pictures` are opened, and no picture is decoded before its
size is known to be within `MAX_PIXELS`.
"""

import io
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from data_tools.pictures import MissingDecoderError, open_picture
from tryon.errors import Refusal
from tryon.files import printable
from tryon.types import Photo

MAX_PIXELS = 89_478_485  # Pillow's own bound; a 64-megapixel phone photo passes
MIN_SIDE = 96  # pixels: below it there is no garment to see
ADDRESS = "it is a web address; save the picture and name its file"
# Whatever `read_photo` takes for a photo.
PhotoSource: TypeAlias = (
    str | os.PathLike[str] | IO[bytes] | Image.Image | NDArray[np.uint8] | Photo
)


def read_photo(source: PhotoSource, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a photo from a file or from memory.

    EXIF orientation is applied, transparency is laid over white, 16 bits are reduced to
    8, CMYK is converted through its profile. RGB pixels and their profile are kept as
    they are.

    Args:
        source: a path or a binary file object (JPEG, PNG, WebP, AVIF, TIFF, BMP, the
            first frame of a GIF, or with the extra `heic` HEIC), a `PIL.Image.Image`,
            a uint8 array (H, W), (H, W, 3) RGB or (H, W, 4) RGBA, or a `Photo`, which is
            returned unchanged.
        max_pixels: bound that a picture's size is held against before it is decoded.

    Returns:
        The upright photo. Its path is None where the source names none.

    Raises:
        Refusal: `unreadable_image` or `too_small`, naming the file.
        TypeError: an array of another dtype or shape, or a source of another type.

    Example:
        >>> read_photo(np.zeros((240, 320, 3), np.uint8)).size
        (240, 320)
    """
    if isinstance(source, Photo):
        return source
    if isinstance(source, np.ndarray):
        return _decode(_from_array(source), None, max_pixels)
    if isinstance(source, Image.Image):
        with _readable(None, max_pixels):
            return _decode(source, None, max_pixels)
    path = _path_of(source)
    if path is not None and is_address(str(path)):
        raise _unreadable(path, ADDRESS)
    with _readable(path, max_pixels), open_picture(_opened(source)) as picture:
        return _decode(picture, path, max_pixels)


def is_address(name: str) -> bool:
    """Tell whether a name is a URL, and no path of a file.

    A `Path` made of it has one slash left of two. A drive of Windows is one letter.

    Example:
        >>> is_address("https://example.com/tee.jpg"), is_address("C:/tee.jpg")
        (True, False)
    """
    return bool(re.match(r"[a-z][a-z0-9+.-]+:/|data:image", name, re.IGNORECASE))


def _from_array(array: NDArray[np.uint8]) -> Image.Image:
    gray = array.ndim == 2
    if array.dtype != np.uint8 or not (
        gray or (array.ndim == 3 and array.shape[2] in (3, 4))
    ):
        raise TypeError(
            "expected a uint8 array (H, W), (H, W, 3) or (H, W, 4), got "
            f"{array.dtype} {array.shape}"
        )
    if not array.size:
        raise Refusal("too_small", f"{_name(None)}: it has no pixels")
    return Image.fromarray(array)


def _path_of(source: object) -> Path | None:
    """Return the path of a file source; None of a file object without a name.

    Raises:
        TypeError: the source is no file.
    """
    if isinstance(source, str | os.PathLike):
        return Path(source)
    if not hasattr(source, "read"):
        raise TypeError(
            "expected a path, a binary file object, a PIL image, a uint8 array or a "
            f"Photo, got {type(source).__name__}"
        )
    name = getattr(source, "name", None)
    return Path(name) if isinstance(name, str) else None


def _opened(source: str | os.PathLike[str] | IO[bytes]) -> Path | IO[bytes]:
    return Path(source) if isinstance(source, str | os.PathLike) else source


@contextmanager
def _readable(path: Path | None, max_pixels: int) -> Iterator[None]:
    """Turn whatever Pillow raises about a picture into a `Refusal` that names it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except Refusal:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(path, max_pixels) from error
    except FileNotFoundError as error:
        raise _unreadable(path, "there is no such file; check the path") from error
    except (IsADirectoryError, PermissionError) as error:
        raise _unreadable(path, f"it cannot be opened ({error.strerror})") from error
    except MissingDecoderError as error:
        raise _unreadable(path, str(error)) from error
    except UnidentifiedImageError as error:
        raise _unreadable(path, "it is no picture; save it as JPEG or PNG") from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise _unreadable(
            path, f"it is damaged ({_first_line(error)}); save or send it again"
        ) from error


def _decode(picture: Image.Image, path: Path | None, max_pixels: int) -> Photo:
    if min(picture.size) < MIN_SIDE:
        raise Refusal(
            "too_small",
            f"{_name(path)}: {picture.width}x{picture.height} pixels; use a photo of at "
            f"least {MIN_SIDE} pixels a side",
        )
    if picture.width * picture.height > max_pixels:
        raise _too_many_pixels(path, max_pixels)
    picture.load()
    upright = ImageOps.exif_transpose(picture)
    profile = upright.info.get("icc_profile")
    rgb = _to_rgb(upright, profile)
    kept = profile if upright.mode == "RGB" else None
    return Photo(np.asarray(rgb), path, kept)


def _name(path: Path | None) -> str:
    return "photo" if path is None else printable(path)


def _too_many_pixels(path: Path | None, max_pixels: int) -> Refusal:
    return _unreadable(
        path, f"it claims more than {max_pixels // 10**6} megapixels; make it smaller"
    )


def _unreadable(path: Path | None, why: str) -> Refusal:
    return Refusal("unreadable_image", f"{_name(path)}: {why}")


def _to_rgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode.startswith(("I", "F")):
        return _from_deep(np.asarray(picture))
    if picture.mode == "CMYK" and profile:
        return _through_profile(picture, profile)
    if (
        picture.mode in ("RGBA", "LA", "PA", "La", "RGBa")
        or "transparency" in picture.info
    ):
        rgba = picture.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return picture.convert("RGB")


def _from_deep(values: np.ndarray) -> Image.Image:
    """Reduce grey values to 8 bits: integers are 16-bit, floats are 0..1 or 0..255."""
    finite = np.nan_to_num(values.astype(np.float32))
    if values.dtype.kind == "f":
        scale = 255.0 if finite.max(initial=0) <= 1.0 else 1.0
    else:
        scale = 255.0 / 65535.0 if finite.max(initial=0) > 255 else 1.0
    grey = np.clip(np.rint(finite * scale), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def _through_profile(picture: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return picture.convert("RGB")  # a damaged profile: Pillow's own formula
    return converted if converted is not None else picture.convert("RGB")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def shrink(image: np.ndarray, longest: int) -> np.ndarray:
    """Downsample an image to a longest side; a smaller image is returned unchanged.

    Args:
        image: uint8 (H, W, 3).
        longest: of its sides, in pixels.
    """
    height, width = image.shape[:2]
    if max(height, width) <= longest:
        return image
    scale = longest / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(image).resize(
        size, Image.Resampling.LANCZOS, reducing_gap=3.0
    )
    return np.asarray(small)
