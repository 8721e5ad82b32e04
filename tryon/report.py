"""Build the report of a result: times, scores, detections, models and licences."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tryon._version import __version__
from tryon.errors import Refusal
from tryon.stages import DetectedGarment
from tryon.types import GarmentMask, Instance
from tryon.zoo import ModelCard

CODE_LICENCE = "Apache-2.0"


def build_report(
    cards: tuple[ModelCard, ...],
    generator: str,
    user: DetectedGarment,
    shop: DetectedGarment | None,
    scores: Mapping[str, float | None],
    warnings: list[str],
    seconds: Mapping[str, float],
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the report of a done pair, plain values for JSON."""
    return {
        "status": "done",
        "reason": None,
        "warnings": warnings,
        **{n: None if v is None else round(v, 4) for n, v in scores.items()},
        "user": describe_garment(user),
        "shop": None if shop is None else describe_garment(shop),
        "generator": generator,
        "seconds": dict(seconds),
        "options": dict(options),
        "models": [describe_model(card) for card in cards],
        "licences": licence_manifest(cards),
        "version": __version__,
    }


def refusal_report(refusal: Refusal) -> dict[str, Any]:
    """Return the report of a refused pair."""
    return {
        "status": "refused",
        "reason": refusal.reason,
        "message": refusal.message,
        "version": __version__,
    }


def describe_garment(garment: DetectedGarment) -> dict[str, Any]:
    """Return the detections of one photo, boxes in the photo's own pixels."""
    height, width = garment.photo.size
    scale = width / garment.work.shape[1]
    return {
        "file": str(garment.photo.path) if garment.photo.path else None,
        "size": [height, width],
        **describe_detection(garment.detection, scale),
    }


def describe_detection(detection: GarmentMask, scale: float) -> dict[str, Any]:
    """Return all instances and the chosen one.

    Args:
        detection: of the chosen garment.
        scale: photo pixels per working-size pixel.
    """
    rows = describe_instances(detection.instances, scale)
    return {
        "instances": rows,
        "chosen": detection.chosen,
        "several": sum(row["label"] == 1 for row in rows) > 1,
        "agreement": round(detection.agreement, 4),
    }


def describe_instances(
    instances: tuple[Instance, ...], scale: float
) -> list[dict[str, Any]]:
    """Return detections as plain values, in the photo's own pixels.

    A landmark is [x, y, probability that it is visible].
    """
    rows = [asdict(instance) for instance in instances]
    for row in rows:
        row["box"] = [round(v * scale, 1) for v in row["box"]]
        row["score"], row["area"] = round(row["score"], 4), round(row["area"], 5)
        if row["landmarks"] is not None:
            points = row["landmarks"].astype(float) * [scale, scale, 1.0]
            row["landmarks"] = [
                [round(x, 1), round(y, 1), round(s, 3)] for x, y, s in points
            ]
    return rows


def describe_model(card: ModelCard) -> dict[str, Any]:
    """Return a model's name, kind and hash."""
    return {key: card.values[key] for key in ("name", "kind", "sha256")}


def licence_manifest(cards: tuple[ModelCard, ...]) -> dict[str, Any]:
    """Return the licences of the code, the weights and the data behind them."""
    return {
        "code": CODE_LICENCE,
        "weights": {card.values["name"]: card.values["licence"] for card in cards},
        "data": {card.values["name"]: card.values.get("data", []) for card in cards},
    }
