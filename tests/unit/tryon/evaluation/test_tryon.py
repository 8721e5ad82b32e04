"""The evaluation of the try-on: fake networks on drawn renders, made-up results."""

import json

import numpy as np
import pytest
from PIL import Image

from data_tools.contact_sheet import DEFAULT
from data_tools.paint.rendered_pairs import RenderedPair, find_pairs
from tryon.cli.evaluate import CONTROLLED_PAIRS, SHIPPED_PAIRS
from tryon.errors import TryOnError
from tryon.evaluation import baselines
from tryon.evaluation.sheets import rank_pairs, write_pair_sheet
from tryon.evaluation.tryon import (
    METHODS,
    Result,
    measure_moves,
    measure_pairs,
    summarize,
    tabulate,
)
from tryon.pipeline import TryOnPipeline

SIZE = 120, 100
RED, PINK = (220, 20, 20), (220, 90, 150)


def draw(folder, name, colour):
    """Write a worn or shop picture of a tee with its ground truth."""
    mask = np.zeros(SIZE, bool)
    mask[20:100, 30:70] = True
    image = np.full((*SIZE, 3), 90, np.uint8)
    image[mask] = colour
    Image.fromarray(image).save(folder / f"{name}.jpg", quality=98, subsampling=0)
    Image.fromarray(np.uint8(mask) * 2).save(folder / f"{name}.labels.png")
    ys, xs = np.mgrid[: SIZE[0], : SIZE[1]] / 120
    planes = np.vstack([xs / 2, 1 - ys]) * 4095 * np.vstack([mask, mask])
    Image.fromarray(planes.astype(np.uint16)).save(folder / f"{name}.uv.png")
    Image.fromarray(np.uint8(mask) * 200).save(folder / f"{name}.shade.png")


@pytest.fixture
def pair(tmp_path):
    folder = tmp_path / "rendered"
    folder.mkdir()
    for tee, colour in (("A", RED), ("C", PINK)):
        for name in (f"p300_{tee}", f"p300_{tee}_shop"):
            draw(folder, name, colour)
        facts = {"synth": {"tee": {"kind": "solid"}, "shop": "ghost"}}
        (folder / f"p300_{tee}_shop.json").write_text(json.dumps(facts))
    return find_pairs(folder)[0]


@pytest.fixture
def pipeline(segmenter):
    """Segments what is red, and paints it pink."""

    def paint(user, shop):
        assert shop.photo.name == "p300_C_shop.jpg"
        return baselines.RenderedGarment(
            np.full((2, 2, 3), PINK, np.float32), user.corners
        )

    return TryOnPipeline(segmenter, paint)


def test_each_method_is_measured(pipeline, pair):
    names = []
    (result,) = measure_pairs(pipeline, [pair], names.append)
    assert names == ["p300_A in p300_C_shop"]
    assert tuple(result.metrics) == METHODS
    assert result.refusal is None
    assert result.metrics["ours"]["dE inside"] < 2
    assert result.metrics["copy"]["dE inside"] > 15
    assert result.metrics["truth warp"]["coordinates inside"] < 0.01
    assert "coordinates inside" not in result.metrics["ours"], "paint has no coordinates"
    assert all(values["changed pixels"] == 0 for values in result.metrics.values())
    row = json.loads(json.dumps(result.row()))
    assert row["tags"] == ["plain", "ghost mannequin"]
    assert row["ours"] == result.metrics["ours"]


def test_changed_pixels_are_counted(pipeline, pair, monkeypatch):
    def corrupt(user, out1):
        image = user.photo.image.copy()
        image[0, :7] += 1
        return baselines.Attempt(image)

    monkeypatch.setattr(baselines, "pipeline_result", corrupt)
    (result,) = measure_pairs(pipeline, [pair], lambda name: None)
    assert result.metrics["ours"]["changed pixels"] == 7


