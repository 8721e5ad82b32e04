"""Tops in photos that teach the chart network without a chart."""

from functools import partial

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2", reason="training needs the extra 'train'")

from data_tools.annotations import AnnotatedPhoto, Garment
from data_tools.paint.charts import CANONICAL_LANDMARKS
from tryon.training.samples.chart import consistency_augmenter
from tryon.training.samples.chart_consistency import ConsistencyPairLoader, find_tops

SIZE = 96, 80


@pytest.fixture
def photo(tmp_path):
    """Return a way to write a photo with red garments of given labels."""

    def write(name, *labels, landmarks=None, area=(10, 86)):
        image = np.full((*SIZE, 3), 90, np.uint8)
        mask = np.zeros(SIZE, bool)
        mask[area[0] : area[1], 8:72] = True
        image[mask] = (200, 40, 40)
        path = tmp_path / f"{name}.png"
        Image.fromarray(image).save(path)
        garments = [Garment(label, mask, landmarks) for label in labels]
        return AnnotatedPhoto(path, "people", partial(list, garments))

    return write


def test_photos_with_a_large_short_sleeve_top_are_taken(photo, drawer):
    photos = [
        photo("tee", 1),
        photo("skirt", 9),
        photo("both", 9, 1),
        photo("small", 1, area=(10, 40)),
        AnnotatedPhoto(photo("gone", 1).image_path.with_name("no.png"), "people"),
    ]
    tops = find_tops(photos, drawer)
    assert [top.photo.image_path.stem for top in tops] == ["tee", "both"]
    for top in tops:
        assert top.landmarks.shape == (25, 3)
        x, y, seen = top.landmarks[0]
        assert (x, y) == pytest.approx((40, 48), abs=3)
        assert seen > 0.9


def test_landmarks_that_were_marked_are_taken(photo, drawer):
    marked = np.zeros((25, 3), np.float32)
    marked[6], marked[7] = (20, 30, 2), (22, 31, 1)
    (top,) = find_tops([photo("tee", 1, landmarks=marked)], drawer)
    assert top.landmarks[6].tolist() == [20, 30, 1]
    assert top.landmarks[7].tolist() == [22, 31, 0], "a hidden one is not seen"


def test_twins_are_drawn_from_their_seed(photo, drawer):
    marked = np.zeros((25, 3), np.float32)
    for index, (x, y) in CANONICAL_LANDMARKS.items():
        marked[index] = 8 + 64 * x, 86 - 76 * y, 2
    tops = find_tops([photo("tee", 1, landmarks=marked)], drawer)
    load = ConsistencyPairLoader(tops, 64, consistency_augmenter([]))
    one, same, other = (load(np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one["views"], same["views"])
    assert not np.array_equal(one["views"], other["views"])
    assert one["views"].shape == (64, 64, 4)
    found = [load(np.random.default_rng(seed))[0]["landmark_uv"] for seed in range(6)]
    known = np.concatenate([marks[marks[..., 2] > 0] for marks in found])
    assert len(known) > 12
    near = np.abs(known[:, None, :2] - np.array(list(CANONICAL_LANDMARKS.values()))).max(
        axis=-1
    )
    assert near.min(axis=1).max() < 1e-6
