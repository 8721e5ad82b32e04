"""COCO's average precision of masks, boxes and landmarks, through pycocotools."""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

Kind = Literal["segm", "bbox", "keypoints"]
Row = dict[str, Any]
# Per-landmark constant of OKS, as share of the garment's size; COCO measured its own on
# people, nobody did on garments, so all landmarks have one between COCO's eye and hip.
LANDMARK_SIGMA = 0.05


@dataclass(frozen=True)
class Piece:
    """A garment of a photo, marked or found, small enough to keep thousands of.

    Attributes:
        code: the mask, run-length coded.
        box: xyxy pixels.
        score: in [0, 1]; 1 for truth.
        landmarks: float32 (K, 3) of x, y in pixels and v (truth; 0: outside the photo)
            or a score (found). None where there are none.
    """

    code: Row
    box: tuple[float, float, float, float]
    score: float = 1.0
    landmarks: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        mask: np.ndarray,
        box: Sequence[float] | None = None,
        score: float = 1.0,
        landmarks: np.ndarray | None = None,
    ) -> "Piece":
        """Make a piece of a bool mask (H, W); without a box, of the mask's bounds."""
        code = rle.encode(np.asfortranarray(mask.astype(np.uint8)))
        if box is None:
            x, y, width, height = rle.toBbox(code)
            box = x, y, x + width, y + height
        x1, y1, x2, y2 = map(float, box)
        return cls(code, (x1, y1, x2, y2), float(score), landmarks)

    @property
    def mask(self) -> np.ndarray:
        """The mask, bool (H, W)."""
        return rle.decode(self.code).astype(bool)


def average_precision(
    truth: Sequence[Sequence[Piece]], found: Sequence[Sequence[Piece]], kind: Kind
) -> dict[str, float]:
    """Return COCO's AP of one class.

    Args:
        truth: for each photo its garments.
        found: for each photo what was found there.
        kind: overlap of masks, of boxes, or the similarity of landmarks (OKS, with
            `LANDMARK_SIGMA` for each). For landmarks, garments and finds without any are
            left out, as are photos whose garments have none.

    Returns:
        "AP" (mean over thresholds .50 to .95), "AP50" and "AP75", in [0, 1]; -1 without
        truth.
    """
    if kind == "keypoints":
        truth, found = _with_landmarks(truth, found)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        known = _coco_truth(truth)
        rows: list[Row] = [
            {"image_id": i, "category_id": 1, "score": piece.score} | _shape(piece, kind)
            for i, pieces in enumerate(found)
            for piece in pieces
        ]
        if not rows or not known.anns:
            nothing = 0.0 if known.anns else -1.0
            return dict.fromkeys(("AP", "AP50", "AP75"), nothing)
        run = COCOeval(known, known.loadRes(rows), kind)
        if kind == "keypoints":
            count = len(rows[0]["keypoints"]) // 3
            run.params.kpt_oks_sigmas = np.full(count, LANDMARK_SIGMA)
        run.evaluate()
        run.accumulate()
        run.summarize()
    return dict(zip(("AP", "AP50", "AP75"), map(float, run.stats[:3]), strict=True))


def _with_landmarks(
    truth: Sequence[Sequence[Piece]], found: Sequence[Sequence[Piece]]
) -> tuple[list[list[Piece]], list[list[Piece]]]:
    both = [
        tuple([p for p in side if p.landmarks is not None] for side in pair)
        for pair in zip(truth, found, strict=True)
    ]
    marked = [pair for pair in both if pair[0]]
    return [pair[0] for pair in marked], [pair[1] for pair in marked]


def _coco_truth(truth: Sequence[Sequence[Piece]]) -> COCO:
    pieces = [(i, piece) for i, pieces in enumerate(truth) for piece in pieces]
    known = COCO()
    known.dataset = {
        "info": {},
        # Sizes are asked for but not used: the masks are run-length coded already.
        "images": [{"id": i, "height": 0, "width": 0} for i in range(len(truth))],
        "categories": [{"id": 1}],
        "annotations": [
            {"id": n, "image_id": i, "category_id": 1, "iscrowd": 0}
            | {"area": int(rle.area(piece.code)), **_truth_shapes(piece)}
            for n, (i, piece) in enumerate(pieces, 1)
        ],
    }
    known.createIndex()
    return known


def _truth_shapes(piece: Piece) -> Row:
    shapes = _shape(piece, "segm") | _shape(piece, "bbox")
    if piece.landmarks is not None:
        seen = int((piece.landmarks[:, 2] > 0).sum())
        shapes |= _shape(piece, "keypoints") | {"num_keypoints": seen}
    return shapes


def _shape(piece: Piece, kind: Kind) -> Row:
    if kind == "segm":
        return {"segmentation": piece.code}
    if kind == "bbox":
        x1, y1, x2, y2 = piece.box
        return {"bbox": [x1, y1, x2 - x1, y2 - y1]}
    assert piece.landmarks is not None
    return {"keypoints": np.ravel(piece.landmarks).astype(float).tolist()}
