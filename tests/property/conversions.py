"""Small files of one garment, converted to every format and back."""

import json

from PIL import Image

from data_tools.annotations import BadFile
from data_tools.convert import FORMATS, compare, convert

TEE = "short sleeve top"
SQUARE = [10, 10, 60, 10, 60, 50, 10, 50]
WIDTH, HEIGHT = 100, 80
ENDINGS = {True: "", False: ".json"}  # of a folder and of a file


def write_json(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    return path


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def save_photo(path, size=(WIDTH, HEIGHT)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def coco(path, row=None, image=None, **top):
    """Write COCO of one photo and one garment."""
    known = {"id": 1, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}
    garment = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [SQUARE]}
    garment |= {"bbox": [10, 10, 50, 40], "area": 2000, "iscrowd": 0}
    values = {
        "images": [known | (image or {})],
        "categories": [{"id": 1, "name": TEE}],
        "annotations": [garment | (row or {})],
    }
    return write_json(path, values | top)


def records(source, path):
    return list(FORMATS[source].read(path).read_records())


def kinds_of(record):
    return [note.kind for note in record.all_notes()]


def forth_and_back(source, path, folder):
    """Convert to every format and back; return what came back, by format.

    Fails when a copy differs from the original.
    """
    kind, found = FORMATS[source], {}
    for target, other in FORMATS.items():
        there = folder / target / f"there{ENDINGS[other.is_folder]}"
        back = folder / target / f"back{ENDINGS[kind.is_folder]}"
        there.parent.mkdir(parents=True)
        write_checked(kind.read(path), other, there)
        write_checked(other.read(there), kind, back)
        found[target] = back
    return found


def write_checked(dataset, kind, path):
    bad = [one for one in convert(dataset, kind, path) if isinstance(one, BadFile)]
    assert not bad
    assert not [one for rows in compare(dataset, kind.read(path)) for one in rows]
