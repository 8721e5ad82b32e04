"""Pictures as people have them: the formats that are opened, and folders of them."""

import io
from pathlib import Path
from typing import IO, NamedTuple

from PIL import Image, UnidentifiedImageError, features

# Pillow's names of the formats that are opened. No other decoder ever sees a file:
# several of Pillow's hand files on to programs of the system.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF")
ENDINGS = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".avif", ".heic", ".heif", ".hif",
    ".tif", ".tiff", ".bmp", ".gif",
)  # fmt: skip
# Brands of the ISO container that phones keep photos in, first match wins: HEIC's own
# structure, mif1, may hold AVIF too.
_BRANDS = (
    ("AVIF", (b"avif", b"avis")),
    ("HEIC", (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")),
)
_HEAD = 64  # bytes that hold the first brands
REMEDIES = {
    "HEIC": "it is a HEIC photo; pip install 'tryon[heic]', or save it as JPEG",
    "AVIF": "it is an AVIF picture, which this Pillow cannot decode; pip install "
    "--upgrade pillow, or save it as JPEG",
}


class Listing(NamedTuple):
    """What a folder holds, hidden files apart; both are sorted."""

    pictures: list[Path]
    others: list[Path]


class MissingDecoderError(UnidentifiedImageError):
    """A picture's format is known, and what decodes it is not installed.

    The message says which, and what to do.
    """


def is_picture(path: Path) -> bool:
    """Tell whether a file is a picture by the ending of its name.

    Example:
        >>> is_picture(Path("IMG_1.JPG"))
        True
    """
    return path.suffix.lower() in ENDINGS


def list_pictures(folder: Path) -> Listing:
    """List the pictures of a folder, and what else it holds.

    Raises:
        OSError: the folder cannot be read.
    """
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    pictures = [path for path in paths if is_picture(path)]
    return Listing(pictures, [path for path in paths if not is_picture(path)])


def open_picture(source: Path | IO[bytes]) -> Image.Image:
    """Open a picture in one of the known formats; its pixels are not decoded yet.

    Args:
        source: a path, or a binary file object.

    Raises:
        MissingDecoderError: its format needs what is not installed.
        UnidentifiedImageError: it is in none of the formats.
        OSError, SyntaxError, ValueError, EOFError: it cannot be read, or is damaged.
        DecompressionBombError: it claims too many pixels.
    """
    source = source if isinstance(source, Path) else _rewindable(source)
    kind = container_kind(_head(source))
    formats = _heif() if kind == "HEIC" else FORMATS
    if kind is not None and (not formats or not _decodes(kind)):
        raise MissingDecoderError(REMEDIES[kind])
    Image.init()  # registers Pillow's own decoders
    try:
        known = [name for name in formats if name in Image.OPEN]
        return Image.open(source, formats=known)
    except UnidentifiedImageError as error:
        if kind is None:
            raise
        raise OSError(f"broken {kind}") from error


def container_kind(head: bytes) -> str | None:
    """Return "HEIC" or "AVIF" of a file that begins so; None of any other.

    Example:
        >>> container_kind(bytes([0, 0, 0, 24]) + b"ftypheic" + bytes(4) + b"mif1heic")
        'HEIC'
    """
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[k : k + 4] for k in range(8, end, 4)}
    return next((kind for kind, names in _BRANDS if brands & {*names}), None)


def has_heif() -> bool:
    """Tell whether HEIC photos can be decoded: the extra `heic` is installed."""
    return bool(_heif())


def _heif() -> tuple[str, ...]:
    """Register the decoder of HEIC photos; returns its formats, none without it."""
    try:
        import pillow_heif
    except ImportError:
        return ()
    pillow_heif.register_heif_opener()
    return ("HEIF",)


def _decodes(kind: str) -> bool:
    return kind != "AVIF" or bool(features.check("avif"))


def _rewindable(file: IO[bytes]) -> IO[bytes]:
    """Return a file object that can be read twice."""
    try:
        file.seek(0)
    except (AttributeError, io.UnsupportedOperation):
        return io.BytesIO(file.read())
    return file


def _head(source: Path | IO[bytes]) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as file:
            return file.read(_HEAD)
    head = source.read(_HEAD)
    source.seek(0)
    return head
