"""The pipeline with drawn photos and fake parts: no weights, no network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from mrcnn.chart.inference import Chart
from mrcnn.detections import Detections
from mrcnn.pose.inference import Pose
from tryon import judge
from tryon.errors import REASONS, Refusal
from tryon.frames import Frame, crop
from tryon.pipeline import Options, TryOnPipeline, detection_cards, has_texture
from tryon.segment import SegmentConfig, Segmenter
from tryon.stages import WORK_SIZE, DetectedGarment, prepare, work_image
from tryon.transfer import Painted, PatternTransfer
from tryon.types import GarmentMask, Instance, Photo, Placement
from tryon.zoo import ModelCard


def draw_tee(size=(240, 200), colour=(200, 40, 40), box=(60, 50, 140, 190)):
    """Draw a tee of one colour on grey; returns (photo, mask)."""
    image = np.full((*size, 3), 120, np.uint8)
    mask = np.zeros(size, bool)
    x1, y1, x2, y2 = box
    mask[y1:y2, x1:x2] = True
    mask[y1 : y1 + 40, x1 - 25 : x2 + 25] = True
    image[mask] = colour
    return Photo(image), mask


def found(mask, score=0.9, agreement=0.9, label=1):
    instance = Instance(
        label, "short sleeve top", score, (0, 0, 1, 1), float(mask.mean())
    )
    return GarmentMask(mask, (instance,), 0, agreement)


class FakeSegmenter(Segmenter):
    """Takes every pixel that is not grey for a garment."""

    def __init__(self):
        """It has no networks."""
        self.config = SegmentConfig()

    score, agreement, label = 0.9, 0.9, 1

    def detect(self, image, threshold=None):
        mask = (np.abs(image.astype(int) - 120) > 30).any(axis=-1)
        count = int(mask.any())
        return Detections(
            np.zeros((count, 4), np.float32),
            np.full(count, self.label),
            np.full(count, self.score, np.float32),
            mask[None][:count].astype(np.float32),
        )

    def select(self, image, everything, instance=None):
        if (
            not len(everything)
            or (self.label != 1 and instance is None)
            or instance not in (None, 0)
        ):
            return None
        return found(everything.masks[0] > 0.5, self.score, self.agreement, self.label)


class FakeTransfer:
    """Fills the shirt with the shop garment's mean colour."""

    name = "fake"

    def __call__(self, user, shop):
        colour = shop.work[shop.detection.mask].mean(axis=0)
        frame = Frame.around(user.box, 4)
        return Painted(np.broadcast_to(colour, (4, 4, 3)).astype(np.float32), frame)


@pytest.fixture
def pipeline_of_fakes():
    return TryOnPipeline(FakeSegmenter(), FakeTransfer())


def test_outside_the_matte_nothing_changes(pipeline_of_fakes):
    user, _ = draw_tee()
    shop, _ = draw_tee(colour=(20, 60, 220))
    result = pipeline_of_fakes(user, shop)
    s2 = result.layers["s2"]()
    outside = s2[..., 3] == 0
    assert np.array_equal(result.image[outside], user.image[outside])
    inside = s2[..., 3] == 255
    assert np.abs(result.image[inside].mean(0) - (20, 60, 220)).max() < 3


def test_layers_have_the_photos_sizes(pipeline_of_fakes):
    user, _ = draw_tee()
    shop, _ = draw_tee(size=(300, 260), colour=(20, 60, 220))
    layers = {name: draw() for name, draw in pipeline_of_fakes(user, shop).layers.items()}
    assert layers["s1"].shape == (300, 260, 4)
    for name in ("s2", "s3", "out1"):
        assert layers[name].shape == (240, 200, 4)
    assert np.array_equal(layers["s2"][..., 3], layers["out1"][..., 3])


def test_a_large_photo_keeps_its_size_and_pixels(pipeline_of_fakes):
    user, _ = draw_tee()
    large = Photo(np.kron(user.image, np.ones((8, 8, 1), np.uint8)))
    assert max(large.size) > WORK_SIZE
    shop, _ = draw_tee(colour=(20, 60, 220))
    result = pipeline_of_fakes(large, shop)
    assert result.image.shape == large.image.shape
    outside = result.layers["s2"]()[..., 3] == 0
    assert 0.4 < outside.mean() < 0.95
    assert np.array_equal(result.image[outside], large.image[outside])


