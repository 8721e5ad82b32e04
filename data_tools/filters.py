"""Select photos by category, attributes, source, sleeves and size of the garment."""

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
_MAX_LISTED = 3  # bad files that a warning names
# Categories by the sleeves in their names; trousers and skirts have none of these.
SLEEVES = {
    "short": {i for name, i in CATEGORY_IDS.items() if name.startswith("short sleeve")},
    "long": {i for name, i in CATEGORY_IDS.items() if name.startswith("long sleeve")},
    "none": {i for name, i in CATEGORY_IDS.items() if name.startswith(("vest", "sling"))},
}


@dataclass(frozen=True)
class PhotoFilter:
    """Conditions on a photo; an empty set allows everything.

    A photo matches when one of its garments does; all its garments are kept then, because
    a visible garment without annotation would be learned as background. Labels that a
    format does not have match.
    """

    categories: frozenset[int] = frozenset()  # DeepFashion2's ids
    # Allowed values of scale, occlusion, zoom_in, viewpoint, by name.
    attributes: dict[str, frozenset[int]] = field(default_factory=dict)
    sources: frozenset[str] = frozenset()  # DeepFashion2's "shop" and "user"
    sleeves: frozenset[str] = frozenset()  # "short", "long", "none", by category name
    min_area: float = 0.0  # of the garment, share of the photo

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
    def matches_all(self) -> bool:
        """Whether every photo matches."""
        return self == PhotoFilter()

    def matches(self, photo: AnnotatedPhoto) -> bool:
        """Say whether a photo matches; masks are read only for `min_area`."""
        if not self._matches_labels(photo.labels()):
            return False
        return not self.min_area or any(
            self._allows(garment.label, dict(garment.attributes))
            and garment.mask.mean() >= self.min_area
            for garment in photo.garments()
        )

    def matches_record(self, record: ImageRecord) -> bool:
        """Say whether a record matches.

        Garments of categories that are not DeepFashion2's do not match.

        Raises:
            DataError: when `min_area` needs the image's size, which is not known.
        """
        if self.matches_all:
            return True
        if not self._matches_labels(photo_labels(record)):
            return False
        if not self.min_area:
            return True
        if record.size is None:
            raise DataError(
                "min-area needs the image's size; put the photo beside the annotations"
            )
        least = self.min_area * record.size[0] * record.size[1]
        return any(
            self._allows(*labels) and area_of(instance, record.size) >= least
            for instance in record.instances
            for labels in photo_labels(replace(record, instances=(instance,))).garments
        )

    def _matches_labels(self, labels: PhotoLabels) -> bool:
        if self.sources and labels.source and labels.source not in self.sources:
            return False
        return any(self._allows(label, values) for label, values in labels.garments)

    def _allows(self, label: int, values: dict[str, int]) -> bool:
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
    photo_filter = PhotoFilter()
    for text in texts:
        key, _, values = text.partition("=")
        try:
            key = key.strip().replace("-", "_")
            photo_filter = _with_condition(photo_filter, key, values)
        except ValueError as error:
            raise ValueError(
                f"{text!r}: expected viewpoint=2, occlusion=1,2, scale=..., zoom-in=..., "
                "category=1 (or a name), sleeve=short (long or none), source=user (or "
                "shop) or min-area=0.02"
            ) from error
    return photo_filter


def _with_condition(old: PhotoFilter, key: str, values: str) -> PhotoFilter:
    parts = [part.strip() for part in values.split(",")]
    if key == "category":
        return replace(old, categories=frozenset(map(_category, parts)))
    if key == "sleeve":
        return replace(old, sleeves=frozenset(parts))
    if key == "source":
        return replace(old, sources=frozenset(parts))
    if key == "min_area":
        return replace(old, min_area=float(values))
    allowed = frozenset(map(int, parts))
    return replace(old, attributes={**old.attributes, key: allowed})


def _category(text: str) -> int:
    number = int(text) if text.strip().isdigit() else category_of(text)
    if number is None or not 1 <= number <= len(CATEGORIES):
        raise ValueError(text)
    return number


def filter_photos(
    photos: list[AnnotatedPhoto], photo_filter: PhotoFilter
) -> list[AnnotatedPhoto]:
    """Return the photos that match; a warning names bad files, which are left out.

    With a filter that matches all nothing is read.
    """
    if photo_filter.matches_all:
        return photos
    kept, bad = [], []
    for photo in photos:
        try:
            if photo_filter.matches(photo):
                kept.append(photo)
        except BadPhotoError as error:
            bad.append(str(error))
    if bad:
        rest = f" and {len(bad) - _MAX_LISTED} more" if len(bad) > _MAX_LISTED else ""
        _log.warning("left out bad files: %s%s", "; ".join(bad[:_MAX_LISTED]), rest)
    return kept
