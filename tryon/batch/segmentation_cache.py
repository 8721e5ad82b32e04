"""What the segmenter saw in a photo, kept on disk: for other processes, and later runs.

An entry is found by what the photo's pixels, the networks and the code that reads them
are, so it is never stale; the folder may be deleted at any time. Entries are arrays and
JSON: reading one runs nothing.
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
from tryon.errors import TryOnError
from tryon.images import write_whole
from tryon.segment import Segmenter, Sight
from tryon.types import GarmentMask, Instance

ROOM = 1 << 28  # bytes on disk; an entry takes about 50 KB
_SWEEP = 64  # entries that are written between two looks at the folder's size
_CHART = ("spots", "places", "back", "scales")
# What reading a damaged entry may raise.
_BROKEN = (
    OSError, ValueError, TypeError, LookupError, EOFError, zipfile.BadZipFile,
)  # fmt: skip


class RememberingSegmenter(Segmenter):
    """A segmenter that looks up first what it saw before.

    Args:
        segmenter: looks where nothing is remembered.
        folder: of the entries; it is made where needed.
        stamp: names the networks, their runtime and the code.
        room: bytes on disk; the oldest entries make room for new ones.
    """

    def __init__(self, segmenter: Segmenter, folder: Path, stamp: str, room: int = ROOM):
        super().__init__(
            segmenter.predictor, segmenter.refiner, segmenter.config, segmenter.charts
        )
        self._folder, self._stamp, self._room, self._written = folder, stamp, room, 0

    def look(self, image: NDArray[np.uint8], pick: int | None = None) -> Sight:
        """Return what is seen in a photo, see `Segmenter.look`."""
        path = self._folder / f"{self._name(image, pick)}.npz"
        try:
            return unpack(path.read_bytes())
        except _BROKEN:
            sight = super().look(image, pick)
        self._remember(sight, path)
        return sight

    def _name(self, image: NDArray[np.uint8], pick: int | None) -> str:
        told = json.dumps([self._stamp, asdict(self.config), image.shape, pick])
        return hashlib.sha256(told.encode() + image.tobytes()).hexdigest()

    def _remember(self, sight: Sight, path: Path) -> None:
        try:
            data = pack(sight)
            write_whole(path, lambda file: file.write(data))
            if self._written % _SWEEP == 0:
                self._drop_old()
            self._written += 1
        except (TryOnError, OSError):
            return  # a full cache is no reason to stop

    def _drop_old(self) -> None:
        with os.scandir(self._folder) as entries:
            found = [(e.stat().st_mtime, e.stat().st_size, e.path) for e in entries]
        filled = sum(size for _, size, _ in found)
        for _, size, name in sorted(found):
            if filled <= self._room:
                return
            Path(name).unlink(missing_ok=True)
            filled -= size


def pack(sight: Sight) -> bytes:
    """Return a sight as the bytes of a `.npz` file."""
    arrays: dict[str, NDArray[np.generic]] = {}
    facts: dict[str, Any] = {"instances": []}
    for number, instance in enumerate(sight.instances):
        values = asdict(instance)
        landmarks = values.pop("landmarks")
        facts["instances"].append(values)
        if landmarks is not None:
            arrays[f"landmarks{number}"] = landmarks
    if sight.garment is not None:
        facts["chosen"] = sight.garment.chosen
        facts["agreement"] = float(sight.garment.agreement)
        arrays["mask"] = sight.garment.mask
        if sight.garment.chart is not None:
            arrays |= {name: getattr(sight.garment.chart, name) for name in _CHART}
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpack(data: bytes) -> Sight:
    """Return the sight that `pack` made bytes of.

    Raises:
        ValueError, TypeError, LookupError, OSError, EOFError, BadZipFile: it is none.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    facts = json.loads(arrays["facts"].tobytes())
    instances = tuple(
        _instance(values, arrays.get(f"landmarks{number}"))
        for number, values in enumerate(facts["instances"])
    )
    if "mask" not in arrays:
        return Sight(instances, None)
    chart = Chart(*(arrays[name] for name in _CHART)) if "spots" in arrays else None
    garment = GarmentMask(
        arrays["mask"], instances, facts["chosen"], facts["agreement"], chart
    )
    return Sight(instances, garment)


def _instance(
    values: Mapping[str, Any], landmarks: NDArray[np.float32] | None
) -> Instance:
    x1, y1, x2, y2 = values["box"]
    return Instance(**{**values, "box": (x1, y1, x2, y2), "landmarks": landmarks})