def test_the_photo_itself_is_left_alone(pipeline_of_fakes):
    user, _ = draw_tee()
    before = user.image.copy()
    pipeline_of_fakes(user, draw_tee(colour=(20, 60, 220))[0])
    assert np.array_equal(user.image, before)


def test_stages_are_told_in_order(pipeline_of_fakes):
    told = []
    pipeline_of_fakes(draw_tee()[0], draw_tee()[0], on_stage=told.append)
    assert told == ["segment", "matte", "transfer", "composite", "judge"]


@pytest.mark.parametrize(
    ("role", "reason"),
    [("user", "no_garment_in_user_photo"), ("shop", "no_garment_in_shop_photo")],
)
def test_no_garment_is_refused_by_role(pipeline_of_fakes, role, reason):
    tee, empty = draw_tee()[0], Photo(np.full((200, 200, 3), 120, np.uint8))
    pair = (empty, tee) if role == "user" else (tee, empty)
    with pytest.raises(Refusal) as error:
        pipeline_of_fakes(*pair)
    assert error.value.reason == reason


def test_of_two_photos_without_a_garment_the_users_is_named(pipeline_of_fakes):
    empty = Photo(np.full((200, 200, 3), 120, np.uint8))
    with pytest.raises(Refusal) as error:
        pipeline_of_fakes(empty, empty)
    assert error.value.reason == "no_garment_in_user_photo"


def test_cut_off_is_refused_even_with_force(pipeline_of_fakes):
    image = np.full((200, 160, 3), 120, np.uint8)
    image[:, 10:] = (200, 40, 40)  # three of four sides lie on the frame
    with pytest.raises(Refusal) as error:
        pipeline_of_fakes(draw_tee()[0], Photo(image), Options(force=True))
    assert error.value.reason == "garment_cut_off"


def test_low_confidence_warns_with_force(pipeline_of_fakes):
    pipeline_of_fakes.segmenter.score = 0.55
    pair = draw_tee()[0], draw_tee()[0]
    with pytest.raises(Refusal) as error:
        pipeline_of_fakes(*pair)
    assert error.value.reason == "low_confidence"
    report = pipeline_of_fakes(*pair, Options(force=True)).report
    assert len(report["warnings"]) == 2
    assert all("low_confidence" in line for line in report["warnings"])


def test_view_mismatch_of_a_narrow_garment(pipeline_of_fakes):
    image = np.full((300, 200, 3), 120, np.uint8)
    image[40:260, 70:130] = (200, 40, 40)
    with pytest.raises(Refusal) as error:
        pipeline_of_fakes(Photo(image), draw_tee()[0])
    assert error.value.reason == "view_mismatch"


def test_sleeve_mismatch(pipeline_of_fakes, monkeypatch):
    lengths = iter([0.2, 0.9, 0.2, 0.9])
    monkeypatch.setattr(judge, "sleeve_length", lambda garment: next(lengths))
    pair = draw_tee()[0], draw_tee()[0]
    with pytest.raises(Refusal) as error:
        pipeline_of_fakes(*pair)
    assert error.value.reason == "sleeve_mismatch"
    assert pipeline_of_fakes(*pair, Options(force=True)).report["warnings"]


def test_sleeve_length_grows_with_the_sleeve():
    photo, short = draw_tee(size=(240, 240), box=(80, 40, 160, 200))
    long = short.copy()
    long[40:80, 5:235] = True
    lengths = [
        judge.sleeve_length(DetectedGarment(photo, photo.image, found(mask)))
        for mask in (short, long)
    ]
    assert None not in lengths
    assert lengths[1] > lengths[0] + 0.15


def test_models_that_find_are_told_from_those_that_draw():
    """What is remembered of photos hangs on the first alone."""
    kinds = ("pose", "refiner", "chart", "shading", "universal")
    cards = [ModelCard(Path(kind), {"kind": kind}) for kind in kinds]
    assert detection_cards(cards) == cards[:3]
    pattern = ModelCard(Path("p"), {"kind": "pattern"})
    assert detection_cards([*cards[:2], pattern]) == cards[:2]


@pytest.mark.parametrize(
    ("config", "expected"), [({"texture": 512}, True), ({}, False), (None, False)]
)
def test_a_patterns_texture_lies_on_the_chart(config, expected):
    """So the chart network is loaded with it; what the card holds may be anything."""
    assert has_texture(ModelCard(Path("p"), {"config": config})) is expected


