"""Collect the image regions that the refiner is trained on, and how often each is drawn.

Mask R-CNN runs on the training photos once, before training. Its detections are kept in
the run's folder: they give real first-stage masks, and real mistakes to learn from.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_tools.annotations import (
    SHORT_SLEEVE_TOP,
    AnnotatedPhoto,
    BadPhotoError,
    Garment,
)
from mrcnn.data import UNNAMED
from mrcnn.detections import mask_iou
from mrcnn.pose.inference import Pose
from mrcnn.predictor import detect
from mrcnn.runtime import Predictor
from tryon.files import write_whole
from tryon.segment import drop_nested
from tryon.training.samples.class_swaps import (
    LONG_TOP,
    EditableGarment,
    shorten_top_sleeves,
)

_log = logging.getLogger(__name__)
LOWER = (7, 8, 9)  # category ids of shorts, trousers and skirts
_BODY = "body-"  # + index of a photo: the name of its people's landmarks in the file
COLUMNS = 4  # of the saved table: the fields of `Candidate` that are numbers


@dataclass(frozen=True)
class ProposalConfig:
    """Which detections of Mask R-CNN become training regions, and how they are stored."""

    score_threshold: float = 0.15  # minimum score of a detection that is trained on
    # Minimum score of the detection that counts as the top in a photo without masks.
    top_threshold: float = 0.3
    overlap_threshold: float = 0.8  # of two detections nested so far, the better is kept
    # IoU with the best-matching garment: from positive_iou on the detection is that
    # garment, below negative_iou it is a negative, in between it is left out.
    positive_iou: float = 0.45
    negative_iou: float = 0.25
    downscale: int = 3  # masks are stored at the photo's size divided by this


@dataclass(frozen=True)
class SamplingConfig:
    """How often regions are drawn.

    A photo's share is split among its regions by weight. A top weighs 1; other regions
    weigh less, since they must only be told apart from it.
    """

    lower_weight: float = 0.5  # of shorts, trousers and skirts
    negative_weight: float = 0.4  # of false proposals and accessories
    # Share of the draws, beside those of all photos together: long-sleeve tops that are
    # altered to short sleeves.
    shortened_share: float = 0.1


PROPOSALS, SAMPLING = ProposalConfig(), SamplingConfig()


@dataclass(frozen=True)
class Candidate:
    """One region to train on.

    Attributes:
        photo: index of its photo.
        garment: index among the photo's garments; None for a region that is none.
        label: category id of the garment, -1 when it is unknown, 0 for no garment.
        proposal: name of its first-stage mask among the stored ones; "" for none.
        shortened: whether the garment has long sleeves that are to be shortened; `label`
            is then the category afterwards.
    """

    photo: int
    garment: int | None
    label: int
    proposal: str = ""
    shortened: bool = False


@dataclass(frozen=True)
class TrainingRegions:
    """The regions of all photos.

    Attributes:
        candidates: one for each region.
        masks: uint8 (h, w), 0..255, downscaled first-stage masks by name.
        bodies: float32 (N, 33, 3), the landmarks of the N people of a photo by its index,
            see `Region`.
    """

    candidates: list[Candidate]
    masks: dict[str, NDArray[np.uint8]]
    bodies: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    def save(self, path: Path, photos: Sequence[AnnotatedPhoto]) -> None:
        """Write them to an .npz file, with the paths of the photos they belong to."""
        rows = [astuple(candidate) for candidate in self.candidates]
        table = [(p, -1 if g is None else g, label, s) for p, g, label, _, s in rows]
        arrays = {"table": np.array(table), "names": np.array([row[3] for row in rows])}
        arrays |= self.masks | {"photos": _names(photos)}
        arrays |= {f"{_BODY}{index}": body for index, body in self.bodies.items()}

        def write(file: IO[bytes]) -> None:
            np.savez_compressed(file, allow_pickle=False, **arrays)

        write_whole(path, write)

    @classmethod
    def load(
        cls, path: Path, photos: Sequence[AnnotatedPhoto]
    ) -> "TrainingRegions | None":
        """Read the file that `save` wrote.

        Returns:
            None when there is none, or one of other photos or of an earlier version.
        """
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as file:
            masks = {name: file[name] for name in file.files}
        if not np.array_equal(masks.pop("photos", None), _names(photos)):
            return None
        table, names = masks.pop("table"), masks.pop("names")
        bodies = {
            int(name.removeprefix(_BODY)): masks.pop(name)
            for name in list(masks)
            if name.startswith(_BODY)
        }
        if table.shape[1:] != (COLUMNS,) or not bodies:  # of an earlier version
            return None
        candidates = [
            Candidate(int(p), None if g < 0 else int(g), int(label), str(name), bool(s))
            for (p, g, label, s), name in zip(table, names, strict=True)
        ]
        return cls(candidates, masks, bodies)


def _names(photos: Sequence[AnnotatedPhoto]) -> NDArray[np.str_]:
    return np.array([str(photo.image_path) for photo in photos], np.str_)


def collect_regions(
    predictor: Predictor,
    read_poses: Callable[[NDArray[np.uint8]], list[Pose]],
    photos: Sequence[AnnotatedPhoto],
    tops: Sequence[AnnotatedPhoto],
    on_photo: Callable[[str], None],
    config: ProposalConfig = PROPOSALS,
) -> TrainingRegions:
    """Collect the regions of all photos: annotated garments, accessories, proposals.

    Args:
        predictor: a trained Mask R-CNN.
        read_poses: reads the poses of the people in a photo.
        photos: annotated; a proposal that matches no garment is a negative.
        tops: photos that show a short-sleeve top, without masks; their indices follow.
        on_photo: called with every photo's name.
        config: which proposals are used.
    """
    regions = TrainingRegions([], {})
    for index, photo in enumerate([*photos, *tops]):
        on_photo(photo.image_path.name)
        try:
            bodies = [pose.body for pose in read_poses(photo.image())]
            regions.bodies[index] = np.array(bodies, np.float32).reshape(-1, 33, 3)
            if index < len(photos):
                _add_photo(regions, predictor, index, photo, config)
            else:
                _add_top(regions, predictor, index, photo, config)
        except BadPhotoError as error:
            _log.warning("left out a bad file: %s", error)
    return regions


def _add_photo(
    regions: TrainingRegions,
    predictor: Predictor,
    index: int,
    photo: AnnotatedPhoto,
    config: ProposalConfig,
) -> None:
    """Add the garments, accessories and proposals of an annotated photo."""
    garments = photo.garments()
    candidates = regions.candidates
    candidates.extend(
        Candidate(index, number, class_of(garment))
        for number, garment in enumerate(garments)
    )
    candidates.extend(
        Candidate(index, number, SHORT_SLEEVE_TOP, shortened=True)
        for number, garment in enumerate(garments)
        if garment.label == LONG_TOP and _can_shorten(photo, garments, garment)
    )
    candidates.extend(
        Candidate(index, None, 0, _store(regions, mask.astype(np.float32), config))
        for mask in photo.accessories()
    )
    for mask, _ in _propose(predictor, photo.image(), config):
        ious = [mask_iou(mask >= 0.5, garment.mask) for garment in garments]
        best = int(np.argmax(ious)) if ious else -1
        if ious and ious[best] >= config.positive_iou:
            label, name = class_of(garments[best]), _store(regions, mask, config)
            candidates.append(Candidate(index, best, label, name))
        elif not ious or ious[best] < config.negative_iou:
            candidates.append(Candidate(index, None, 0, _store(regions, mask, config)))


def _can_shorten(
    photo: AnnotatedPhoto, garments: Sequence[Garment], garment: Garment
) -> bool:
    editable = EditableGarment(photo.image(), garment.mask, None, photo.skin)
    rng = np.random.default_rng(0)
    return shorten_top_sleeves(editable, garments, SHORT_SLEEVE_TOP, rng) is not None


def class_of(garment: Garment) -> int:
    """Return a garment's label as in `Region`, where 0 means that there is no garment."""
    return garment.label or UNNAMED