def test_a_pair_is_rendered_as_four_pictures(pipeline, pair):
    (result,) = measure_pairs(pipeline, [pair], lambda name: None)
    user, shop, out2, truth = result.render()
    np.testing.assert_allclose(user[60, 50], RED, atol=4)
    np.testing.assert_allclose(shop[60, 50], PINK, atol=4)
    np.testing.assert_allclose(out2[60, 50], PINK, atol=4)
    np.testing.assert_allclose(truth[60, 50], PINK, atol=4)


def test_a_refusal_is_a_result(pipeline, pair, finder):
    finder.score = 0.55  # found, but not for sure
    pipeline.segmenter.refiner.score = 0.55
    (result,) = measure_pairs(pipeline, [pair], lambda name: None)
    assert result.refusal == "low_confidence"
    assert result.row()["refusal"] == "low_confidence"
    rows = dict(tabulate([result]))
    assert rows["ours"] == {"pairs": 0, "refused": 1}
    assert rows["plain, copy"] == {"pairs": 0, "refused": 1}


@pytest.mark.parametrize(
    ("name", "message"),
    [("p300_C.jpg", "too_small"), ("p300_A.uv.png", "render the person again")],
)
def test_a_wrong_file_is_no_refusal_of_the_pair(pipeline, pair, name, message):
    Image.new("L", (9, 9)).save(pair.folder / name)
    with pytest.raises(TryOnError, match=message):
        list(measure_pairs(pipeline, [pair], lambda name: None))


def test_pictures_of_other_sizes_are_refused(pipeline, pair):
    Image.new("RGB", (130, 130)).save(pair.folder / "p300_C.jpg")
    with pytest.raises(TryOnError, match="differ in size"):
        list(measure_pairs(pipeline, [pair], lambda name: None))


def result(tmp_path, score=None, changed=0, tags=("plain",)):
    """Make up the result of a pair, or its refusal without a score."""
    pair = RenderedPair(tmp_path, f"u{score}", "s", "t", "u", tags)
    values = {"dE inside": score, "SSIM inside": 0.5, "changed pixels": changed}
    done = {} if score is None else dict.fromkeys(METHODS, values)
    refusal = "low_confidence" if score is None else None
    pictures = tuple(np.full((9, 9, 3), grey, np.uint8) for grey in (0, 50, 100, 150))
    return Result(pair, refusal, done, lambda: pictures)


def test_metrics_are_means_and_sums(tmp_path):
    group = [result(tmp_path, 4.0, 1), result(tmp_path, 8.0, 2), result(tmp_path)]
    assert summarize(group, "ours") == {
        "pairs": 2,
        "refused": 1,
        "dE inside": 6.0,
        "SSIM inside": 0.5,
        "changed pixels": 3,
    }


def test_cases_have_rows_of_their_own(tmp_path):
    plain = result(tmp_path, 2.0)
    both = result(tmp_path, 4.0, tags=("print", "arm in front"))
    rows = dict(tabulate([plain, both]))
    assert list(rows)[:7] == [*METHODS, "arm in front, ours"]
    assert len(rows) == len(METHODS) * 4
    assert rows["print, copy"]["dE inside"] == 4.0
    assert rows["plain, copy"]["dE inside"] == 2.0


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([], []),
        ([None], []),
        ([3.0], [("best", 3.0)]),
        ([3.0, 1.0], [("best", 1.0), ("worst", 3.0)]),
        ([3.0, None, 1.0, 9.0, 2.0, 4.0], [("best", 1.0), ("median", 3.0), ("worst", 9)]),
    ],
)
def test_best_median_and_worst(tmp_path, scores, expected):
    results = [result(tmp_path, score) for score in scores]
    found = [(name, r.metrics["ours"]["dE inside"]) for name, r in rank_pairs(results)]
    assert found == expected


@pytest.mark.parametrize(("count", "rows"), [(0, 1), (1, 1), (2, 2), (9, 3)])
def test_the_sheet_has_a_row_for_each(tmp_path, count, rows):
    write_pair_sheet(
        [result(tmp_path, float(i)) for i in range(count)], tmp_path / "s.png"
    )
    with Image.open(tmp_path / "s.png") as sheet:
        assert sheet.size == (DEFAULT.cell[0] * 4, DEFAULT.cell[1] * rows)


