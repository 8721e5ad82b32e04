"""Which photos are taken."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from data_tools.annotations import (
    ATTRIBUTES,
    CATEGORIES,
    AnnotatedPhoto,
    BadPhotoError,
    DataError,
    ImageRecord,
    PhotoLabels,
)
from data_tools.formats.names import CATEGORY_IDS, category_of
from data_tools.garments import photo_labels
from data_tools.outlines import area_of

_log = logging.getLogger(__name__)
_NAMED = 3  # bad files that are named
# Categories by what their names say of sleeves; trousers and skirts say nothing.
SLEEVES = {
    "short": {i for name, i in CATEGORY_IDS.items() if name.startswith("short sleeve")},
    "long": {i for name, i in CATEGORY_IDS.items() if name.startswith("long sleeve")},
    "none": {i for name, i in CATEGORY_IDS.items() if name.startswith(("vest", "sling"))},
}


@dataclass(frozen=True)
class PhotoFilter:
    """What a photo must show to be taken; an empty set takes everything.

    A photo is taken when one of its garments passes; then all its garments stay, because
    what is seen and not marked would be taught as background. What a form of annotation
    does not label passes.

    Attributes:
        categories: DeepFashion2 ids.
        attributes: allowed values by name: scale, occlusion, zoom_in, viewpoint.
        sources: DeepFashion2's "shop" and "user".
        sleeves: "short", "long" and "none", as the category's name has it.
        min_area: of the garment, as share of the photo.
    """

    categories: frozenset[int] = frozenset()
    attributes: dict[str, frozenset[int]] = field(default_factory=dict)
    sources: frozenset[str] = frozenset()
    sleeves: frozenset[str] = frozenset()
    min_area: float = 0.0

    def __post_init__(self) -> None:
        """Check names and ranges."""
        unknown = sorted(set(self.attributes) - set(ATTRIBUTES))
        if unknown:
            raise ValueError(f"expected attributes among {ATTRIBUTES}, got {unknown}")
        if not self.sleeves <= set(SLEEVES):
            raise ValueError(f"expected sleeves among {set(SLEEVES)}")
        if not 0 <= self.min_area < 1:
            raise ValueError(f"expected min_area in [0, 1), got {self.min_area}")

    @property
    def is_open(self) -> bool:
        """Whether everything passes."""
        return self == PhotoFilter()

    def takes(self, photo: AnnotatedPhoto) -> bool:
        """Say whether a photo passes; reads masks only where that needs them."""
        if not self._matches_labels(photo.labels()):
            return False
        return not self.min_area or any(
            self._passes(garment.label, dict(garment.attributes))
            and garment.mask.mean() >= self.min_area
            for garment in photo.garments()
        )

    def takes_record(self, record: ImageRecord) -> bool:
        """Say whether a record passes; its size must be known where an area is asked for.

        Garments of categories that are not DeepFashion2's do not make a photo pass.

        Raises:
            DataError: when the size is asked for and not known.
        """
        if self.is_open:
            return True
        if not self._matches_labels(photo_labels(record)):
            return False
        if not self.min_area:
            return True
        if record.size is None:
            raise DataError("expected a known size for min-area; put the photo beside")
        least = self.min_area * record.size[0] * record.size[1]
        return any(
            self._passes(*fact) and area_of(instance, record.size) >= least
            for instance in record.instances
            for fact in photo_labels(replace(record, instances=(instance,))).garments
        )

    def _matches_labels(self, facts: PhotoLabels) -> bool:
        if self.sources and facts.source and facts.source not in self.sources:
            return False
        return any(self._passes(label, values) for label, values in facts.garments)

    def _passes(self, label: int, values: dict[str, int]) -> bool:
        if self.categories and label not in self.categories:
            return False
        if self.sleeves and not any(label in SLEEVES[name] for name in self.sleeves):
            return False
        return all(
            name not in values or values[name] in allowed
            for name, allowed in self.attributes.items()
        )


def parse_filter(texts: Iterable[str]) -> PhotoFilter:
    """Parse KEY=VALUES texts, such as "viewpoint=2", "source=user", "min-area=0.02".

    Raises:
        ValueError: naming the text and what is expected.
    """
    wanted = PhotoFilter()
    for text in texts:
        key, _, values = text.partition("=")
        try:
            wanted = _with(wanted, key.strip().replace("-", "_"), values)
        except ValueError as error:
            raise ValueError(
                f"{text!r}: expected viewpoint=2, occlusion=1,2, scale=..., zoom-in=..., "
                "category=1 (or a name), sleeve=short (long or none), source=user (or "
                "shop) or min-area=0.02"
            ) from error
    return wanted


def _with(wanted: PhotoFilter, key: str, values: str) -> PhotoFilter:
    parts = [part.strip() for part in values.split(",")]
    if key == "category":
        return replace(wanted, categories=frozenset(map(_category, parts)))
    if key == "sleeve":
        return replace(wanted, sleeves=frozenset(parts))
    if key == "source":
        return replace(wanted, sources=frozenset(parts))
    if key == "min_area":
        return replace(wanted, min_area=float(values))
    allowed = frozenset(map(int, parts))
    return replace(wanted, attributes={**wanted.attributes, key: allowed})


def _category(text: str) -> int:
    number = int(text) if text.strip().isdigit() else category_of(text)
    if number is None or not 1 <= number <= len(CATEGORIES):
        raise ValueError(text)
    return number


def filter_photos(
    photos: list[AnnotatedPhoto], wanted: PhotoFilter
) -> list[AnnotatedPhoto]:
    """Return the photos that pass; bad files are left out, counted and named in the log.

    With an open filter nothing is read.
    """
    if wanted.is_open:
        return photos
    kept, bad = [], []
    for photo in photos:
        try:
            if wanted.takes(photo):
                kept.append(photo)
        except BadPhotoError as error:
            bad.append(str(error))
    if bad:
        rest = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
        _log.warning("left out bad files: %s%s", "; ".join(bad[:_NAMED]), rest)
    return kept
