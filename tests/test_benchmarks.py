"""The benchmarks' modules load, and their tables and counts are right."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import MARKS, with_tables
from benchmarks.batches import Run, draw_plan, growth_table
from benchmarks.single import covered
from benchmarks.sleeves import area, fit
from benchmarks.timing import Times, table, take_turns
from tryon.batch.pairs import read_pairs

SCRIPTS = sorted((Path(__file__).parents[1] / "benchmarks").glob("[a-z]*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_benchmark_can_be_imported(script):
    pytest.importorskip("cv2", reason="training samples need the extra 'train'")
    if script.stem == "floor":
        pytest.importorskip("openvino", reason="needs the extra 'fast'")
    if script.stem == "diffusion":
        pytest.importorskip("torch", reason="the diffusion UNet needs torch")
    importlib.import_module(f"benchmarks.{script.stem}")


def test_cases_take_turns_and_the_first_does_not_count():
    calls = []
    cases = {name: lambda n=name: calls.append(n) for name in "ab"}
    times = take_turns(cases, 3)
    assert "".join(calls) == "abababab"
    assert [len(times[name].seconds) for name in "ab"] == [3, 3]
    assert len(take_turns(cases, 2, uncounted=0)["a"].seconds) == 2
    assert len(calls) == 12


def test_median_and_quartiles():
    times = Times([5.0, 1.0, 2.0, 4.0, 3.0])
    assert (times.median, *times.spread) == (3.0, 2.0, 4.0)
    assert Times([7.0]).spread == (7.0, 7.0)


def test_seconds_of_networks_that_wait_for_each_other_count_once():
    assert covered([(1.0, 3.0), (0.0, 2.0), (5.0, 6.0), (5.2, 5.8)]) == 4.0
    assert covered([]) == 0.0


def test_a_table_gives_multiples_and_shares():
    times = {"ours": Times([2.0]), "theirs": Times([6.0])}
    rows = table("way", times, "ours", pairs=4).splitlines()
    assert rows[0] == "| way | median, s | quartiles, s | x ours |"
    assert rows[3] == "| theirs | 1.500 | 1.500 to 1.500 | 3.00 |"
    growth = growth_table([Run(10, 5.0, 10**9), Run(100, 60.0, 2 * 10**9)])
    assert growth.splitlines()[3] == "| 100 | 0.600 | 1.20 | 2000 |"


def test_tables_go_between_the_marks():
    page = f"a\n{MARKS[0]}\nold \\1\n{MARKS[1]}\nb\n"
    assert with_tables(page, "new \\1") == f"a\n{MARKS[0]}\nnew \\1\n{MARKS[1]}\nb\n"


def test_a_plan_has_as_many_pairs_as_asked_with_photos_that_differ(tmp_path):
    pairs = read_pairs(draw_plan(tmp_path, 12, (96, 128)))
    assert len(pairs) == 12
    users = sorted({pair.user for pair in pairs})
    assert len(users) == 2
    assert len({np.fromfile(path, np.uint8).tobytes() for path in users}) == 2


def test_the_network_to_compare_with_is_as_large_as_it_says():
    pytest.importorskip("torch", reason="the diffusion UNet needs torch")
    import torch

    from benchmarks.diffusion import UNet

    with torch.device("meta"):
        net = UNet((320, 640, 1280, 1280), 8)
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(860e6, rel=0.02)


def test_the_arithmetic_of_a_network_by_hand():
    openvino = pytest.importorskip("openvino", reason="needs the extra 'fast'")
    from openvino import opset13 as ops

    from benchmarks.floor import operations

    image = ops.parameter([1, 3, 8, 8], np.float32)
    kernel = ops.constant(np.zeros((5, 3, 3, 3), np.float32))
    x = ops.convolution(image, kernel, [2, 2], [1, 1], [1, 1], [1, 1])  # (1, 5, 4, 4)
    single = ops.constant(np.zeros((5, 1, 1, 3, 3), np.float32))
    x = ops.group_convolution(x, single, [1, 1], [1, 1], [1, 1], [1, 1])
    x = ops.reshape(x, ops.constant([1, 80]), special_zero=False)
    x = ops.matmul(x, ops.constant(np.zeros((80, 7), np.float32)), False, False)
    network = openvino.Model([ops.relu(x)], [image])
    assert operations(network) == 2 * (80 * 27 + 80 * 9 + 7 * 80)


def test_fitted_log_odds_tell_bare_forearms_from_sleeves():
    chance = np.random.default_rng(0)
    is_short = np.arange(200) % 2 == 0
    forearm = np.where(is_short, 0.4, -0.4) + chance.normal(0, 0.2, 200)
    values = np.stack([chance.normal(0, 0.3, 200), forearm, np.zeros(200)], axis=1)
    elbow_odds, forearm_odds, shoulder_odds, _ = fit(values, is_short)
    assert forearm_odds > 3
    assert abs(elbow_odds) < 1
    assert shoulder_odds == pytest.approx(0, abs=1e-6)
    assert area(forearm, is_short) > 0.95
    assert area(-forearm, is_short) < 0.05
