"""Pictures in and out: hostile files in, whole files out.

Only formats that Pillow decodes by itself are opened. What is read is upright RGB; what
is written appears under its name complete or not at all.
"""

import io
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from tryon.errors import Refusal, TryOnError
from tryon.types import Photo

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
MAX_PIXELS = 89_478_485  # Pillow's own bound; a 64-megapixel phone photo passes
MIN_SIDE = 96  # pixels: below it there is no garment to see
_JPEG_QUALITY = 95


def read_photo(path: Path) -> Photo:
    """Read a picture file.

    EXIF orientation is applied, transparency laid over white, 16 bits cut to 8, CMYK
    converted through its profile. RGB pixels are kept as they are, and their profile
    with them.

    Args:
        path: JPEG, PNG, WebP, TIFF, BMP or GIF (first frame).

    Returns:
        The upright photo.

    Raises:
        Refusal: `unreadable_image` or `too_small`, naming the file.
    """
    Image.init()  # registers the decoders
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as picture:
                photo = _decode(picture, path)
    except Refusal:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _unreadable(
            path, f"it claims more than {MAX_PIXELS // 10**6} megapixels; make it smaller"
        ) from error
    except FileNotFoundError as error:
        raise _unreadable(path, "there is no such file; check the path") from error
    except (IsADirectoryError, PermissionError) as error:
        raise _unreadable(path, f"it cannot be opened ({error.strerror})") from error
    except UnidentifiedImageError as error:
        raise _unreadable(path, "it is no picture; save it as JPEG or PNG") from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise _unreadable(
            path, f"it is damaged ({_first_line(error)}); save or send it again"
        ) from error
    return photo


def _decode(picture: Image.Image, path: Path) -> Photo:
    if min(picture.size) < MIN_SIDE:
        raise Refusal(
            "too_small",
            f"{shown(path)}: {picture.width}x{picture.height} pixels; use a photo of at "
            f"least {MIN_SIDE} pixels a side",
        )
    picture.load()
    upright = ImageOps.exif_transpose(picture)
    profile = upright.info.get("icc_profile")
    rgb = _to_rgb(upright, profile)
    kept = profile if upright.mode == "RGB" else None
    return Photo(np.asarray(rgb), path, kept)


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
    """Cut deep grey values to 8 bits: integers are 16-bit, floats are 0..1 or 0..255."""
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
        moved = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return picture.convert("RGB")  # a broken profile: Pillow's plain formula
    return moved if moved is not None else picture.convert("RGB")


def _unreadable(path: Path, why: str) -> Refusal:
    return Refusal("unreadable_image", f"{shown(path)}: {why}")


def shown(path: Path) -> str:
    """Return a path as messages show it: on one line, whatever its name holds."""
    name = str(path)
    return name if name.isprintable() else ascii(name)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def write_image(image: np.ndarray, path: Path, icc_profile: bytes | None = None) -> None:
    """Write a picture under a temporary name, then rename it.

    Args:
        image: uint8 (H, W), (H, W, 3) or (H, W, 4).
        path: the ending chooses the format; PNG and WebP are lossless, JPEG is not.
        icc_profile: written beside the pixels.

    Raises:
        TryOnError: when the folder cannot be written, or the ending is not known.
    """
    data = encode_image(image, path, icc_profile)
    write_whole(path, lambda file: file.write(data))


def encode_image(
    image: np.ndarray, path: Path, icc_profile: bytes | None = None
) -> bytes:
    """Return what `write_image` writes.

    Raises:
        TryOnError: when the ending is not known, or the picture too large for it.
    """
    options = _save_options(path)
    if icc_profile:
        options["icc_profile"] = icc_profile
    buffer = io.BytesIO()
    try:
        Image.fromarray(image).save(buffer, **options)
    except (OSError, ValueError) as error:  # ValueError: too large for WebP
        raise TryOnError(
            f"{shown(path)}: cannot be written ({error}); choose another format"
        ) from error
    return buffer.getvalue()


def _save_options(path: Path) -> dict[str, Any]:
    ending = path.suffix.lower()
    if ending == ".png":
        return {"format": "PNG", "compress_level": 4}
    if ending in (".jpg", ".jpeg"):
        return {"format": "JPEG", "quality": _JPEG_QUALITY, "subsampling": 0}
    if ending == ".webp":
        # exact: colours under full transparency are kept too
        return {"format": "WEBP", "lossless": True, "exact": True}
    raise TryOnError(f"{shown(path)}: expected an output name in .png, .jpg or .webp")


def write_text(text: str, path: Path, durable: bool = False) -> None:
    """Write a text file under a temporary name, then rename it; see `write_whole`."""
    write_whole(path, lambda file: file.write(text.encode()), durable)


def write_whole(path: Path, write, durable: bool = False) -> None:  # type: ignore[no-untyped-def]
    """Call `write(file)` on a temporary file beside `path`, then rename it.

    Nothing is left behind when it fails.

    Args:
        path: of the file.
        write: takes the temporary file, open for bytes.
        durable: wait until file and name are on the disk: a power cut cannot take them.

    Raises:
        TryOnError: naming the path, when the disk says no.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=".tryon-", delete=False
        ) as file:
            temporary = Path(file.name)
            write(file)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        temporary = None
        if durable:
            sync_folder(path.parent)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or error
        raise TryOnError(
            f"{shown(path)}: cannot be written ({reason}); choose another place"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can tell."""
    if os.name == "nt":  # it opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def shrink(image: np.ndarray, longest: int) -> np.ndarray:
    """Return the image so small that no side is longer; itself when it is not.

    Args:
        image: uint8 (H, W, 3).
        longest: pixels.
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
