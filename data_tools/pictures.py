"""Pictures as people have them: the formats that are opened, and folders of them."""

from pathlib import Path
from typing import NamedTuple

# Pillow's names of the formats that are opened. No other decoder ever sees a file:
# several of Pillow's hand files on to programs of the system.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")


class Listing(NamedTuple):
    """What a folder holds, hidden files apart; both are sorted."""

    pictures: list[Path]
    others: list[Path]


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