def test_every_reason_is_known():
    with pytest.raises(ValueError, match="expected a reason"):
        Refusal("boredom", "x")
    assert len(set(REASONS)) == 8


@pytest.mark.parametrize(
    ("mask", "expected"),
    [(np.ones((4, 4), bool), 1.0), (np.pad(np.ones((2, 2), bool), 2), 0.0)],
)
def test_frame_share(mask, expected):
    assert judge.frame_share(mask) == expected


def test_total_score_falls_with_each_fault():
    good = replace(found(np.ones((4, 4), bool), 1.0, 1.0), mask=np.eye(4, dtype=bool))
    config = judge.ScoreConfig(
        bias=3.0, weights=dict.fromkeys(judge.ScoreConfig().weights, 1.0)
    )

    def score(user=good, away=0.0, **placement):
        return judge.total_score(user, good, Placement(**placement), away, config)

    best = score()
    assert 0.5 < best < 1.0
    assert score(replace(good, agreement=0.5)) < best
    assert score(replace(good, support=0.5)) < best
    assert score(distortion=1.0) < best
    assert score(away=20.0) < best
    assert score(landmark_distance=0.05) == best
    assert score(landmark_distance=0.15) < best
    assert score(method="landmarks") < best
    assert score(method="corners") < best
    bent = score(method="corners", distortion=1.0)
    assert bent == score(method="corners"), "without a chart it does not tell"


def test_the_score_is_a_logistic_function_of_what_speaks_against_a_result():
    good = found(np.pad(np.ones((2, 2), bool), 1), 1.0, 1.0)
    weights = dict.fromkeys(judge.ScoreConfig().weights, 0.0) | {"agreement": 2.0}
    config = judge.ScoreConfig(bias=1.0, weights=weights)
    shaky = replace(good, agreement=0.5)
    score = judge.total_score(shaky, good, Placement(), 0.0, config)
    assert np.log(score / (1 - score)) == pytest.approx(1 - 2 * np.log(2))


def test_no_doubt_raises_the_score():
    weights = judge.ScoreConfig().weights
    assert min(weights.values()) >= 0
    garment = found(np.ones((4, 4), bool))
    assert judge.doubts(garment, garment, Placement(), 0.0).keys() == weights.keys()


@pytest.mark.parametrize(
    ("method", "distance", "words"),
    [
        ("chart", 0.05, []),
        ("landmarks", 0.0, ["placed by landmarks"]),
        ("corners", 0.3, ["placed by outlines", "may lie off"]),
        ("chart", 0.3, ["may lie off"]),
    ],
)
def test_warnings_about_the_print(method, distance, words):
    placement = Placement(method, 0.0, distance)
    warnings = judge.placement_warnings(placement, judge.JudgeConfig())
    assert len(warnings) == len(words)
    assert all(word in line for word, line in zip(words, warnings, strict=True))


@pytest.mark.parametrize(
    ("lowest", "cut", "expected"),
    [(0.0, False, 1.0), (0.25, False, 1.0), (0.7, False, 0.6), (0.7, True, 1.0)],
    ids=["hem seen", "tucked in", "half missed", "the frame cuts it"],
)
def test_completeness_is_read_from_the_lowest_place(lowest, cut, expected):
    mask = np.ones((4, 4), bool)
    mask[-1] = cut
    places = np.stack([np.full(50, 0.5), np.linspace(lowest, 0.85, 50)], axis=-1)
    front = np.zeros(50, bool)
    chart = Chart(places, np.float32(places), front, np.full(50, 0.01))
    seen = replace(found(mask, 1.0, 1.0), chart=chart)
    assert judge.completeness(seen) == pytest.approx(expected, abs=0.01)
    assert judge.completeness(replace(seen, chart=None)) == 1.0


def test_garment_places_map_pixel_centres():
    user, mask = draw_tee()
    garment = prepare(DetectedGarment(user, work_image(user), found(mask)))
    ys, xs = garment.raster(slice(3, 6), slice(0, 2))
    assert ys.tolist() == [3, 4, 5]
    assert xs.tolist() == [0, 1]


def test_look_through_a_frame_of_the_pictures_own_size_is_the_picture():
    image = np.random.default_rng(0).uniform(0, 255, (16, 16, 3)).astype(np.float32)
    frame = Frame((8.0, 8.0), 16.0, 16)
    assert np.allclose(crop(frame, image, 0.0), image, atol=1e-3)


