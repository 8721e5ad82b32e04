"""Write files whole or not at all: pictures, text and any bytes."""

import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from tryon.errors import TryOnError

_JPEG_QUALITY = 95


def printable(path: Path) -> str:
    """Return a path as messages show it: on one line, whatever its name holds."""
    name = str(path)
    return name if name.isprintable() else ascii(name)


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
            f"{printable(path)}: cannot be written ({error}); choose another format"
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
    raise TryOnError(f"{printable(path)}: expected an output name in .png, .jpg or .webp")


def write_text(text: str, path: Path, durable: bool = False) -> None:
    """Write a text file under a temporary name, then rename it; see `write_whole`."""
    write_whole(path, lambda file: file.write(text.encode()), durable)


def write_whole(
    path: Path, write: Callable[[IO[bytes]], object], durable: bool = False
) -> None:
    """Call `write(file)` on a temporary file beside `path`, then rename it.

    Nothing is left behind when it fails.

    Args:
        path: of the file.
        write: takes the temporary file, open for bytes.
        durable: wait until file and name are on the disk: a power cut cannot take them.

    Raises:
        TryOnError: the file cannot be written; names the path.
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
            f"{printable(path)}: cannot be written ({reason}); choose another place"
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
