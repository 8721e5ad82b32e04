"""Count the contents of a set of annotations, and find its problems."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_tools.annotations import (
    ATTRIBUTES,
    FILE_ERRORS,
    BadFile,
    Dataset,
    ImageRecord,
    Instance,
)
from data_tools.checks import checked
from data_tools.garments import label_of
from data_tools.outlines import bounds, polygons_of

# COCO's small and medium objects have a smaller area than a square of this side, pixels.
_COCO_SIDES = (("small", 32), ("medium", 96))
_MAX_SHOWN = 160  # characters of a problem


@dataclass(frozen=True)
class InspectConfig:
    """What counts as a problem."""

    tolerance: float = 1  # pixels that an outline may lie outside: tools round


DEFAULT = InspectConfig()


@dataclass
class Summary:
    """Counts over a set of annotations.

    Attributes:
        images: number of images that were read.
        instances: number of instances in them.
        categories: instances by category, as written.
        attributes: instances by value of scale, occlusion, zoom_in, viewpoint, by name.
        sources: images by source, where they have one.
        sizes: images by (height, width); None where it is not known.
        instance_sizes: instances by COCO's small, medium and large, of their outlines.
        landmarks: instances with landmarks, by the number that is labelled.
        problems: images or instances with a problem, by its name.
        examples: the first image with each problem, and the values there.
    """

    images: int = 0
    instances: int = 0
    categories: Counter[str] = field(default_factory=Counter)
    attributes: dict[str, Counter[Any]] = field(default_factory=dict)
    sources: Counter[str] = field(default_factory=Counter)
    sizes: Counter[tuple[int, int] | None] = field(default_factory=Counter)
    instance_sizes: Counter[str] = field(default_factory=Counter)
    landmarks: Counter[int] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the counts as JSON values, the most frequent first."""
        known = {k: n for k, n in self.sizes.items() if k is not None}
        return {
            "images": self.images,
            "instances": self.instances,
            "categories": dict(self.categories.most_common()),
            "attributes": {k: dict(v.most_common()) for k, v in self.attributes.items()},
            "sources": dict(self.sources.most_common()),
            "sizes": {f"{w}x{h}": n for (h, w), n in Counter(known).most_common()},
            "instance sizes": dict(self.instance_sizes.most_common()),
            "landmarks": dict(sorted(self.landmarks.items())),
            "problems": dict(self.problems.most_common()),
            "examples": self.examples,
        }


def summarise(
    dataset: Dataset, config: InspectConfig = DEFAULT, folder: Path | None = None
) -> Iterator[Summary]:
    """Count the contents, image by image.

    Args:
        dataset: the annotations.
        config: what counts as a problem.
        folder: of the annotations, see `checked`.

    Yields:
        After each image the summary so far, always the same object; at least once.
    """
    summary = Summary()
    for record in checked(dataset, folder).read_records():
        if isinstance(record, BadFile):
            _add_problem(summary, f"bad file: {record.reason}"[:_MAX_SHOWN], record.name)
        else:
            _count_image(summary, record, config)
        yield summary
    if not summary.images:
        yield summary


def _count_image(summary: Summary, record: ImageRecord, config: InspectConfig) -> None:
    summary.images += 1
    summary.instances += len(record.instances)
    summary.sizes[record.size] += 1
    if source := record.attributes.get("source"):
        summary.sources[str(source)] += 1
    if record.size is None:
        _add_problem(summary, "size not known: no photo there", record.file_name)
    if not record.instances:
        _add_problem(summary, "nothing is marked", record.file_name)
    for note in record.all_notes():
        _add_problem(summary, note.kind, record.file_name, note.detail)
    for instance in record.instances:
        _count_instance(summary, record, instance, config)


def _count_instance(
    summary: Summary, record: ImageRecord, instance: Instance, config: InspectConfig
) -> None:
    summary.categories[instance.category] += 1
    for name in ATTRIBUTES:
        if name in instance.attributes:
            values = summary.attributes.setdefault(name, Counter())
            values[str(instance.attributes[name])] += 1
    if instance.landmarks is not None:
        summary.landmarks[sum(v > 0 for v in instance.landmarks[2::3])] += 1
    try:
        problems = list(_problems(summary, record, instance, config))
    except FILE_ERRORS as error:
        problems = [f"bad outline: {' '.join(str(error).split())}"[:_MAX_SHOWN]]
    for problem in problems:
        _add_problem(summary, problem, record.file_name)


def _problems(
    summary: Summary, record: ImageRecord, instance: Instance, config: InspectConfig
) -> Iterator[str]:
    """Yield the problems of an instance, and count its size."""
    if label_of(instance) is None:
        yield f"category unknown to DeepFashion2: {instance.category}"
    polygons = polygons_of(instance)
    if any(len(polygon.outer) < 6 for polygon in polygons):
        yield "polygon of fewer than three points"
    around = bounds(polygons)
    if around is None:
        yield "no outline"
        return
    width, height = around[2] - around[0], around[3] - around[1]
    side = (width * height) ** 0.5
    named = (name for name, limit in _COCO_SIDES if side < limit)
    summary.instance_sizes[next(named, "large")] += 1
    if not (width and height):
        yield "outline without area"
    if record.size is None:
        return
    if not _inside(around, record.size, config.tolerance):
        yield "outline outside the image"
    if not _landmarks_inside(instance, record.size, config.tolerance):
        yield "landmark outside the image"


def _inside(box: tuple[float, ...], size: tuple[int, int], tolerance: float) -> bool:
    right, bottom = size[1] + tolerance, size[0] + tolerance
    return min(box) >= -tolerance and box[2] <= right and box[3] <= bottom


def _landmarks_inside(
    instance: Instance, size: tuple[int, int], tolerance: float
) -> bool:
    points = instance.landmarks or ()
    triples = zip(points[0::3], points[1::3], points[2::3], strict=True)
    return all(_inside((x, y, x, y), size, tolerance) for x, y, v in triples if v > 0)


def _add_problem(summary: Summary, problem: str, name: str, detail: str = "") -> None:
    summary.problems[problem] += 1
    summary.examples.setdefault(problem, f"{name} ({detail})" if detail else name)
