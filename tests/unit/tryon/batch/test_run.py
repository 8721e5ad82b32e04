"""A batch with stand-ins for the networks: what is done, kept, refused, resumed."""

import errno
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.batch_fakes import FakeModels, contents, draw, draw_folders, rows_of
from tryon.batch import worker as batch_worker
from tryon.batch.pairs import Pair, cross_pairs
from tryon.batch.run import MANIFEST, in_order, open_batch, run_here, run_in_processes
from tryon.batch.worker import Job, PairWorker
from tryon.errors import MissingModel, TryOnError
from tryon.images import read_photo
from tryon.pipeline import Options

ROOT = Path(__file__).parents[4]


@pytest.fixture
def pairs(tmp_path):
    return cross_pairs(*draw_folders(tmp_path))


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path / "out", FakeModels())


def do(job, pairs, engine=run_here, **options):
    """Run a batch to its end; returns its counts and how many pairs it did."""
    with open_batch(job, pairs, **options) as batch:
        done = len(list(batch.run(engine)))
        return batch.finish(), done


def test_each_pair_has_a_result_and_a_row(job, pairs):
    counts, done = do(job, pairs)
    assert counts == {"done": 6}
    assert done == 6
    rows = rows_of(job.out)
    assert [row["pair"] for row in rows] == [
        f"u{u}__s{s}.png" for u in "012" for s in "01"
    ]
    row = rows[0]
    assert (row["status"], row["reason"], row["seed"]) == ("done", None, 0)
    assert row["output"]["bytes"] == (job.out / "u0__s0.png").stat().st_size
    assert len(row["user"]["sha256"]) == len(row["output"]["sha256"]) == 64
    assert row["models"] == [{"name": "universal", "kind": "fake", "sha256": "0" * 64}]
    assert row["scores"]["style_distance"] == 3.5
    assert read_photo(job.out / "u0__s0.png").size == (120, 100)


def test_photos_that_recur_are_found_once(job, pairs):
    worker = PairWorker(job)
    for pair in pairs:
        worker(pair)
    assert len(worker.universal.detected) == len(set(worker.universal.detected)) == 5


def test_each_instance_of_a_photo_is_a_garment_of_its_own(job, pairs):
    worker = PairWorker(job)
    asked = []
    found, dress = worker.universal.find_garment, worker.universal.dress

    def find_garment(photo, role, instance=None):
        asked.append((role, instance))
        return found(photo, role, instance)

    worker.universal.find_garment = find_garment
    worker.universal.dress = lambda user, shop, options, timer: (
        asked.append(options) or dress(user, shop, options, timer)
    )
    rows = [
        worker(pairs[0]._replace(key=f"{k}.png", instance=instance, force=instance == 1))
        for k, instance in enumerate([None, 1, 1])
    ]
    assert [row["instance"] for row in rows] == [None, 1, 1]
    assert [row["force"] for row in rows] == [False, True, True]
    first, second, third = Options(), Options(True, 1), Options(True, 1)
    assert asked == [("user", None), ("shop", None), first, ("user", 1), second, third]


def test_a_photo_without_a_garment_is_looked_at_once(job, tmp_path):
    dark = tmp_path / "dark.png"
    Image.new("RGB", (100, 100)).save(dark)
    worker = PairWorker(job)
    shops = [str(draw(tmp_path / f"s{k}.png", k)) for k in range(3)]
    rows = [worker(Pair(f"{k}.png", str(dark), shop)) for k, shop in enumerate(shops)]
    assert {row["reason"] for row in rows} == {"no_garment_in_user_photo"}
    assert worker.universal.detected == [("user", "dark.png")]


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_give_the_same_files(job, pairs, tmp_path, workers):
    do(job, pairs)
    other = Job(tmp_path / "other", FakeModels())
    do(other, pairs, partial(run_in_processes, workers=workers))
    assert contents(other.out) == contents(job.out)


class SayingModels(FakeModels):
    """Says on stdout that a process has loaded them."""

    def load(self, pattern, segmenter):
        os.write(1, b"loaded\n")
        return super().load(pattern, segmenter)


