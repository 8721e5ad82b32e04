"""The refiner's training, from drawn photos to weights with a card."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2", reason="training needs the extra 'train'")

from data_tools.annotations import UNKNOWN, AnnotatedPhoto, Garment
from mrcnn.config import RefinerConfig, Stage, TrainConfig
from mrcnn.refiner.data import Region
from mrcnn.refiner.model import build_refiner
from tryon.training.refiner import train_refiner
from tryon.training.run import TrainingRun
from tryon.training.samples.photos import DataChoice, DataPart
from tryon.training.samples.refiner import (
    RegionLoader,
    draw_panel,
    extend_mask_below,
    occlude,
    recolor,
    reduce_resolution,
    region_augmenter,
)
from tryon.training.samples.regions import (
    LOWER,
    SAMPLING,
    Candidate,
    TrainingRegions,
    collect_regions,
    region_shares,
)
from tryon.training.steps import Steps
from tryon.zoo import load_card

TINY = RefinerConfig(image_size=64, widths=(4, 4, 8, 8, 8), class_width=8)


class DetectsRedAndBlue:
    """Detects the box of all red pixels and that of all blue ones, with full masks."""

    image_size = 128

    def __call__(self, images):
        out = {
            "boxes": np.zeros((len(images), 2, 4), np.float32),
            "labels": np.ones((len(images), 2), np.int32),
            "scores": np.zeros((len(images), 2), np.float32),
            "masks": np.ones((len(images), 2, 14, 14), np.float32),
        }
        for i, image in enumerate(images):
            for k, channel in enumerate((0, 2)):
                ys, xs = np.nonzero(image[..., channel] - image[..., 1] > 80)
                if len(ys):
                    box = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
                    out["boxes"][i, k], out["scores"][i, k] = box, 0.9
        out["mask_boxes"] = out["boxes"].copy()
        return out


def see_nobody(image):
    """Stands for `PoseReader`."""
    return []


def picture():
    """A red garment, and a blue thing that is none."""
    image = np.full((90, 120, 3), 90, np.uint8)
    mask = np.zeros((90, 120), bool)
    mask[20:60, 10:50] = True
    image[mask] = (220, 20, 20)
    image[30:70, 80:110] = (20, 20, 220)
    return image, mask


@pytest.fixture
def photo(tmp_path):
    image, mask = picture()
    Image.fromarray(image).save(tmp_path / "one.png")
    garments = [Garment(1, mask)]
    return AnnotatedPhoto(tmp_path / "one.png", "people", lambda: garments)


def test_regions_are_garments_their_finds_and_false_finds(photo):
    regions = collect_regions(
        DetectsRedAndBlue(), see_nobody, [photo], [photo], lambda name: None
    )
    garment, found, false, weak = regions.candidates
    assert garment == Candidate(0, 0, 1)
    assert (found.garment, found.label) == (0, 1)
    assert (false.garment, false.label) == (None, 0)
    assert (weak.photo, weak.garment, weak.label) == (1, None, 1)
    assert regions.masks[found.proposal].shape == (30, 40)
    load = RegionLoader([photo, photo], regions)
    region = load(2, np.random.default_rng(0))
    assert region.mask is None
    assert region.hint[50, 95] > 0.9, "the blue thing"
    assert region.hint[40, 30] < 0.1
    hints = [load(1, np.random.default_rng(seed)).hint for seed in range(8)]
    assert any(hint is None for hint in hints), "a spoilt truth as well as the find"
    assert any(hint is not None for hint in hints)


def test_landmarks_of_other_classes_are_not_taught(photo):
    mask = picture()[1]
    garments = [
        Garment(1, mask, np.ones((25, 3), np.float32)),
        Garment(2, mask, np.ones((33, 3), np.float32)),
    ]
    photo = dataclasses.replace(photo, read_garments=lambda: garments)
    load = RegionLoader(
        [photo], TrainingRegions([Candidate(0, 0, 1), Candidate(0, 1, 2)], {})
    )
    rng = np.random.default_rng(0)
    assert load(0, rng).landmarks.shape == (25, 3)
    assert load(1, rng).landmarks is None


def test_tops_with_bare_arms_are_taught_with_other_sleeves(photo):
    mask = picture()[1]
    skin = np.zeros_like(mask)
    skin[30:72, 4:10] = skin[30:72, 50:56] = True  # from the sides, not from the hem
    photo = dataclasses.replace(photo, read_skin=lambda: skin)
    load = RegionLoader([photo], TrainingRegions([Candidate(0, 0, 1)], {}))
    rng = np.random.default_rng(0)
    regions = [load(0, rng) for _ in range(60)]
    long = [region for region in regions if region.label == 2]
    assert 5 < len(long) < 30
    assert all((region.mask & skin).any() for region in long)


def in_long_sleeves(photo):
    """The red garment has two more parts that hang beside it, and hands below."""
    mask, skin = np.zeros((2, 90, 120), bool)
    mask[20:60, 20:40] = mask[20:25, 10:50] = True
    mask[20:54, 10:16] = mask[20:54, 44:50] = True
    skin[54:60, 10:16] = skin[54:60, 44:50] = True
    image = np.full((90, 120, 3), 90, np.uint8)
    image[mask], image[skin] = (220, 20, 20), (210, 160, 130)
    Image.fromarray(image).save(photo.image_path)
    return dataclasses.replace(
        photo, read_garments=lambda: [Garment(2, mask)], read_skin=lambda: skin
    )


def test_long_sleeves_are_taught_as_short_ones_too(photo):
    photo = in_long_sleeves(photo)
    regions = collect_regions(
        DetectsRedAndBlue(), see_nobody, [photo], [], lambda name: None
    )
    shortened = Candidate(0, 0, 1, shortened=True)
    assert shortened in regions.candidates
    assert Candidate(0, 0, 2) in regions.candidates
    load = RegionLoader([photo], regions)
    index = regions.candidates.index(shortened)
    region = load(index, np.random.default_rng(0))
    assert region.label == 1
    assert region.mask[20:28, 11:15].all()
    assert not region.mask[45:52, 11:15].any()
    shares = region_shares(regions.candidates, [1.0])
    assert shares[index] == pytest.approx(SAMPLING.shortened_share)
    assert sum(shares) == pytest.approx(1 + SAMPLING.shortened_share)


def test_a_sleeve_that_cannot_be_shortened_stays_long(photo):
    candidates = [Candidate(0, 0, 1, shortened=True)]
    photo = dataclasses.replace(photo, read_garments=lambda: [Garment(2, picture()[1])])
    region = RegionLoader([photo], TrainingRegions(candidates, {}))(
        0, np.random.default_rng(0)
    )
    assert region.label == 2


def test_finds_come_back_from_their_file(photo, tmp_path):
    photo = in_long_sleeves(photo)
    regions = collect_regions(
        DetectsRedAndBlue(), see_nobody, [photo], [], lambda name: None
    )
    regions.save(tmp_path / "finds.npz", [photo])
    again = TrainingRegions.load(tmp_path / "finds.npz", [photo])
    assert again.candidates == regions.candidates
    assert again.masks.keys() == regions.masks.keys()
    for name, mask in regions.masks.items():
        np.testing.assert_array_equal(again.masks[name], mask)


def test_finds_of_other_photos_are_not_taken(photo, tmp_path):
    path = tmp_path / "finds.npz"
    assert TrainingRegions.load(path, [photo]) is None
    collect_regions(DetectsRedAndBlue(), see_nobody, [photo], [], lambda name: None).save(
        path, [photo]
    )
    other = dataclasses.replace(photo, image_path=tmp_path / "two.png")
    assert TrainingRegions.load(path, [other]) is None
    assert TrainingRegions.load(path, [photo, other]) is None


def test_finds_of_an_earlier_version_are_not_taken(photo, tmp_path):
    path = tmp_path / "finds.npz"
    names = np.array([str(photo.image_path)])
    table = np.zeros((1, 3), int)
    np.savez(path, table=table, names=np.array([""]), photos=names)
    assert TrainingRegions.load(path, [photo]) is None


def test_bad_photos_teach_nothing(photo, caplog):
    photo.image_path.write_bytes(b"no picture")
    regions = collect_regions(
        DetectsRedAndBlue(), see_nobody, [], [photo], lambda name: None
    )
    assert regions.candidates == []
    assert "one.png" in caplog.text


def test_a_photos_share_is_split_among_its_regions():
    candidates = [
        Candidate(0, 0, 1),
        Candidate(1, 0, 1),
        Candidate(1, None, 0),
        Candidate(1, 1, LOWER[0]),
    ]
    total = 1 + SAMPLING.negative_weight + SAMPLING.lower_weight
    assert region_shares(candidates, [0.6, 0.4]) == pytest.approx(
        [
            0.6,
            0.4 / total,
            0.4 * SAMPLING.negative_weight / total,
            0.4 * SAMPLING.lower_weight / total,
        ]
    )


def test_things_teach_what_is_none(photo):
    bag = np.zeros((60, 90), bool)
    bag[30:48, 60:81] = True
    held = dataclasses.replace(photo, read_accessories=lambda: [bag])
    plain = collect_regions(
        DetectsRedAndBlue(), see_nobody, [photo], [], lambda name: None
    )
    regions = collect_regions(
        DetectsRedAndBlue(), see_nobody, [held], [], lambda name: None
    )
    (thing,) = (
        c
        for c in regions.candidates
        if c.label == 0 and regions.masks[c.proposal].shape == (20, 30)
        and regions.masks[c.proposal][11:15, 21:26].all()
    )  # fmt: skip
    assert len(regions.candidates) == len(plain.candidates) + 1
    assert regions.masks[thing.proposal].astype(bool).sum() == 6 * 7


def view():
    mask = np.zeros((64, 64), np.float32)
    mask[16:48, 16:48] = 1
    image = np.full((64, 64, 3), 128, np.uint8)
    points = np.tile(np.float32([32, 32, 2]), (25, 1))
    return Region(image, mask, mask.copy(), 1, points)


def test_an_occluder_cuts_the_truth_where_it_lies():
    changed = 0
    for seed in range(12):
        before, rng = view(), np.random.default_rng(seed)
        after = occlude(before, [], rng)
        same = (after.image == before.image).all(-1)
        assert (after.mask[same] >= before.mask[same] - 0.02).all()
        assert (after.mask <= before.mask).all()
        hidden = after.mask[32, 32] < 0.5
        assert (after.landmarks[:, 2] == (1 if hidden else 2)).all()
        changed += (after.mask < before.mask).sum()
    assert changed > 500
    assert (view().landmarks[:, 2] == 2).all()


def test_a_new_cloth_keeps_outline_and_folds():
    kinds = set()
    for seed in range(12):
        before = view()
        before.image[16:48, 32:48] = 64  # a fold: half as light
        after = recolor(before, [], np.random.default_rng(seed))
        same = before.mask == 0
        np.testing.assert_array_equal(after.image[same], before.image[same])
        np.testing.assert_array_equal(after.mask, before.mask)
        light, dark = after.image[20:44, 20:30].mean(), after.image[20:44, 34:46].mean()
        assert dark < 0.75 * light
        kinds.add(tuple(after.image[30, 25]))
    assert len(kinds) > 6
    assert any(len(set(kind)) == 1 for kind in kinds), "a neighbour's grey cloth"


def test_panels_are_parts_of_a_garment():
    mask = np.zeros((64, 64), np.float32)
    mask[16:48, 8:56] = 1
    panels = [draw_panel(mask, np.random.default_rng(seed)) for seed in range(40)]
    shares = [panel[mask > 0].mean() for panel in panels]
    assert np.mean([0.02 < share < 0.98 for share in shares]) > 0.9
    assert {float(value) for panel in panels for value in np.unique(panel)} == {0, 1}
    beside = [panel[32, 10] != panel[32, 32] for panel in panels]
    below = [panel[18, 32] != panel[46, 32] for panel in panels]
    assert 0.2 < np.mean(beside) < 0.8 and 0.2 < np.mean(below) < 0.8


def test_a_hint_may_swallow_the_skirt_below():
    mask, worn = np.zeros((90, 120), bool), np.zeros((90, 120), bool)
    mask[20:40, 40:80] = True
    worn[20:80, 30:90] = True
    hints = [
        extend_mask_below(mask, worn, np.random.default_rng(seed)) for seed in range(6)
    ]
    for hint in hints:
        assert hint[25:35, 45:75].min() > 0.9
        assert hint[:15].max() == hint[:, :30].max() == 0
        assert hint[40:].sum() > 50
    assert len({int(hint.sum()) for hint in hints}) > 3, "never the same"


def test_what_nobody_can_name_teaches_its_outline_alone(photo):
    mask = picture()[1]
    photo = dataclasses.replace(photo, read_garments=lambda: [Garment(UNKNOWN, mask)])
    regions = collect_regions(
        DetectsRedAndBlue(), see_nobody, [photo], [], lambda name: None
    )
    assert [c.label for c in regions.candidates] == [-1, -1, 0]
    region = RegionLoader([photo], regions)(0, np.random.default_rng(0))
    assert region.label == -1
    np.testing.assert_array_equal(region.mask, mask)


def test_coarse_views_keep_shape_and_mean():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    coarse = reduce_resolution(image, np.random.default_rng(1))
    assert coarse.shape == image.shape
    assert coarse.std() < 0.7 * image.std()
    assert abs(coarse.mean() - image.mean()) < 3


def test_the_augmenter_is_seeded(photo):
    change = region_augmenter([photo], 0)
    one, same = (change(view(), np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one.image, same.image)
    np.testing.assert_array_equal(one.mask, same.mask)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Even though the .tf.config:UserWarning")
def test_a_run_from_photos_to_card(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    image, mask = picture()
    for number in range(3):
        Image.fromarray(image).save(folder / f"{number}.jpg")
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"{number}.png")
    recipe = TrainConfig(stages=(Stage("heads", 2, 1e-3),), batch_size=2, ema=0.9)
    run = TrainingRun(DataChoice([DataPart(folder)]), tmp_path / "out", TINY, recipe)
    opened, steps = [], Steps()

    def predictor():
        opened.append(1)
        return DetectsRedAndBlue()

    tops = [Path(folder / "0.jpg")]
    (row,) = train_refiner(run, predictor, lambda: see_nobody, tops, steps=steps)
    assert np.isfinite(row["loss"])
    assert steps.done == steps.total == 2
    card = load_card(run.out_dir / "refiner.json")
    assert card.values["kind"] == "refiner"
    assert card.values["data"] == ["3 photos (shop)", "1 photos (tops)"]
    config = RefinerConfig.from_dict(card.values["config"])
    assert config == TINY
    build_refiner(config).load_weights(card.path)
    assert not list(
        train_refiner(
            dataclasses.replace(run, resume=True), predictor, lambda: see_nobody, tops
        )
    )
    assert opened == [1], "a resumed run reads the regions of the run before"
