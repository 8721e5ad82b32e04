"""New annotated photos from old ones, file by file."""

import hashlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from data_tools.annotations import (
    FILE_ERRORS,
    AnnotatedPhoto,
    BadFile,
    DataError,
    Dataset,
    ImageRecord,
)
from data_tools.augment.transforms import TRANSFORMS, View, transform
from data_tools.convert import Format
from data_tools.files import find_photo, safe_path, whole_folder
from data_tools.formats.folder_files import path_giver

DOCUMENT = "annotations.json"  # of formats that are one file
_QUALITY = 95  # of the JPEGs
_CHANCE = 0.5  # of each transform, for each new picture


@dataclass(frozen=True)
class Plan:
    """How photos are augmented.

    Attributes:
        transforms: names among `TRANSFORMS`; each new picture gets every other one by
            chance, and one at least.
        count: new pictures of each photo.
        seed: another one draws others.
    """

    transforms: Sequence[str]
    count: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        """Check names and count."""
        if not self.transforms or not set(self.transforms) <= set(TRANSFORMS):
            raise ValueError(
                f"expected transforms among {tuple(TRANSFORMS)}, got {self.transforms}"
            )
        if self.count < 1:
            raise ValueError(f"expected a count of 1 or more, got {self.count}")


def augment(
    dataset: Dataset, folder: Path, plan: Plan, kind: Format, out: Path
) -> Generator[BadFile | None, None, None]:
    """Write new pictures with their annotations.

    Args:
        dataset: the annotations.
        folder: of the annotations; photos lie as `find_photo` looks for them.
        plan: what is done.
        kind: the format to write.
        out: a new folder; it appears when all of it is written.

    Yields:
        For each new picture None when it was written, else why it was not.

    Raises:
        DataError: when the dataset is damaged past the image where that was noticed.
        OSError: when the disk says no, or something is there already.
    """
    with ExitStack() as stack:
        place = stack.enter_context(whole_folder(out))
        document = place if kind.is_folder else place / DOCUMENT
        put = stack.enter_context(kind.write(document, dataset))
        new_path = path_giver(place / kind.photos, ".jpg")
        for record in dataset.read_records():
            for view in _views(record, folder, plan):
                if isinstance(view, BadFile):
                    yield view
                    continue
                new, picture = view
                try:
                    path = new_path(new.file_name)
                    put(new)
                except OSError:
                    raise
                except FILE_ERRORS as error:
                    yield BadFile.of(new.file_name, error)
                else:
                    Image.fromarray(picture).save(path, quality=_QUALITY, subsampling=0)
                    yield None


def _views(
    record: ImageRecord | BadFile, folder: Path, plan: Plan
) -> Iterator[View | BadFile]:
    """Yield the new pictures of one photo; what cannot be read comes once."""
    if isinstance(record, BadFile):
        yield record
        return
    try:
        name, path = safe_path(record.file_name), find_photo(folder, record.file_name)
        if not path.is_file():
            raise DataError(f"expected the photo beside the annotations, as {path}")
        image = AnnotatedPhoto(path, "").image()
    except FILE_ERRORS as error:
        yield BadFile.of(record.file_name, error)
        return
    for number in range(1, plan.count + 1):
        rng = _source_of_chance(plan.seed, record.file_name, number)
        chosen = _choose(plan.transforms, rng)
        try:
            new, picture = transform(record, image, chosen, rng)
        except FILE_ERRORS as error:
            yield BadFile.of(record.file_name, error)
            continue
        told = {"augmented_from": record.file_name, "augmented_by": chosen}
        new_name = name.with_name(f"{name.stem}_aug{number}.jpg").as_posix()
        attributes = {**new.attributes, **told}
        yield replace(new, file_name=new_name, attributes=attributes), picture


def _choose(wanted: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Return some of the transforms, one at least, in the order of `TRANSFORMS`."""
    names = [name for name in TRANSFORMS if name in wanted]
    chosen = [name for name in names if rng.random() < _CHANCE]
    return chosen or [names[int(rng.integers(len(names)))]]


def _source_of_chance(seed: int, name: str, number: int) -> np.random.Generator:
    """Return one that does not hang on which other photos there are."""
    text = f"{seed} {number} {name}".encode(errors="surrogatepass")
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text).digest()[:8]))
