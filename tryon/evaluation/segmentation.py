"""How well garments are cut out: what each photo gave, and the figures of many.

Each view of a photo becomes a `Result`, small enough to keep; every figure is a function
of a list of results, so that any group of them (a source, a viewpoint) is measured alike.
What each figure means: docs/evaluation.md.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compositor import clean_mask
from data_tools.annotations import ATTRIBUTES, SHORT_SLEEVE_TOP, AnnotatedPhoto
from mrcnn.coco import EncodedInstance, average_precision
from mrcnn.detections import Detections, mask_iou
from mrcnn.evaluate import boundary_f, landmark_errors
from tryon.segment import Segmenter, as_instances
from tryon.types import GarmentMask

Figures = dict[str, Any]
CLOSE_UPS = {"waist": 0.7, "chest": 0.25}  # of the shirt's height that stays in view
ANY_SCORE = 0.05  # average precision counts all finds; COCO's detectors stop here too
MISS = 0.1  # IoU below which the garment was not found
NEAR = 0.05  # of the box's diagonal: a landmark within it is right
KINDS = {"mask": "segm", "box": "bbox", "keypoint": "keypoints"}


@dataclass(frozen=True)
class View:
    """A photo, or a part of one, with its short-sleeve tops.

    Attributes:
        image: uint8 (H, W, 3).
        tops: masks, landmarks and attributes of each.
    """

    image: NDArray[np.uint8]
    tops: tuple[EncodedInstance, ...]
    attributes: tuple[Mapping[str, int], ...]


@dataclass(frozen=True)
class Result:
    """What the segmenter did with one view.

    Attributes:
        name: the photo's file name.
        group: its source, and which close-up.
        tops: the truth.
        finds: every short-sleeve top above `ANY_SCORE`, `chosen` among them.
        chosen: what a user gets; None where nothing was found.
        truth: index of the top that `chosen` overlaps most; None without tops.
        iou: of those two; 0 when one is missing.
        boundary: their boundary F.
        errors: (K,) `landmark_errors`; None where either side has no landmarks.
        attributes: of that top.
        look: reads the view's picture again.
    """

    name: str
    group: str
    tops: tuple[EncodedInstance, ...]
    finds: tuple[EncodedInstance, ...]
    chosen: EncodedInstance | None
    truth: int | None
    iou: float
    boundary: float
    errors: NDArray[np.float64] | None
    attributes: Mapping[str, int]
    look: Callable[[], NDArray[np.uint8]] = field(repr=False)

    def row(self) -> Figures:
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
    segmenter: Segmenter, photos: list[AnnotatedPhoto], tell: Callable[[str], None]
) -> Iterator[Result]:
    """Run a segmenter on photos; those of people also as close-ups.

    Args:
        segmenter: what `tryon run` uses.
        photos: sources may be mixed.
        tell: called with each view's name.
    """
    for photo in photos:
        view = read_view(photo)
        tell(photo.image_path.name)
        result = measure_view(segmenter, view)
        yield _name(result, photo, photo.source, photo.image)
        if photo.source != "people" or not view.tops:
            continue
        for name, share in CLOSE_UPS.items():
            tell(f"{photo.image_path.name}, {name}")
            result = measure_view(segmenter, close_up(view, share))
            group = f"{photo.source}, to the {name}"
            yield _name(result, photo, group, _close_look(photo, share))


def _name(
    result: Result,
    photo: AnnotatedPhoto,
    group: str,
    look: Callable[[], NDArray[np.uint8]],
) -> Result:
    name = photo.image_path.name
    return dataclasses.replace(result, name=name, group=group, look=look)


def _close_look(photo: AnnotatedPhoto, share: float) -> Callable[[], NDArray[np.uint8]]:
    return lambda: close_up(read_view(photo), share).image


def read_view(photo: AnnotatedPhoto) -> View:
    """Read a photo with its short-sleeve tops."""
    tops = [g for g in photo.garments() if g.label == SHORT_SLEEVE_TOP]
    pieces = tuple(
        EncodedInstance.from_mask(top.mask, landmarks=top.landmarks) for top in tops
    )
    return View(photo.image(), pieces, tuple(top.attributes for top in tops))


def close_up(view: View, share: float) -> View:
    """Crop a view around its largest top: above the head to the waist, or the chest.

    Args:
        view: with at least one top.
        share: of the top's height and width; above .5 the whole top with surroundings
            of that share stays, below it the crop cuts into the top by half that share
            at each side.
    """
    x1, y1, x2, y2 = max(view.tops, key=lambda top: top.mask.sum()).box
    around = share if share >= 0.5 else -share / 2
    height, width = view.image.shape[:2]
    left, top = (max(0, int(a - around * s)) for a, s in ((x1, x2 - x1), (y1, y2 - y1)))
    right = min(width, int(x2 + around * (x2 - x1)))
    bottom = min(height, int(y2 + around * (y2 - y1)))
    window = slice(top, bottom), slice(left, right)
    kept = [
        (_crop(piece, window), attributes)
        for piece, attributes in zip(view.tops, view.attributes, strict=True)
        if piece.mask[window].any()
    ]
    pieces, attributes = zip(*kept, strict=True)
    return View(np.ascontiguousarray(view.image[window]), pieces, attributes)


def _crop(piece: EncodedInstance, window: tuple[slice, slice]) -> EncodedInstance:
    mask, points = piece.mask[window], piece.landmarks
    if points is not None:
        rows, columns = window
        points = points - np.array([columns.start, rows.start, 0], np.float32)
        inside = (points[:, :2] >= 0) & (points[:, :2] < mask.shape[::-1])
        points[~inside.all(axis=1)] = 0
    return EncodedInstance.from_mask(mask, landmarks=points)


def measure_view(segmenter: Segmenter, view: View) -> Result:
    """Cut out the garment of a view, and compare it with the truth."""
    found = segmenter.detect(view.image, ANY_SCORE)
    # The best come first: what is chosen among the sure has the same index in `found`.
    sure = found[found.scores >= segmenter.config.score_threshold]
    chosen = segmenter.select(view.image, sure)
    finds = tops_among(found, chosen, segmenter.config.mask_threshold)
    mask = np.zeros(view.image.shape[:2], bool) if chosen is None else chosen.mask
    truths = [top.mask for top in view.tops]
    overlaps = [mask_iou(mask, truth) for truth in truths]
    # With nothing found, the largest top is the one that was missed.
    order = [
        (overlap, truth.sum()) for overlap, truth in zip(overlaps, truths, strict=True)
    ]
    best = max(range(len(order)), key=lambda i: order[i]) if order else None
    mine = None if chosen is None else _piece_of(chosen)
    return Result(
        name="",
        group="",
        tops=view.tops,
        finds=finds,
        chosen=mine,
        truth=best,
        iou=0.0 if best is None else overlaps[best],
        boundary=0.0 if best is None else boundary_f(mask, truths[best]),
        errors=None if best is None else _errors(mine, view.tops[best]),
        attributes={} if best is None else view.attributes[best],
        look=lambda: view.image,
    )


def _piece_of(found: GarmentMask) -> EncodedInstance:
    instance = found.instance
    return EncodedInstance.from_mask(found.mask, None, instance.score, instance.landmarks)


def _errors(
    found: EncodedInstance | None, truth: EncodedInstance
) -> NDArray[np.float64] | None:
    if found is None or found.landmarks is None or truth.landmarks is None:
        return None
    return landmark_errors(found.landmarks, truth.landmarks, truth.box)


def tops_among(
    found: Detections, chosen: GarmentMask | None, threshold: float
) -> tuple[EncodedInstance, ...]:
    """Return the short-sleeve tops among finds.

    Args:
        found: of one view.
        chosen: the one that was read closer, by its index in `found`: its mask, box and
            landmarks are those of the closer look.
        threshold: probability from which a pixel is garment.
    """
    pieces = []
    for i, instance in enumerate(as_instances(found)):
        if chosen is not None and i == chosen.chosen:
            pieces.append(_piece_of(chosen))
        elif instance.label == SHORT_SLEEVE_TOP:
            mask = clean_mask(found.masks[i] >= threshold)
            pieces.append(
                EncodedInstance.from_mask(mask, None, instance.score, instance.landmarks)
            )
    return tuple(pieces)


def figures(results: list[Result]) -> Figures:
    """Return the figures of a group of results.

    Returns:
        By full names; those that nothing in the group can tell are left out: without
        tops only the false finds, without landmarks none of theirs.
    """
    marked = [result for result in results if result.tops]
    empty = [result for result in results if not result.tops]
    values: Figures = {"photos": len(results)}
    if marked:
        values |= _mask_figures(marked) | _precision(results) | _landmark_figures(marked)
    if empty:
        false = sum(result.chosen is not None for result in empty)
        values |= {
            "photos without a top": len(empty),
            "false finds": false,
            "false find share": false / len(empty),
        }
    return values


def _mask_figures(results: list[Result]) -> Figures:
    ious = [result.iou for result in results]
    misses = sum(iou < MISS for iou in ious)
    return {
        "IoU mean": float(np.mean(ious)),
        "IoU median": float(np.median(ious)),
        "IoU p10": float(np.percentile(ious, 10)),
        "boundary F": float(np.mean([result.boundary for result in results])),
        "misses": misses,
        "miss share": misses / len(results),
    }


def _precision(results: list[Result]) -> Figures:
    truth, found = [r.tops for r in results], [r.finds for r in results]
    values: Figures = {}
    for name, kind in KINDS.items():
        if name == "keypoint" and not (_any_landmarks(truth) and _any_landmarks(found)):
            continue
        precision = average_precision(truth, found, kind)  # type: ignore[arg-type]
        values |= {f"{name} {key}": value for key, value in precision.items()}
    return values


def _any_landmarks(photos: list[tuple[EncodedInstance, ...]]) -> bool:
    return any(piece.landmarks is not None for pieces in photos for piece in pieces)


def _landmark_figures(results: list[Result]) -> Figures:
    """Pool the landmarks of all garments that were found."""
    errors, seen = [np.zeros(0)], [np.zeros(0, bool)]
    for result in results:
        if result.errors is not None and result.truth is not None:
            points = result.tops[result.truth].landmarks
            assert points is not None
            errors.append(result.errors)
            seen.append(points[:, 2] == 2)
    away, is_seen = np.concatenate(errors), np.concatenate(seen)
    known = ~np.isnan(away)
    if not known.any():
        return {}
    values = {
        "landmark error": float(away[known].mean()),
        "landmarks within 5 %": float((away[known] <= NEAR).mean()),
    }
    if is_seen.any():
        values["landmark error, seen"] = float(away[is_seen].mean())
    return values


def tabulate(results: list[Result]) -> list[tuple[str, Figures]]:
    """Return a row of figures for each group, and for each attribute's value in it."""
    rows = []
    for group in sorted({result.group for result in results}):
        mine = [result for result in results if result.group == group]
        rows.append((group, figures(mine)))
        for name in ATTRIBUTES:
            for value in sorted(
                {r.attributes[name] for r in mine if name in r.attributes}
            ):
                part = [r for r in mine if r.attributes.get(name) == value]
                rows.append((f"{group}, {name} {value}", figures(part)))
    return rows
