"""Pairs on Ray: the same files, also when a worker dies in their midst."""

import json
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.batch_fakes import FakeModels, FakePipeline, contents, draw_folders
from tryon.batch.pairs import Fault, Pair, cross_pairs
from tryon.batch.ray import RayWorker, pack, run_on_ray, unpack
from tryon.batch.run import open_batch, run_here
from tryon.batch.worker import Job
from tryon.errors import TryOnError


@pytest.mark.parametrize(
    "pair",
    [
        Pair("a__b.png", "a.jpg", "b.jpg"),
        Pair("a__b.png", "a\udcff.jpg", "b\n.jpg", "dots"),
        Pair("a__c.png", "a.jpg", "c.jpg", None, 2, True),
        Pair("line 7", "", "b.jpg", fault=Fault("bad_row", "the cell is empty")),
    ],
)
def test_a_pair_comes_back(pair):
    assert unpack(pack(pair)) == pair


def test_without_ray_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(TryOnError, match=r"tryon\[ray\]"):
        next(run_on_ray(Job(tmp_path, FakeModels()), [], 1, None))


def test_paths_start_from_where_the_batch_was_begun(tmp_path, monkeypatch):
    draw_folders(tmp_path)
    monkeypatch.chdir(tmp_path)
    (pair, *_) = cross_pairs(Path("users"), Path("shops"))
    monkeypatch.chdir("/")
    worker = RayWorker(Job(Path("out"), FakeModels()), str(tmp_path))
    row = json.loads(worker(pack(pair))["row"])
    assert (row["status"], row["user"]["path"]) == ("done", "users/u0.png")
    assert (tmp_path / "out" / pair.key).is_file()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", "Connection refused"),
        ("127.0.0.1", "expected HOST:PORT"),
        ("127.0.0.1:99999", "expected HOST:PORT"),
        ("::1:port", "expected HOST:PORT"),
    ],
)
def test_a_cluster_that_is_not_there_is_told_at_once(tmp_path, capfd, address, said):
    pytest.importorskip("ray.data", reason="needs the extra 'ray'")
    with pytest.raises(TryOnError, match=f"reached at {address} .*{said}") as error:
        next(run_on_ray(Job(tmp_path, FakeModels()), [], 1, address))
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""


class DyingModels(FakeModels):
    """Ends its process in the midst of the third user, once."""

    def __init__(self, mark):
        super().__init__()
        self.mark = mark

    def load(self, pattern, segmenter):
        return DyingPipeline(self.cards(pattern), self.mark)


class DyingPipeline(FakePipeline):
    def __init__(self, cards, mark):
        super().__init__(cards)
        self.mark = mark

    def dress(self, user, shop, options, watch):
        if user.photo.name == "u2.png" and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().dress(user, shop, options, watch)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_gives_the_same_files_though_a_worker_dies(tmp_path, capfd):
    pytest.importorskip("ray.data", reason="needs the extra 'ray'")
    pairs = cross_pairs(*draw_folders(tmp_path, users=10, shops=2))
    whole = Job(tmp_path / "whole", FakeModels())
    job = Job(tmp_path / "ray", DyingModels(tmp_path / "died"))
    for one, engine in (
        (whole, run_here), (job, partial(run_on_ray, workers=2, address=None)),
    ):  # fmt: skip
        with open_batch(one, pairs) as batch:
            assert len(list(batch.run(engine))) == len(pairs)
            batch.finish()
    assert (tmp_path / "died").exists()
    assert contents(job.out) == contents(whole.out)
    assert not capfd.readouterr().err, "Ray keeps to itself"