def test_workers_end_with_their_killed_parent(tmp_path):
    draw_folders(tmp_path)
    code = (
        "from functools import partial\nfrom pathlib import Path\n"
        "from tests.unit.tryon.batch.test_run import SayingModels\n"
        "from tryon.batch.run import Job, run_in_processes\n"
        "from tryon.batch.pairs import cross_pairs\n"
        "pairs = cross_pairs(Path('users'), Path('shops'))\n"
        "rows = run_in_processes(Job(Path('out'), SayingModels()), pairs, 1)\n"
        "next(rows)\ninput()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout.readline() == b"loaded\n"
    parent.kill()
    parent.communicate(timeout=300)  # ends when the last process closes its stdout


def test_a_finished_batch_has_nothing_left(job, pairs):
    do(job, pairs)
    before = (job.out / MANIFEST).read_bytes()
    assert do(job, pairs) == ({"done": 6}, 0)
    assert (job.out / MANIFEST).read_bytes() == before


@pytest.mark.parametrize("done", range(6))
def test_a_stopped_batch_goes_on(job, pairs, tmp_path, done):
    do(job, pairs)
    other = Job(tmp_path / "other", FakeModels())
    with open_batch(other, pairs) as batch:
        rows = batch.run(run_here)
        for _ in range(done):
            next(rows)
        rows.close()
    assert do(other, pairs) == ({"done": 6}, 6 - done)
    assert contents(other.out) == contents(job.out)


@pytest.mark.parametrize("damage", ["gone", "empty"])
def test_a_result_that_is_lost_is_made_again_in_its_place(job, pairs, damage):
    do(job, pairs)
    before = contents(job.out)
    lost = job.out / "u1__s0.png"
    lost.unlink() if damage == "gone" else lost.write_bytes(b"")
    assert do(job, pairs) == ({"done": 6}, 1)
    assert contents(job.out) == before


def test_a_pair_more_is_done_beside_the_others(job, pairs):
    do(job, pairs[1:])
    assert do(job, pairs) == ({"done": 6}, 1)
    assert [row["pair"] for row in rows_of(job.out)] == [pair.key for pair in pairs]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "made with seed 0, not 1"),
        ({"models": FakeModels("1")}, "made with other models"),
    ],
    ids=["seed", "models"],
)
def test_a_manifest_of_other_options_is_refused(job, pairs, change, said):
    do(job, pairs)
    before = contents(job.out)
    other = Job(**{"out": job.out, "models": job.models} | change)
    with pytest.raises(TryOnError, match=said):
        do(other, pairs)
    assert contents(job.out) == before
    assert do(other, pairs, restart=True)[1] == 6


def test_a_manifest_of_other_pictures_is_refused(job, pairs, tmp_path):
    do(job, pairs)
    draw(tmp_path / "shops/s1.png", 7)
    with pytest.raises(TryOnError, match=r"s1.png has changed since"):
        do(job, pairs)
    (tmp_path / "shops/s1.png").unlink()
    assert do(job, pairs) == ({"done": 6}, 0), "what is done needs its picture no more"


def test_a_manifest_of_other_pairs_is_refused(job, pairs):
    do(job, pairs)
    with pytest.raises(TryOnError, match="is none of these pairs"):
        do(job, pairs[1:])
    with pytest.raises(TryOnError, match="made with pattern None, not 'dots'"):
        do(job, [pair._replace(pattern="dots") for pair in pairs])
    with pytest.raises(TryOnError, match="made with force False, not True"):
        do(job, [pair._replace(force=True) for pair in pairs])
    with pytest.raises(TryOnError, match="made with instance None, not 1"):
        do(job, [pair._replace(instance=1) for pair in pairs])


def test_two_runs_in_one_folder_refuse_each_other(job, pairs):
    with (
        open_batch(job, pairs),
        pytest.raises(TryOnError, match="another run is using it"),
        open_batch(job, pairs),
    ):
        pass
    assert do(job, pairs)[1] == 6, "the lock is free again"


def test_a_lock_file_of_a_dead_run_is_no_lock(job, pairs):
    job.out.mkdir()
    (job.out / ".tryon.lock").write_text("4711")
    assert do(job, pairs)[1] == 6