def test_look_fills_the_outside():
    frame = Frame((8.0, 8.0), 32.0, 16)
    seen = crop(frame, np.full((16, 16, 1), 9.0, np.float32), -1.0)
    assert seen[0, 0, 0] == -1
    assert seen[8, 8, 0] == 9


def test_a_look_at_a_part_sees_what_a_look_at_the_whole_would():
    """Only what the frame shows is averaged; its edges must not tell."""
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (90, 120, 3)).astype(np.float32)
    frame = Frame((70.0, 40.0), 48.0, 12)
    ys, xs = (np.rint(places - 0.5).astype(int) for places in frame.raster)
    whole = ndimage.uniform_filter(image, (4, 4, 0))
    beside = [whole[np.ix_(ys + down, xs + right)] for down in (0, 1) for right in (0, 1)]
    seen = crop(frame, image, 0.0)
    assert (seen >= np.min(beside, axis=0) - 1e-3).all()
    assert (seen <= np.max(beside, axis=0) + 1e-3).all()


class FakePattern(FakeTransfer, PatternTransfer):
    """Fills the shirt with a colour of its own."""

    def __init__(self):
        """It has no network."""

    def __call__(self, user, shop):
        colours = np.broadcast_to((20, 60, 220), (4, 4, 3)).astype(np.float32)
        return Painted(colours, Frame.around(user.box, 4))


def test_a_pattern_needs_no_shop_picture():
    pipeline = TryOnPipeline(FakeSegmenter(), FakePattern())
    user, _ = draw_tee()
    result = pipeline(user, None)
    assert result.layers.keys() == {"s2", "s3", "out1"}
    inside = result.layers["s2"]()[..., 3] == 255
    assert np.abs(result.image[inside].mean(0) - (20, 60, 220)).max() < 3
    assert (result.report["shop"], result.report["style_distance"]) == (None, None)
    assert 0 < result.report["score"] <= 1
    pipeline.segmenter.score = 0.55
    with pytest.raises(Refusal, match="low_confidence"):
        pipeline(user, None)


def test_without_a_pattern_a_shop_picture_is_needed(pipeline_of_fakes):
    with pytest.raises(TypeError, match="expected a shop image"):
        pipeline_of_fakes(draw_tee()[0], None)


def test_swapped_pictures_are_told(pipeline_of_fakes, monkeypatch):
    pair = draw_tee()[0], draw_tee()[0]
    assert pipeline_of_fakes(*pair).report["warnings"] == []
    monkeypatch.setattr(judge, "are_swapped", lambda user, shop: True)
    (warning,) = pipeline_of_fakes(*pair).report["warnings"]
    assert "seem swapped" in warning
    pipeline_of_fakes.segmenter.score = 0.55
    with pytest.raises(
        Refusal, match="low_confidence: .*; the two pictures seem swapped"
    ):
        pipeline_of_fakes(*pair)


@pytest.mark.parametrize(
    ("user", "shop", "expected"),
    [(False, True, True), (True, True, False), (True, False, False),
     (False, False, False)],
)  # fmt: skip
def test_pictures_are_swapped_where_the_shops_alone_shows_a_person(user, shop, expected):
    garments = [
        replace(found(np.ones((4, 4), bool)), pose=turned(0) if worn else None)
        for worn in (user, shop)
    ]
    assert judge.are_swapped(*garments) is expected


def test_a_refusal_names_the_finds_of_other_classes(pipeline_of_fakes):
    user, _ = draw_tee()
    shop, _ = draw_tee(colour=(20, 60, 220))
    pipeline_of_fakes.segmenter.label = 2
    with pytest.raises(Refusal, match=r"--instance \(0 for the long sleeve top\)"):
        pipeline_of_fakes(user, shop)
    with pytest.raises(Refusal, match="no instance 3: 1 garment was detected, number 0"):
        pipeline_of_fakes(user, shop, Options(instance=3))


