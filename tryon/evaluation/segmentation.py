"""Evaluate the segmenter: a result per photo, and the metrics of groups of results.

Each view of a photo becomes a `Result`, small enough to keep; every row of metrics is a
function of a list of results, so that any group of them (a source, a viewpoint) is
measured alike. What each metric means: docs/evaluation.md.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compositor import clean_mask
from data_tools.annotations import (
    ATTRIBUTES,
    CATEGORIES,
    SHORT_SLEEVE_TOP,
    UNKNOWN,
    AnnotatedPhoto,
)
from mrcnn.coco import EncodedInstance, average_precision
from mrcnn.detections import Detections, mask_iou
from mrcnn.evaluate import boundary_f, landmark_errors
from tryon.segment import Segmenter, as_instances
from tryon.types import GarmentMask

Metrics = dict[str, Any]
CLOSE_UPS = {"waist": 0.7, "chest": 0.25}  # see `close_up`
KINDS = {"mask": "segm", "box": "bbox", "keypoint": "keypoints"}  # names in COCO


@dataclass(frozen=True)
class MetricConfig:
    """Thresholds of the metrics."""

    min_score: float = 0.05  # of detections in the average precision, as is usual on COCO
    miss_iou: float = 0.1  # below it the garment was missed
    landmark_tolerance: float = 0.05  # of a correct landmark, fraction of the diagonal


DEFAULT = MetricConfig()


class ClassInstance(NamedTuple):
    """A garment with its class."""

    label: int
    instance: EncodedInstance


@dataclass(frozen=True)
class View:
    """A photo, or a crop of one, with its short-sleeve tops.

    Attributes:
        image: uint8 (H, W, 3).
        tops: masks, landmarks and attributes of each.
        others: garments of other classes; of close-ups none.
    """

    image: NDArray[np.uint8]
    tops: tuple[EncodedInstance, ...]
    attributes: tuple[Mapping[str, int], ...]
    others: tuple["ClassInstance", ...] = ()


@dataclass(frozen=True)
class Result:
    """The segmenter's result for one view.

    Attributes:
        name: the photo's file name.
        group: its source, and which close-up.
        tops: the ground truth.
        detections: all detected short-sleeve tops, also of low scores, with `chosen`.
        chosen: the one that a try-on uses; None when there is none.
        truth: index of the top with the largest IoU with `chosen`; None without tops.
        iou: of those two; 0 when one is missing.
        boundary: their boundary F.
        errors: (K,) `landmark_errors`; None when either has no landmarks.
        attributes: of that top.
        others: ground truth of other classes.
        other_detections: detections of other classes, also of low scores.
        read_image: reads the view's image, uint8 (H, W, 3).
    """

    name: str
    group: str
    tops: tuple[EncodedInstance, ...]
    detections: tuple[EncodedInstance, ...]
    chosen: EncodedInstance | None
    truth: int | None
    iou: float
    boundary: float
    errors: NDArray[np.float64] | None
    attributes: Mapping[str, int]
    others: tuple[ClassInstance, ...]
    other_detections: tuple[ClassInstance, ...]
    read_image: Callable[[], NDArray[np.uint8]] = field(repr=False)

    def row(self) -> Metrics:
        """Return plain values for JSON."""
        errors = np.zeros(0) if self.errors is None else self.errors
        errors = errors[~np.isnan(errors)]
        return {
            "name": self.name,
            "source": self.group,
            "iou": self.iou if self.tops else None,
            "boundary_f": self.boundary if self.tops else None,
            "score": self.chosen.score if self.chosen else None,
            "false_find": not self.tops and self.chosen is not None,
            "landmark_error": float(errors.mean()) if len(errors) else None,
            **self.attributes,
        }


def measure_photos(
    segmenter: Segmenter, photos: list[AnnotatedPhoto], on_view: Callable[[str], None]
) -> Iterator[Result]:
    """Run a segmenter on photos; those of people also as close-ups.

    Args:
        segmenter: as `tryon run` uses it.
        photos: of any sources.
        on_view: called with each view's name.
    """
    for photo in photos:
        view = read_view(photo)
        on_view(photo.image_path.name)
        result = measure_view(segmenter, view)
        yield _name(result, photo, photo.source, photo.image)
        if photo.source != "people" or not view.tops:
            continue
        for name, share in CLOSE_UPS.items():
            on_view(f"{photo.image_path.name}, {name}")
            result = measure_view(segmenter, close_up(view, share))
            group = f"{photo.source}, to the {name}"
            yield _name(result, photo, group, _close_up_reader(photo, share))


def _name(
    result: Result,
    photo: AnnotatedPhoto,
    group: str,
    read_image: Callable[[], NDArray[np.uint8]],
) -> Result:
    name = photo.image_path.name
    return dataclasses.replace(result, name=name, group=group, read_image=read_image)


def _close_up_reader(
    photo: AnnotatedPhoto, share: float
) -> Callable[[], NDArray[np.uint8]]:
    return lambda: close_up(read_view(photo), share).image


def read_view(photo: AnnotatedPhoto) -> View:
    """Read a photo with its garments."""
    garments = photo.garments()
    tops = [g for g in garments if g.label == SHORT_SLEEVE_TOP]
    others = tuple(
        ClassInstance(g.label, EncodedInstance.from_mask(g.mask))
        for g in garments
        if g.label not in (SHORT_SLEEVE_TOP, UNKNOWN)
    )
    instances = tuple(
        EncodedInstance.from_mask(top.mask, landmarks=top.landmarks) for top in tops
    )
    attributes = tuple(top.attributes for top in tops)
    return View(photo.image(), instances, attributes, others)


def close_up(view: View, share: float) -> View:
    """Crop a view around its largest top: the whole top, or its chest.

    Args:
        view: with at least one top.
        share: fraction of the top's width and height: from .5 on, the margin around it
            on each side; below .5, the crop cuts half of it off each side of the top.
    """
    x1, y1, x2, y2 = max(view.tops, key=lambda top: top.mask.sum()).box
    around = share if share >= 0.5 else -share / 2
    height, width = view.image.shape[:2]
    left, top = (max(0, int(a - around * s)) for a, s in ((x1, x2 - x1), (y1, y2 - y1)))
    right = min(width, int(x2 + around * (x2 - x1)))
    bottom = min(height, int(y2 + around * (y2 - y1)))
    window = slice(top, bottom), slice(left, right)
    kept = [
        (_crop(top, window), attributes)
        for top, attributes in zip(view.tops, view.attributes, strict=True)
        if top.mask[window].any()
    ]
    tops, attributes = zip(*kept, strict=True)
    return View(np.ascontiguousarray(view.image[window]), tops, attributes)


def _crop(top: EncodedInstance, window: tuple[slice, slice]) -> EncodedInstance:
    mask, points = top.mask[window], top.landmarks
    if points is not None:
        rows, columns = window
        points = points - np.array([columns.start, rows.start, 0], np.float32)
        inside = (points[:, :2] >= 0) & (points[:, :2] < mask.shape[::-1])
        points[~inside.all(axis=1)] = 0
    return EncodedInstance.from_mask(mask, landmarks=points)


def measure_view(
    segmenter: Segmenter, view: View, config: MetricConfig = DEFAULT
) -> Result:
    """Segment the garment of a view, and compare it with the ground truth."""
    detections = segmenter.detect(view.image, config.min_score)
    confident = segmenter.is_confident(detections)
    # The confident ones first, so that the chosen one has the same index among all.
    order = np.argsort(~confident, kind="stable")
    detections = detections[order]
    chosen = segmenter.select(view.image, detections[: confident.sum()])
    tops = select_tops(detections, chosen, segmenter.config.mask_threshold)
    mask = np.zeros(view.image.shape[:2], bool) if chosen is None else chosen.mask
    truths = [top.mask for top in view.tops]
    overlaps = [mask_iou(mask, truth) for truth in truths]
    # Without a detection, the largest top is the one that was missed.
    ranks = [
        (overlap, truth.sum()) for overlap, truth in zip(overlaps, truths, strict=True)
    ]
    best = max(range(len(ranks)), key=lambda i: ranks[i]) if ranks else None
    instance = None if chosen is None else _encode(chosen)
    return Result(
        name="",
        group="",
        tops=view.tops,
        detections=tops,
        chosen=instance,
        truth=best,
        iou=0.0 if best is None else overlaps[best],
        boundary=0.0 if best is None else boundary_f(mask, truths[best]),
        errors=None if best is None else _errors(instance, view.tops[best]),
        attributes={} if best is None else view.attributes[best],
        others=view.others,
        other_detections=select_others(detections, segmenter.config.mask_threshold),
        read_image=lambda: view.image,
    )


def _encode(garment: GarmentMask) -> EncodedInstance:
    instance = garment.instance
    return EncodedInstance.from_mask(
        garment.mask, None, instance.score, instance.landmarks
    )


def _errors(
    pred: EncodedInstance | None, truth: EncodedInstance
) -> NDArray[np.float64] | None:
    if pred is None or pred.landmarks is None or truth.landmarks is None:
        return None
    return landmark_errors(pred.landmarks, truth.landmarks, truth.box)


def select_tops(
    detections: Detections, chosen: GarmentMask | None, threshold: float
) -> tuple[EncodedInstance, ...]:
    """Return the short-sleeve tops among detections.

    Args:
        detections: of one view.
        chosen: the one that was refined, by its index in `detections`: it has the refined
            mask, box and landmarks.
        threshold: probability from which a pixel is garment.
    """
    tops = []
    for i, instance in enumerate(as_instances(detections)):
        if chosen is not None and i == chosen.chosen:
            tops.append(_encode(chosen))
        elif instance.label == SHORT_SLEEVE_TOP:
            mask = clean_mask(detections.masks[i] >= threshold)
            landmarks, score = instance.landmarks, instance.score
            tops.append(EncodedInstance.from_mask(mask, None, score, landmarks))
    return tuple(tops)


def select_others(detections: Detections, threshold: float) -> tuple[ClassInstance, ...]:
    """Return the detections of other classes than short-sleeve tops.

    Args:
        detections: of one view.
        threshold: probability from which a pixel is garment.
    """
    return tuple(
        ClassInstance(
            int(label), EncodedInstance.from_mask(mask >= threshold, None, float(score))
        )
        for label, mask, score in zip(
            detections.labels, detections.masks, detections.scores, strict=True
        )
        if label != SHORT_SLEEVE_TOP
    )


def summarize(results: list[Result], config: MetricConfig = DEFAULT) -> Metrics:
    """Return the metrics of a group of results.

    Returns:
        By full names; those without data in the group are left out: without tops there
        are only the false positives, without landmarks no landmark errors.
    """
    with_tops = [result for result in results if result.tops]
    empty = [result for result in results if not result.tops]
    values: Metrics = {"photos": len(results)}
    if with_tops:
        values |= _mask_metrics(with_tops, config) | _precision(results)
        values |= _landmark_metrics(with_tops, config)
    if empty:
        false = sum(result.chosen is not None for result in empty)
        values |= {
            "photos without a top": len(empty),
            "false finds": false,
            "false find share": false / len(empty),
        }
    return values


def _mask_metrics(results: list[Result], config: MetricConfig) -> Metrics:
    ious = [result.iou for result in results]
    misses = sum(iou < config.miss_iou for iou in ious)
    return {
        "IoU mean": float(np.mean(ious)),
        "IoU median": float(np.median(ious)),
        "IoU p10": float(np.percentile(ious, 10)),
        "boundary F": float(np.mean([result.boundary for result in results])),
        "misses": misses,
        "miss share": misses / len(results),
    }


def _precision(results: list[Result]) -> Metrics:
    truth, detections = [r.tops for r in results], [r.detections for r in results]
    values: Metrics = {}
    for name, kind in KINDS.items():
        if name == "keypoint" and not (_has_marks(truth) and _has_marks(detections)):
            continue
        precision = average_precision(truth, detections, kind)  # type: ignore[arg-type]
        values |= {f"{name} {key}": value for key, value in precision.items()}
    return values


def _has_marks(photos: list[tuple[EncodedInstance, ...]]) -> bool:
    """Tell whether any instance has landmarks."""
    return any(instance.landmarks is not None for row in photos for instance in row)


def _landmark_metrics(results: list[Result], config: MetricConfig) -> Metrics:
    """Pool the landmarks of all detected garments."""
    errors, visible = [np.zeros(0)], [np.zeros(0, bool)]
    for result in results:
        if result.errors is not None and result.truth is not None:
            points = result.tops[result.truth].landmarks
            assert points is not None
            errors.append(result.errors)
            visible.append(points[:, 2] == 2)
    error, is_visible = np.concatenate(errors), np.concatenate(visible)
    known = ~np.isnan(error)
    if not known.any():
        return {}
    is_near = error[known] <= config.landmark_tolerance
    values = {
        "landmark error": float(error[known].mean()),
        "landmarks within 5 %": float(is_near.mean()),
    }
    if is_visible.any():
        values["landmark error, seen"] = float(error[is_visible].mean())
    return values


def tabulate(results: list[Result]) -> list[tuple[str, Metrics]]:
    """Return a row of metrics for each group, and for each attribute's value in it."""
    rows = []
    for group in sorted({result.group for result in results}):
        members = [result for result in results if result.group == group]
        rows.append((group, summarize(members)))
        for name in ATTRIBUTES:
            values = {r.attributes[name] for r in members if name in r.attributes}
            for value in sorted(values):
                part = [r for r in members if r.attributes.get(name) == value]
                rows.append((f"{group}, {name} {value}", summarize(part)))
    return rows + _class_rows(results)


def _class_rows(results: list[Result]) -> list[tuple[str, Metrics]]:
    """Return the AP of each class other than the short-sleeve tops.

    Measured on the sources that have such garments labelled: elsewhere a correct
    detection would count as a false one.
    """
    labelled = {result.group for result in results if result.others}
    members = [result for result in results if result.group in labelled]
    rows = []
    for label in sorted({garment.label for r in members for garment in r.others}):
        truth, found = (
            [[g.instance for g in garments if g.label == label] for garments in photos]
            for photos in (
                [r.others for r in members],
                [r.other_detections for r in members],
            )
        )
        values: Metrics = {"photos": sum(bool(garments) for garments in truth)}
        values |= {
            f"mask {name}": value
            for name, value in average_precision(truth, found, "segm").items()
        }
        rows.append((f"class {label}, {CATEGORIES[label - 1]}", values))
    return rows