def _add_top(
    regions: TrainingRegions,
    predictor: Predictor,
    index: int,
    photo: AnnotatedPhoto,
    config: ProposalConfig,
) -> None:
    """Add the best proposal of a photo without masks, if its score is high enough."""
    for mask, score in _propose(predictor, photo.image(), config)[:1]:
        if score >= config.top_threshold:
            name = _store(regions, mask, config)
            regions.candidates.append(Candidate(index, None, SHORT_SLEEVE_TOP, name))


def _propose(
    predictor: Predictor, image: NDArray[np.uint8], config: ProposalConfig
) -> list[tuple[NDArray[np.float32], float]]:
    """Return the masks (H, W) in [0, 1] and scores of Mask R-CNN's detections."""
    detections = detect(predictor, image, config.score_threshold)[0]
    detections = drop_nested(detections, config.overlap_threshold)
    return list(zip(detections.masks, detections.scores.tolist(), strict=True))


def _store(
    regions: TrainingRegions, mask: NDArray[np.float32], config: ProposalConfig
) -> str:
    """Store a downscaled first-stage mask; returns its name."""
    height, width = (max(1, side // config.downscale) for side in mask.shape)
    small = Image.fromarray(mask).resize((width, height), Image.Resampling.BOX)
    name = f"find-{len(regions.masks):06d}"  # as in the files of earlier runs
    regions.masks[name] = np.rint(np.asarray(small) * 255).astype(np.uint8)
    return name


def region_shares(
    candidates: Sequence[Candidate],
    photo_shares: Sequence[float],
    config: SamplingConfig = SAMPLING,
) -> list[float]:
    """Return how often each candidate is drawn: a part of its photo's share.

    Shortened ones have a share of their own: there are few, and they would hardly ever
    be drawn.

    Args:
        candidates: of `TrainingRegions`.
        photo_shares: how often each photo is drawn, by index.
        config: weights of the kinds of regions.
    """
    shortened = np.array([candidate.shortened for candidate in candidates])
    own = config.shortened_share * sum(photo_shares) / max(int(shortened.sum()), 1)
    weights = np.array([_weight(candidate, config) for candidate in candidates])
    photos = [candidate.photo for candidate in candidates]
    totals = np.bincount(photos, weights, minlength=len(photo_shares))
    parts = np.asarray(photo_shares)[photos] * weights / totals[photos]
    return np.where(shortened, own, parts).tolist()


def _weight(candidate: Candidate, config: SamplingConfig) -> float:
    if candidate.shortened:
        return 0.0
    if candidate.label == 0:
        return config.negative_weight
    return config.lower_weight if candidate.label in LOWER else 1.0