def test_the_sheet_shows_user_shop_ours_and_truth(tmp_path):
    write_pair_sheet([result(tmp_path, 1.0)], tmp_path / "s.png")
    with Image.open(tmp_path / "s.png") as sheet:
        pixels = np.asarray(sheet)
    width = DEFAULT.cell[0]
    greys = [int(pixels[6, width * k + width // 2, 0]) for k in range(4)]
    assert greys == [0, 50, 100, 150]


def moved(tmp_path, name, level, shop="p1_C_shop"):
    """Make up the result of a controlled pair at a level."""
    pair = RenderedPair(tmp_path, name, shop, "t", "p1_A", ("controlled", "dark skin"))
    values = {"level": level, "level error": abs(level), "left": level / 10}
    return Result(pair, None, dict.fromkeys(METHODS, values), tuple)


def test_controlled_pairs_have_rows_of_their_own(tmp_path):
    group = [result(tmp_path, 2.0), moved(tmp_path, "p1_A", 5.0)]
    rows = dict(tabulate(group))
    assert rows["ours"] == summarize(group[:1], "ours")
    assert rows["controlled, ours"]["pairs"] == rows["dark skin, ours"]["pairs"] == 1
    assert list(dict(tabulate(group[1:])))[0] == "controlled, ours"


def test_the_worst_is_told_beside_the_mean(tmp_path):
    group = [moved(tmp_path, "p1_A", 5.0), moved(tmp_path, "p1_D", 1.0)]
    values = summarize(group, "ours")
    assert (values["level error"], values["level error worst"]) == (3.0, 5.0)
    assert (values["left"], values["left worst"]) == pytest.approx((0.3, 0.5))


def test_moves_are_of_the_same_shop_picture(tmp_path):
    group = [
        moved(tmp_path, "p1_A", 5.0),
        moved(tmp_path, "p1_S", 3.0),
        moved(tmp_path, "p1_D", -1.0),
        moved(tmp_path, "p2_A", 0.0),
        moved(tmp_path, "p2_S", 4.0),
        moved(tmp_path, "p3_S", 9.0),
        moved(tmp_path, "p3_A", 1.0, "another"),
    ]
    rows = dict(measure_moves(group))
    skin, cloth = (
        rows["moves with the skin alone"],
        rows["moves with the old cloth alone"],
    )
    assert skin == {"pairs": 2, "level error": 3.0, "level error worst": 4.0}
    assert cloth == {"pairs": 1, "level error": 6.0, "level error worst": 6.0}
    assert measure_moves(group[:1]) == []


def test_24_controlled_pairs_ship():
    pairs = find_pairs(CONTROLLED_PAIRS)
    assert len({pair.name for pair in pairs}) == len(pairs) == 24
    tags = [tag for pair in pairs for tag in pair.tags]
    assert tags.count("controlled") == 24
    for tag in ("dark skin", "light skin", "dark old cloth", "light old cloth", "tucked"):
        assert tags.count(tag) >= 8
    named = {name for pair in pairs for name in pair.files}
    assert {p.name for p in CONTROLLED_PAIRS.iterdir()} == named | {"pairs.json"}


def test_24_pairs_ship():
    pairs = find_pairs(SHIPPED_PAIRS)
    assert len(pairs) == 24
    assert len({pair.name for pair in pairs}) == 24
    counts = {tag: sum(tag in p.tags for p in pairs) for p in pairs for tag in p.tags}
    wanted = {"plain", "stripes", "print", "blocks", "arm in front", "hair in front"}
    assert wanted <= set(counts)
    assert min(counts.values()) >= 2
    named = {name for pair in pairs for name in pair.files}
    assert {p.name for p in SHIPPED_PAIRS.iterdir()} == named | {"pairs.json"}
