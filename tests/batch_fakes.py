"""Stand-ins for the networks of a batch: quick, the same every time, importable.

Other processes import this module, so that they can be given `FakeModels`.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from tryon.errors import MissingModel, Refusal
from tryon.stages import DetectedGarment, work_image
from tryon.types import GarmentMask, Instance, TryOnResult
from tryon.zoo import ModelCard

SIZE = (120, 100)  # height, width


class FakePipeline:
    """Mixes the shop picture's colour into the user's; dark photos show no garment."""

    segmenter = None

    def __init__(self, cards):
        self.cards, self.detected = cards, []

    def find_garment(self, photo, role, instance=None):
        self.detected.append((role, photo.name))
        if photo.image.max() < 40:
            raise Refusal(f"no_garment_in_{role}_photo", f"{photo.name}: none was found")
        instance = Instance(1, "short sleeve top", 0.9, (0, 0, 9, 9), 0.5)
        mask = np.ones(SIZE, bool)
        detection = GarmentMask(mask, (instance,), 0, 0.9)
        return DetectedGarment(photo, work_image(photo), detection)

    def dress(self, user, shop, options, timer):
        with timer("transfer"):
            colour = shop.photo.image.mean(axis=(0, 1))
            image = (user.photo.image * 0.5 + colour * 0.5).astype(np.uint8)
        scores = {"score": float(image.mean()) / 255, "warp_distortion": 0.25}
        scores |= {"landmark_distance": 0.125, "style_distance": 3.5, "seam_energy": 0.5}
        return TryOnResult(image, {}, {"warnings": [], **scores})


class FakeModels:
    """Two models: the universal generator, and the pattern `dots`."""

    def __init__(self, stamp="0"):
        self.stamp = stamp

    def cards(self, pattern):
        name = pattern or "universal"
        if name not in ("universal", "dots"):
            raise MissingModel(f"no pattern named {name!r}; train it")
        values = {"name": name, "kind": "fake", "sha256": self.stamp * 64}
        return (ModelCard(Path(name), values),)

    def load(self, pattern, segmenter):
        return FakePipeline(self.cards(pattern))


def draw(path, seed, size=SIZE):
    """Write a noisy picture; every seed gives another one."""
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise).save(path)
    return path


def draw_folders(folder, users=3, shops=2):
    """Write users/u0.png, shops/s0.png and so on."""
    for k in range(users):
        draw(folder / f"users/u{k}.png", k)
    for k in range(shops):
        draw(folder / f"shops/s{k}.png", 100 + k)
    return folder / "users", folder / "shops"


def rows_of(out):
    """Return the manifest's rows without what differs from run to run."""
    rows = [json.loads(line) for line in (out / "manifest.jsonl").open()]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def contents(out):
    """Return all that a batch wrote: bytes by name, the manifest's rows apart."""
    files = {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("manifest.jsonl", ".tryon.lock")
    }
    return rows_of(out), files
