"""`tryon batch` as a user runs it; most with stand-ins for the networks."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.batch_fakes import (
    FakeModels,
    FakePipeline,
    contents,
    draw,
    draw_folders,
    rows_of,
)
from tryon.batch import models as batch_models
from tryon.batch import run as batch
from tryon.batch.models import ShippedModels
from tryon.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """Run a command in a folder with users/, shops/ and pairs.csv."""
    monkeypatch.chdir(tmp_path)
    draw_folders(tmp_path)
    Path("pairs.csv").write_text("user,shop\nusers/u0.png,shops/s0.png\nu9.png,s9.png\n")
    models = FakeModels()
    for name in ("cards", "load"):
        method = getattr(models, name)
        monkeypatch.setattr(ShippedModels, name, lambda self, *args, do=method: do(*args))

    def run(*args):
        return CliRunner().invoke(main, ["batch", *(str(a) for a in args)])

    return run


def test_folders_are_crossed(cli):
    done = cli("--users", "users", "--shops", "shops", "-o", "out")
    assert done.exit_code == 0, done.output
    assert done.stdout == "out/manifest.jsonl\n"
    names = {path.name for path in Path("out").iterdir()}
    results = {f"u{u}__s{s}.png" for u in range(3) for s in range(2)}
    assert names == results | {"manifest.jsonl", "report.html", "thumbs", ".tryon.lock"}


def test_failures_are_counted_by_reason_and_end_in_3(cli):
    done = cli("pairs.csv", "-o", "out")
    assert done.exit_code == 3
    assert done.stdout == "out/manifest.jsonl\n"
    assert "1 of 2 pairs failed (1 unreadable_image); see out/report.html" in done.stderr
    assert "Traceback" not in done.output
    shutil.copytree("users", "more")
    draw(Path("u9.png"), 9)
    draw(Path("s9.png"), 10)
    assert cli("pairs.csv", "-o", "out").exit_code == 3, "failures are not taken up again"
    assert cli("pairs.csv", "-o", "out", "--retry-failed").exit_code == 0


def test_files_that_are_no_pictures_are_told_and_end_in_0(cli):
    Path("users/notes.txt").touch()
    done = cli("--users", "users", "--shops", "shops", "-o", "out")
    assert done.exit_code == 0, done.output
    line = "1 files that are no pictures were skipped; see out/report.html"
    assert line in done.stderr
    assert "failed" not in done.stderr
    assert "notes.txt" in Path("out/report.html").read_text()
    gone = "user,shop\nusers/u0.png,shops/gone.png\n"
    Path("pairs.csv").write_text(gone)
    assert "1 of 1 pairs failed" in cli("pairs.csv", "-o", "other").stderr


def test_a_folder_of_a_phone_has_a_row_for_each_file(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    draw(Path("phone/b.png"), 1)
    draw(Path("phone/a.avif"), 2)
    head = bytes([0, 0, 0, 24]) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(200)
    Path("phone/IMG_1.HEIC").write_bytes(head)
    Path("phone/IMG_1.AAE").write_text("<plist>")
    done = cli("--users", "phone", "--shops", "shops", "-o", "out")
    assert done.exit_code == 3
    rows = {row["pair"]: row for row in rows_of(Path("out"))}
    told = {Path(row["user"]["path"]).name: row["status"] for row in rows.values()}
    assert told == {
        "a.avif": "done",
        "b.png": "done",
        "IMG_1.HEIC": "refused",
        "IMG_1.AAE": "skipped",
    }
    assert "tryon[heic]" in rows["IMG_1__s0.png"]["message"]
    assert "2 of 6 pairs failed (2 unreadable_image)" in done.stderr


def test_another_batch_in_the_folder_is_refused_in_one_line(cli):
    assert cli("--users", "users", "--shops", "shops", "-o", "out").exit_code == 0
    done = cli("--users", "users", "--shops", "shops", "-o", "out", "--seed", 5)
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1
    assert "--restart" in done.stderr
    again = (
        "--users",
        "users",
        "--shops",
        "shops",
        "-o",
        "out",
        "--seed",
        5,
        "--restart",
    )
    assert cli(*again).exit_code == 0


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["-o", "out"], 2),
        (["pairs.csv"], 2),
        (["pairs.csv", "--users", "users", "--shops", "shops", "-o", "out"], 2),
        (["--users", "users", "-o", "out"], 2),
        (["pairs.csv", "-o", "out", "--workers", "0"], 2),
        (["pairs.csv", "-o", "out", "--address", "here"], 2),
        (["gone.csv", "-o", "out"], 1),
        (["pairs.csv", "-o", "pairs.csv/out"], 1),
    ],
)
def test_wrong_usage_is_2_and_wrong_files_are_1(cli, args, code):
    done = cli(*args)
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output


def test_ctrl_c_says_how_to_go_on(cli, monkeypatch):
    engine = batch.run_here

    def stop(job, pairs):
        yield next(engine(job, pairs))
        raise KeyboardInterrupt

    args = ("--users", "users", "--shops", "shops", "-o", "out")
    with monkeypatch.context() as patch:
        patch.setattr(batch, "run_here", stop)
        done = cli(*args)
    assert done.exit_code == 1
    assert "stopped after 1 of 6 pairs; run the same command again" in done.stderr
    assert cli(*args).exit_code == 0
    assert len(rows_of(Path("out"))) == 6


class InterruptedModels(FakeModels):
    """Press Ctrl-C while the third user is dressed, once."""

    def __init__(self):
        super().__init__()
        self.command = os.getpid()

    def load(self, pattern, segmenter):
        return InterruptedPipeline(self.cards(pattern), self.command)


class InterruptedPipeline(FakePipeline):
    def __init__(self, cards, command):
        super().__init__(cards)
        self.command = command

    def dress(self, user, shop, options, watch):
        if user.photo.name == "u2.png" and not Path("pressed").exists():
            Path("pressed").touch()
            os.kill(self.command, signal.SIGINT)
        return super().dress(user, shop, options, watch)


def run_interrupted(args):
    """Be `tryon`, with `InterruptedModels`."""
    batch_models.ShippedModels = lambda own: InterruptedModels()
    main(args)


class ConvertingModels(FakeModels):
    """Convert a network, which takes a minute."""

    def load(self, pattern, segmenter):
        with tempfile.TemporaryDirectory(dir="cache"):
            os.write(1, b"converting\n")
            time.sleep(60)


def run_converting(args):
    """Be `tryon`, with `ConvertingModels`."""
    batch_models.ShippedModels = lambda own: ConvertingModels()
    main(args)


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_leaves_no_half_network(tmp_path, workers):
    draw_folders(tmp_path)
    (tmp_path / "cache").mkdir()
    args = ["batch", "--users", "users", "--shops", "shops", "--workers", str(workers)]
    code = "from tests.e2e.test_cli_batch import run_converting\n"
    code += f"run_converting({[*args, '-o', 'out']})"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for _ in range(workers):
        assert process.stdout.readline() == "converting\n"
    os.killpg(process.pid, signal.SIGTERM)  # as a service manager does
    _, told = process.communicate(timeout=50)
    assert list((tmp_path / "cache").iterdir()) == []
    assert process.returncode == 143, told
    assert "Traceback" not in told


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_is_heard_in_the_midst_of_a_pair(tmp_path, workers):
    draw_folders(tmp_path)
    args = ["batch", "--users", "users", "--shops", "shops", "--workers", str(workers)]

    def run(out):
        code = "from tests.e2e.test_cli_batch import run_interrupted\n"
        code += f"run_interrupted({[*args, '-o', out]})"
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    done = run("out")
    assert done.returncode == 1, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "run the same command again" in done.stderr
    assert not list((tmp_path / "out").rglob(".tryon-*"))
    assert run("out").returncode == 0
    assert run("whole").returncode == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def hostile_names(folder):
    """Make files that a user might name; returns them."""
    whole = draw(folder / "whole.png", 1).read_bytes()
    files = {
        "zero.jpg": b"",
        "cut.jpg": whole[: len(whole) // 2],
        "text.png": b"hello",
        "wrong ending.jpg": whole,
        "größe シャツ 👕.png": whole,
        "a" * 200 + ".png": whole,
        'quote "x", y.png': whole,
        "new\nline.png": whole,
        os.fsdecode(b"latin \xff.png"): whole,
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "dangling.png").symlink_to("nothing.png")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    return [*files, "loop.png", "dangling.png", "folder.png", "pipe.png"]


def test_a_folder_of_hostile_files_is_done_file_by_file(cli):
    Path("bad").mkdir()
    names = hostile_names(Path("bad"))
    done = cli("--users", "bad", "--shops", "shops", "-o", "out")
    assert done.exit_code == 3, done.output
    rows = {Path(row["user"]["path"]).name: row for row in rows_of(Path("out"))}
    assert rows.keys() == {*names, "whole.png"}
    refused = {name for name, row in rows.items() if row["status"] != "done"}
    assert refused == {
        "zero.jpg", "cut.jpg", "text.png", "loop.png", "dangling.png", "folder.png",
        "pipe.png",
    }  # fmt: skip
    for name in refused:
        assert rows[name]["reason"] == "unreadable_image"
        assert "\n" not in rows[name]["message"]
    page = Path("out/report.html").read_text()
    assert page.count("<script>") == 1


def test_a_file_that_may_not_be_read(cli):
    Path("users/u1.png").chmod(0)
    if os.access("users/u1.png", os.R_OK):
        pytest.skip("root reads everything")
    assert cli("--users", "users", "--shops", "shops", "-o", "out").exit_code == 3
    rows = {row["pair"]: row for row in rows_of(Path("out"))}
    assert rows["u1__s0.png"]["reason"] == "unreadable_image"
    assert "Permission denied" in rows["u1__s0.png"]["message"]
    assert rows["u2__s1.png"]["status"] == "done"


def test_a_folder_that_may_not_be_written(cli):
    Path("out").mkdir(0o500)
    if os.access("out", os.W_OK):
        pytest.skip("root writes everywhere")
    done = cli("--users", "users", "--shops", "shops", "-o", "out")
    assert done.exit_code == 1
    assert "out: cannot be written (Permission denied)" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def real_batch(folder, out, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "tryon", "batch", "pairs.csv", "-o", out],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.slow
def test_the_shipped_models_survive_kills(tmp_path, me_path, tee_path):
    shutil.copy(me_path, tmp_path / "me.jpg")
    shutil.copy(tee_path, tmp_path / "tee.jpg")
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    (tmp_path / "pairs.csv").write_text(
        "user,shop,pattern,output\nme.jpg,tee.jpg,,1.png\nbad.jpg,tee.jpg,,2.png\n"
        "me.jpg,tee.jpg,stripe,3.png\ntee.jpg,tee.jpg,,4.png\n"
    )
    whole = real_batch(tmp_path, "whole")
    said, told = whole.communicate()
    assert whole.returncode == 3, told
    assert said == "whole/manifest.jsonl\n"
    assert "1 unreadable_image" in told
    for rows in (0, 1, 3):
        run = real_batch(tmp_path, "killed")
        manifest = tmp_path / "killed/manifest.jsonl"
        while run.poll() is None and not (
            manifest.exists() and len(manifest.read_bytes().splitlines()) >= rows
        ):
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(0.02)
        run.send_signal(signal.SIGKILL)
        run.communicate()
    assert real_batch(tmp_path, "killed").wait() == 3
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    done = rows_of(tmp_path / "whole")[0]
    assert done["models"][-1]["name"] == "universal"
    assert json.dumps(done["scores"])
