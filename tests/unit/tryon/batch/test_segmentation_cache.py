"""What the segmenter saw comes back bit for bit, and is never taken for another's."""

import dataclasses
import os

import numpy as np
import pytest

from mrcnn.chart.inference import Chart
from mrcnn.pose.inference import Pose
from tryon.batch.segmentation_cache import CachedSegmenter, pack, unpack
from tryon.segment import Segmentation, SegmentConfig
from tryon.types import GarmentMask, Instance

chance = np.random.default_rng(0)


def instance(landmarks=None):
    return Instance(1, "short sleeve top", 1 / 3, (0.1, 2.0, 30.7, 4e-9), 0.3, landmarks)


def chart():
    spots, places = chance.normal(size=(2, 9, 2)).astype(np.float32)
    return Chart(spots, places, np.arange(9) % 2 == 0, np.float32(spots[:, 0]))


def pose():
    points = chance.normal(size=(33, 2)).astype(np.float32)
    seen = np.abs(points[:, 0])
    view = chance.integers(0, 255, (16, 16)).astype(np.uint8)
    return Pose(2 / 3, points, points[:, 1], seen, seen, chance.random((3, 3)), view)


def garment(chart=None, pose=None, support=None):
    points = chance.normal(size=(25, 3)).astype(np.float32)
    mask = chance.random((40, 30)) > 0.5
    finds = instance(points), instance()
    return GarmentMask(mask, finds, 0, 2 / 3, chart, pose, support)


def same(a, b):
    """Compare records of arrays and plain values, exactly."""
    if dataclasses.is_dataclass(a):
        parts = [(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a)]
        return type(a) is type(b) and all(same(*part) for part in parts)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


SIGHTS = {
    "nothing": Segmentation((), None),
    "finds": Segmentation((instance(), instance(np.ones((25, 3), np.float32))), None),
    "garment": Segmentation((found := garment()).instances, found),
    "pose": Segmentation((worn := garment(chart(), pose(), 1 / 3)).instances, worn),
    "alpha": Segmentation(
        found.instances,
        dataclasses.replace(found, alpha=chance.integers(0, 255, (40, 30), np.uint8)),
    ),
    "chart": Segmentation((charted := garment(chart())).instances, charted),
}


@pytest.mark.parametrize("name", SIGHTS)
def test_a_sight_comes_back(name):
    assert same(unpack(pack(SIGHTS[name])), SIGHTS[name])


@pytest.fixture
def shirt():
    image = np.full((200, 160, 3), 90, np.uint8)
    image[60:140, 40:120] = (200, 30, 30)
    return image


@pytest.fixture
def remembering(segmenter, tmp_path):
    def make(stamp="a", **options):
        return CachedSegmenter(segmenter, tmp_path / "sights", stamp, **options)

    return make


def test_a_cached_segmenter_has_all_networks(segmenter, tmp_path):
    for name in ("charts", "poses", "clothes"):
        setattr(segmenter, name, object())
    cached = CachedSegmenter(segmenter, tmp_path, "a")
    assert vars(segmenter).items() <= vars(cached).items()


def test_the_networks_look_once(remembering, finder, segmenter, shirt):
    first = remembering().segment(shirt)
    assert same(first, segmenter.segment(shirt))
    calls = len(finder.calls)
    assert same(remembering().segment(shirt), first)
    assert len(finder.calls) == calls


def test_every_network_is_handed_on(segmenter, remembering):
    segmenter.charts, segmenter.poses, segmenter.clothes = "charts", "poses", "clothes"
    assert vars(segmenter).items() <= vars(remembering()).items()


def test_other_pixels_picks_networks_and_settings_are_other_entries(
    remembering, finder, shirt
):
    def looks(segmenter, *args):
        before = len(finder.calls)
        segmenter.segment(*args)
        return len(finder.calls) > before

    assert looks(remembering(), shirt)
    assert looks(remembering(), shirt, 0)
    assert looks(remembering("b"), shirt)
    changed = shirt.copy()
    changed[0, 0, 0] += 1
    assert looks(remembering(), changed)
    other = remembering()
    other.config = SegmentConfig(mask_threshold=0.4)
    assert looks(other, shirt)
    assert not looks(remembering(), shirt)


@pytest.mark.parametrize("data", [b"", b"PK", b"\x93NUMPY", pack(SIGHTS["chart"])[:-40]])
def test_a_damaged_entry_is_made_again(remembering, shirt, tmp_path, data):
    first = remembering().segment(shirt)
    (entry,) = (tmp_path / "sights").iterdir()
    entry.write_bytes(data)
    assert same(remembering().segment(shirt), first)
    assert same(unpack(entry.read_bytes()), first)


def test_an_entry_with_a_pickle_is_not_run(remembering, shirt, tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "boom"),)

    first = remembering().segment(shirt)
    (entry,) = (tmp_path / "sights").iterdir()
    with entry.open("wb") as file:
        np.savez(file, facts=np.array([Bomb()], object))
    assert same(remembering().segment(shirt), first)
    assert not (tmp_path / "boom").exists()


def test_the_oldest_entries_make_room(remembering, shirt, tmp_path, monkeypatch):
    monkeypatch.setattr("tryon.batch.segmentation_cache._SWEEP_EVERY", 1)
    folder = tmp_path / "sights"
    for number in range(4):
        shirt[0, 0, 0] = number
        remembering(max_bytes=1 << 14).segment(shirt)
        for age, path in enumerate(sorted(folder.iterdir(), key=os.path.getmtime)):
            os.utime(path, (age, age))
    sizes = [path.stat().st_size for path in folder.iterdir()]
    assert len(sizes) == min(4, (1 << 14) // max(sizes))


def test_a_cache_that_cannot_be_written_is_done_without(remembering, shirt, tmp_path):
    (tmp_path / "sights").write_text("a file")
    assert remembering().segment(shirt).garment is not None
