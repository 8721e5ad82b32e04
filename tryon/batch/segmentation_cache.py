"""A cache of segmentations on disk, for other processes and later runs.

An entry's name is a hash of the photo's pixels, the networks and the code that runs
them, so it is never stale; the folder may be deleted at any time. Entries are arrays
and JSON: reading one runs no code.
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.chart.inference import Chart
from mrcnn.pose.inference import Pose
from tryon.errors import TryOnError
from tryon.files import write_whole
from tryon.segment import Segmentation, Segmenter
from tryon.types import GarmentMask, Instance

MAX_BYTES = 1 << 28  # on disk; an entry takes about 50 KB
_SWEEP_EVERY = 64  # entries written between two checks of the folder's size
_CHART_FIELDS = ("points", "uv", "back", "scales")
_POSE = "pose-"  # + name of a field of `Pose`
_POSE_FIELDS = ("points", "depths", "visibility", "presence", "window", "view_mask")
# What reading a damaged entry may raise.
_DAMAGED = (
    OSError, ValueError, TypeError, LookupError, EOFError, zipfile.BadZipFile,
)  # fmt: skip


class CachedSegmenter(Segmenter):
    """A segmenter with a cache on disk.

    Args:
        segmenter: segments the photos that are not in the cache.
        folder: of the entries; it is made where needed.
        stamp: a hash of the networks, their runtime and the code.
        max_bytes: on disk; beyond, the oldest entries are deleted.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        folder: Path,
        stamp: str,
        max_bytes: int = MAX_BYTES,
    ):
        # Every attribute of a segmenter is an argument of the same name.
        super().__init__(**vars(segmenter))
        self._folder, self._stamp = folder, stamp
        self._max_bytes, self._written = max_bytes, 0

    def segment(
        self,
        image: NDArray[np.uint8],
        instance: int | None = None,
        others: tuple[int, ...] = (),
    ) -> Segmentation:
        """Segment a photo, see `Segmenter.segment`."""
        path = self._folder / f"{self._name(image, instance, others)}.npz"
        try:
            return unpack(path.read_bytes())
        except _DAMAGED:
            segmentation = super().segment(image, instance, others)
        self._store(segmentation, path)
        return segmentation

    def _name(
        self, image: NDArray[np.uint8], instance: int | None, others: tuple[int, ...]
    ) -> str:
        request = image.shape, instance, others
        facts = json.dumps([self._stamp, asdict(self.config), *request])
        return hashlib.sha256(facts.encode() + image.tobytes()).hexdigest()

    def _store(self, segmentation: Segmentation, path: Path) -> None:
        try:
            data = pack(segmentation)
            write_whole(path, lambda file: file.write(data))
            if self._written % _SWEEP_EVERY == 0:
                self._delete_oldest()
            self._written += 1
        except (TryOnError, OSError):
            return  # a cache that cannot be written is no reason to stop

    def _delete_oldest(self) -> None:
        with os.scandir(self._folder) as entries:
            files = [(e.stat().st_mtime, e.stat().st_size, e.path) for e in entries]
        total = sum(size for _, size, _ in files)
        for _, size, name in sorted(files):
            if total <= self._max_bytes:
                return
            Path(name).unlink(missing_ok=True)
            total -= size


def pack(segmentation: Segmentation) -> bytes:
    """Return a segmentation as the bytes of a `.npz` file."""
    arrays: dict[str, NDArray[np.generic]] = {}
    facts: dict[str, Any] = {"instances": []}
    for number, instance in enumerate(segmentation.instances):
        values = asdict(instance)
        landmarks = values.pop("landmarks")
        facts["instances"].append(values)
        if landmarks is not None:
            arrays[f"landmarks{number}"] = landmarks
    garment = segmentation.garment
    if garment is not None:
        facts["chosen"] = garment.chosen
        facts["agreement"] = float(garment.agreement)
        facts["support"] = garment.support
        arrays["mask"] = garment.mask
        if garment.alpha is not None:
            arrays["alpha"] = garment.alpha
        if garment.chart is not None:
            arrays |= {name: getattr(garment.chart, name) for name in _CHART_FIELDS}
        if garment.pose is not None:
            facts["pose"] = garment.pose.score
            arrays |= {_POSE + f: getattr(garment.pose, f) for f in _POSE_FIELDS}
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpack(data: bytes) -> Segmentation:
    """Return the segmentation that `pack` wrote.

    Raises:
        ValueError, TypeError, LookupError, OSError, EOFError, BadZipFile: the bytes hold
            none.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    facts = json.loads(arrays["facts"].tobytes())
    instances = tuple(
        _instance(values, arrays.get(f"landmarks{number}"))
        for number, values in enumerate(facts["instances"])
    )
    if "mask" not in arrays:
        return Segmentation(instances, None)
    has_chart = "points" in arrays
    chart = Chart(*(arrays[name] for name in _CHART_FIELDS)) if has_chart else None
    pose = None
    if "pose" in facts:
        pose = Pose(facts["pose"], *(arrays[_POSE + name] for name in _POSE_FIELDS))
    garment = GarmentMask(
        arrays["mask"],
        instances,
        facts["chosen"],
        facts["agreement"],
        chart,
        pose,
        facts["support"],
        arrays.get("alpha"),
    )
    return Segmentation(instances, garment)


def _instance(
    values: Mapping[str, Any], landmarks: NDArray[np.float32] | None
) -> Instance:
    x1, y1, x2, y2 = values["box"]
    return Instance(**{**values, "box": (x1, y1, x2, y2), "landmarks": landmarks})