def test_failures_are_rows_and_are_taken_up_when_asked(job, pairs, tmp_path):
    (tmp_path / "users/u1.png").write_bytes(b"no picture")
    counts, _ = do(job, pairs)
    assert counts == {"done": 4, "unreadable_image": 2}
    row = rows_of(job.out)[2]
    assert (row["pair"], row["status"], row["output"]) == ("u1__s0.png", "refused", None)
    assert len(row["user"]["sha256"]) == 64
    draw(tmp_path / "users/u1.png", 1)
    with pytest.raises(TryOnError, match="has changed since"):
        do(job, pairs)
    assert do(job, pairs, retry_failed=True) == ({"done": 6}, 2), "it was mended"


def test_files_that_were_skipped_are_rows_and_no_failures(job, pairs, tmp_path):
    (tmp_path / "users/notes.txt").write_text("hello")
    pairs = cross_pairs(tmp_path / "users", tmp_path / "shops")
    assert do(job, pairs) == ({"done": 6, "skipped": 1}, 7)
    row = rows_of(job.out)[-1]
    assert (row["status"], row["reason"]) == ("skipped", "not_a_picture")
    assert "notes.txt" in row["message"]
    assert (row["output"], row["scores"]) == (None, None)
    (tmp_path / "users/notes.txt").unlink()
    pairs = cross_pairs(tmp_path / "users", tmp_path / "shops")
    assert do(job, pairs) == ({"done": 6}, 0), "it may go"


def test_a_missing_model_stops_the_batch_before_it_starts(job, pairs):
    class Missing(FakeModels):
        def cards(self, pattern):
            raise MissingModel("segmenter.json: there is no such model card")

    engine = partial(run_in_processes, workers=2)
    with pytest.raises(MissingModel, match="no such model"):
        do(Job(job.out, Missing()), pairs, engine)


def test_retry_failed_takes_up_failures_alone(job, pairs, tmp_path):
    gone = tmp_path / "users/u1.png"
    kept = gone.read_bytes()
    gone.unlink()
    assert do(job, pairs)[0] == {"done": 4, "unreadable_image": 2}
    gone.write_bytes(kept)
    assert do(job, pairs)[1] == 0
    assert do(job, pairs, retry_failed=True) == ({"done": 6}, 2)
    rows = rows_of(job.out)
    assert [row["pair"] for row in rows] == [pair.key for pair in pairs]


def test_no_clobber_leaves_what_is_there(job, pairs):
    job = Job(job.out, job.models, no_clobber=True)
    job.out.mkdir()
    mine = job.out / "u1__s1.png"
    mine.write_text("mine")
    assert do(job, pairs) == ({"done": 5, "kept": 1}, 5)
    assert mine.read_text() == "mine"
    assert rows_of(job.out)[3]["reason"] == "output_exists"
    assert do(job, pairs) == ({"done": 5, "kept": 1}, 0)
    assert do(Job(job.out, job.models), pairs) == ({"done": 6}, 1), "it may be replaced"


def test_no_clobber_tells_its_own_result_from_another_file(job, pairs):
    """A run may be killed after a result has its name, and before its row is written."""
    job = Job(job.out, job.models, no_clobber=True)
    do(job, pairs)
    before = contents(job.out)
    lines = (job.out / MANIFEST).read_text().splitlines(keepends=True)
    (job.out / MANIFEST).write_text("".join(lines[:4]))
    assert do(job, pairs) == ({"done": 6}, 2)
    assert contents(job.out) == before
    (job.out / MANIFEST).write_text("".join(lines[:4]))
    (job.out / "u2__s1.png").write_text("mine")
    assert do(job, pairs) == ({"done": 5, "kept": 1}, 2)
    assert (job.out / "u2__s1.png").read_text() == "mine"


def test_patterns_are_used_and_missed(job, pairs):
    patterns = ["dots", None, "absent", "absent", "dots", None]
    pairs = [p._replace(pattern=n) for p, n in zip(pairs, patterns, strict=True)]
    assert do(job, pairs)[0] == {"done": 4, "missing_model": 2}
    rows = rows_of(job.out)
    assert rows[0]["models"][0]["name"] == "dots"
    assert (rows[2]["status"], rows[2]["models"]) == ("failed", [])
    assert "absent" in rows[2]["message"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "out_of_memory"),
        (ZeroDivisionError(), "internal_error"),
        (ValueError("odd"), "internal_error"),
    ],
)
def test_whatever_fails_in_a_pair_is_its_own(
    job, pairs, monkeypatch, caplog, error, reason
):
    dress = PairWorker._dress

    def fail(self, work, pipeline):
        if work.pair.key == "u1__s0.png":
            raise error
        return dress(self, work, pipeline)

    monkeypatch.setattr(PairWorker, "_dress", fail)
    assert do(job, pairs)[0] == {"done": 5, reason: 1}
    assert ("Traceback" in caplog.text) == (reason == "internal_error")


