"""Write augmented pictures of annotated photos, with their annotations."""

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
from data_tools.formats.folder_files import unique_paths

DOCUMENT = "annotations.json"  # of formats that are one file


@dataclass(frozen=True)
class AugmentConfig:
    """How photos are augmented."""

    transforms: Sequence[str]  # names among `TRANSFORMS`; each picture gets one at least
    count: int = 1  # new pictures of each photo
    seed: int = 0
    probability: float = 0.5  # of each transform, for each new picture
    quality: int = 95  # of the JPEGs

    def __post_init__(self) -> None:
        """Check names and count."""
        if not self.transforms or not set(self.transforms) <= set(TRANSFORMS):
            raise ValueError(
                f"expected transforms among {tuple(TRANSFORMS)}, got {self.transforms}"
            )
        if self.count < 1:
            raise ValueError(f"expected a count of 1 or more, got {self.count}")


def augment(
    dataset: Dataset, folder: Path, config: AugmentConfig, target: Format, out: Path
) -> Generator[BadFile | None, None, None]:
    """Write new pictures with their annotations.

    Args:
        dataset: the annotations.
        folder: holds the annotations; photos are searched by `find_photo`.
        config: what is done.
        target: the format to write.
        out: a new folder; it appears when all of it is written.

    Yields:
        For each new picture None when it was written, else why it was not.

    Raises:
        DataError: when the rest of the dataset cannot be read.
        OSError: when `out` cannot be written, or exists.
    """
    with ExitStack() as stack:
        new_folder = stack.enter_context(whole_folder(out))
        document = new_folder if target.is_folder else new_folder / DOCUMENT
        write = stack.enter_context(target.write(document, dataset))
        new_path = unique_paths(new_folder / target.photos, ".jpg")
        for record in dataset.read_records():
            for view in _views(record, folder, config):
                if isinstance(view, BadFile):
                    yield view
                    continue
                new, picture = view
                try:
                    path = new_path(new.file_name)
                    write(new)
                except OSError:
                    raise
                except FILE_ERRORS as error:
                    yield BadFile.of(new.file_name, error)
                else:
                    image = Image.fromarray(picture)
                    image.save(path, quality=config.quality, subsampling=0)
                    yield None


def _views(
    record: ImageRecord | BadFile, folder: Path, config: AugmentConfig
) -> Iterator[View | BadFile]:
    """Yield the new pictures of one photo, or one `BadFile` when it cannot be read."""
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
    for number in range(1, config.count + 1):
        rng = _make_rng(config.seed, record.file_name, number)
        chosen = _choose(config, rng)
        try:
            new, picture = transform(record, image, chosen, rng)
        except FILE_ERRORS as error:
            yield BadFile.of(record.file_name, error)
            continue
        origin = {"augmented_from": record.file_name, "augmented_by": chosen}
        new_name = name.with_name(f"{name.stem}_aug{number}.jpg").as_posix()
        attributes = {**new.attributes, **origin}
        yield replace(new, file_name=new_name, attributes=attributes), picture


def _choose(config: AugmentConfig, rng: np.random.Generator) -> list[str]:
    """Draw some of the transforms, one at least, in the order of `TRANSFORMS`."""
    names = [name for name in TRANSFORMS if name in config.transforms]
    chosen = [name for name in names if rng.random() < config.probability]
    return chosen or [names[int(rng.integers(len(names)))]]


def _make_rng(seed: int, name: str, number: int) -> np.random.Generator:
    """Return a random generator that does not depend on which other photos there are."""
    text = f"{seed} {number} {name}".encode(errors="surrogatepass")
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text).digest()[:8]))