def test_a_refusal_names_what_may_be_a_garment(pipeline_of_fakes):
    user, _ = draw_tee()
    shop, _ = draw_tee(colour=(20, 60, 220))
    pipeline_of_fakes.segmenter.score = 0.3
    doubtful = r"--instance \(0 with --force for what may be a short sleeve top\)"
    with pytest.raises(Refusal, match=doubtful):
        pipeline_of_fakes(user, shop)
    with pytest.raises(Refusal, match="no_garment_in_shop_photo: .* of one$"):
        pipeline_of_fakes.find_garment(shop, "shop", None)
    user_garment = pipeline_of_fakes.find_garment(user, "user", 0)
    assert user_garment.detection.instance.score == 0.3


def test_a_refusal_offers_nothing_where_nothing_was_found(pipeline_of_fakes):
    blank = Photo(np.full((120, 120, 3), 120, np.uint8))
    with pytest.raises(Refusal, match="clearer photo of one$") as refusal:
        pipeline_of_fakes(blank, blank)
    assert refusal.value.reason == "no_garment_in_user_photo"


def turned(degrees):
    """A wearer whose shoulders and hips are turned from the camera."""
    points, depths = np.zeros((33, 2), np.float32), np.zeros(33, np.float32)
    angle = np.deg2rad(degrees)
    for (left, right), y in (((11, 12), 0), ((23, 24), 60)):
        for index, half in ((left, 20), (right, -20)):
            points[index] = 100 + half * np.cos(angle), y
            depths[index] = half * np.sin(angle)
    seen = np.ones(33, np.float32)
    return Pose(1.0, points, depths, seen, seen, np.eye(3), np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize(
    ("degrees", "view"),
    [(0, None), (45, None), (-60, None), (85, "the side"), (-100, "the side")]
    + [(130, "behind"), (180, "behind")],
)
def test_backs_and_sides_are_refused_by_the_wearers_pose(degrees, view):
    photo, mask = draw_tee()
    detection = replace(found(mask), pose=turned(degrees))
    garment = DetectedGarment(photo, photo.image, detection)
    refusals = judge.check_garment(garment, "photo", judge.JudgeConfig())
    assert [refusal.reason for refusal in refusals] == ["view_mismatch"] * bool(view)
    assert all(f"from {view};" in refusal.message for refusal in refusals)


@pytest.mark.parametrize(
    ("worn", "new", "fits"),
    [(1, 1, True), (1, 2, False), (1, 5, False), (4, 1, False), (2, 4, True)]
    + [(10, 1, True)],
)
def test_garments_whose_classes_have_other_sleeves_do_not_fit(worn, new, fits):
    photo, mask = draw_tee()
    user, shop = (
        DetectedGarment(photo, photo.image, found(mask, label=label))
        for label in (worn, new)
    )
    refusals = judge.check_pair(user, shop, judge.JudgeConfig())
    assert [refusal.reason for refusal in refusals] == ["sleeve_mismatch"] * (not fits)


def test_a_shops_vest_is_refused_by_its_sleeves(pipeline_of_fakes):
    photo, mask = draw_tee()
    pipeline_of_fakes.segmenter.label = 5
    detected = pipeline_of_fakes.find_garment(photo, "shop")
    user = DetectedGarment(photo, photo.image, found(mask))
    (refusal,) = judge.check_pair(user, detected, judge.JudgeConfig())
    assert refusal.reason == "sleeve_mismatch"
    with pytest.raises(Refusal, match="no_garment_in_user_photo"):
        pipeline_of_fakes.find_garment(photo, "user")


def test_sleeve_width_by_hand():
    _, tee = draw_tee()
    assert judge.sleeve_width(tee) == pytest.approx(130 / 80)
    vest = tee.copy()
    vest[:100, :75] = vest[:100, 125:] = False
    assert judge.sleeve_width(vest) == pytest.approx(50 / 80)
    assert judge.sleeve_width(tee & False) == 1
    assert judge.sleeve_width(tee[60:61]) == 1


@pytest.mark.parametrize(("worn", "fits"), [(False, False), (True, True)])
def test_a_vest_that_lies_flat_has_no_sleeves(worn, fits):
    """Whoever wears it may hold the arms so that they are hidden."""
    photo, tee = draw_tee()
    vest = tee.copy()
    vest[:100, :75] = vest[:100, 125:] = False
    user = DetectedGarment(photo, photo.image, found(tee))
    detection = replace(found(vest), pose=turned(0) if worn else None)
    shop = DetectedGarment(photo, photo.image, detection)
    refusals = judge.check_pair(user, shop, judge.JudgeConfig())
    assert [refusal.reason for refusal in refusals] == ["sleeve_mismatch"] * (not fits)