def test_a_folder_in_the_place_of_a_result_is_that_pairs_trouble(job, pairs):
    (job.out / "u0__s1.png").mkdir(parents=True)
    assert do(job, pairs)[0] == {"done": 5, "unwritable_output": 1}


@pytest.mark.parametrize("writes", range(0, 24, 2))
def test_a_full_disk_stops_the_batch_and_loses_nothing(
    job, pairs, tmp_path, monkeypatch, writes
):
    do(job, pairs)
    other = Job(tmp_path / "other", FakeModels())
    left = iter(range(writes))
    with monkeypatch.context() as patch:
        fill_disk(patch, left)
        with pytest.raises(TryOnError, match="No space left"):
            do(other, pairs)
    assert not list(other.out.rglob(".tryon-*")), "nothing half written"
    do(other, pairs)
    assert contents(other.out) == contents(job.out)


def fill_disk(patch, left):
    """Let only so many files and rows be written."""
    import tempfile

    from tryon.batch import manifest

    make, write = tempfile.NamedTemporaryFile, manifest._write_all

    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    def make_or_fail(*args, **options):
        return make(*args, **options) if next(left, None) is not None else full()

    def write_or_fail(file, data):
        if next(left, None) is None:
            write(file, data[:20])  # a part still fits
            full()
        write(file, data)

    patch.setattr(tempfile, "NamedTemporaryFile", make_or_fail)
    patch.setattr(manifest, "_write_all", write_or_fail)


def test_a_row_waits_until_its_result_is_on_the_disk(job, pairs, monkeypatch):
    synced, fsync = [], os.fsync

    def note(descriptor):
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    do(job, pairs)
    ids = {path: path.stat().st_ino for path in (job.out, job.out / MANIFEST)}
    rows = [k for k, found in enumerate(synced) if found == ids[job.out / MANIFEST]]
    assert len(rows) == len(pairs)
    for pair, row in zip(pairs, rows, strict=True):
        written = synced.index((job.out / pair.key).stat().st_ino)
        assert ids[job.out] in synced[written:row], "and so is its name"


def test_thumbs_are_small_and_shared(job, pairs, tmp_path):
    draw(tmp_path / "users/u0.png", 7, size=(900, 700))
    do(job, pairs)
    thumbs = list((job.out / batch_worker.THUMBS).iterdir())
    assert len(thumbs) == 3 + 2 + 6
    sizes = set()
    for path in thumbs:
        with Image.open(path) as picture:
            sizes.add(max(picture.size))
    assert max(sizes) == batch_worker.THUMB_SIZE >= 300, "sharp on a phone"


def test_devices_and_pipes_are_refused_unread(job, tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    tee = str(draw(tmp_path / "tee.png", 1))
    pairs = [Pair(f"{n}.png", str(tmp_path / f"{n}.jpg"), tee) for n in ("pipe", "zero")]
    assert do(job, pairs)[0] == {"unreadable_image": 2}


def test_memory_is_bounded_by_what_waits():
    from concurrent.futures import ThreadPoolExecutor

    begun = []
    with ThreadPoolExecutor(4) as pool:
        results = in_order(pool, lambda k: begun.append(k) or k, iter(range(100)), 3)
        assert [next(results) for _ in range(5)] == list(range(5))
        assert max(begun) <= 5 + 3
        assert list(results) == list(range(5, 100))


def test_the_report_names_every_pair(job, pairs):
    do(job, pairs)
    page = (job.out / "report.html").read_text()
    for row in rows_of(job.out):
        assert json.dumps(row["pair"]) in page
        assert f"thumbs/{row['output']['sha256'][:16]}.jpg" in page


def test_rows_are_told_as_they_are_written(job, pairs):
    with open_batch(job, pairs) as batch:
        for number, row in enumerate(batch.run(run_here), 1):
            assert len(rows_of(job.out)) == number
            assert row["seconds"].keys() == {"read", "segment", "transfer", "write"}
            assert np.all(np.array(list(row["seconds"].values())) >= 0)
