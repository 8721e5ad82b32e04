"""Each command as a user runs it, with the shipped models on the example pair."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tests.classic_weights import classic_values, write_classic
from tests.unit.tryon.conftest import draw_render
from tryon import zoo
from tryon.cli import main, train_options
from tryon.images import read_photo
from tryon.pipeline import TryOnPipeline


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """Run a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRYON_HOME", str(tmp_path / "home"))

    def run(*args):
        return CliRunner().invoke(main, [str(a) for a in args])

    return run


def read(path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def test_run_writes_the_result_and_prints_its_path(cli, me_path, tee_path):
    done = cli("run", "--user", me_path, "--shop", tee_path)
    assert done.exit_code == 0, done.output
    assert done.stdout == "me__tee.png\n"
    assert read("me__tee.png").shape == read(me_path).shape


def test_run_artifacts_keep_the_promise(cli, me_path, tee_path):
    done = cli(
        "run", "--user", me_path, "--shop", tee_path, "-o", "o.png", "--artifacts", "art"
    )
    assert done.exit_code == 0, done.output
    names = {"s1.png", "s2.png", "s3.png", "out1.png", "out2.png", "report.json"}
    assert {p.name for p in Path("art").iterdir()} == names
    user, out2 = read(me_path), read("art/out2.png")
    s1, s2, s3, out1 = (read(f"art/{name}.png") for name in ("s1", "s2", "s3", "out1"))
    assert s1.shape == (*read(tee_path).shape[:2], 4)
    assert s2.shape == s3.shape == out1.shape == (*user.shape[:2], 4)
    outside = s2[..., 3] == 0
    assert 0.5 < outside.mean() < 0.95
    assert np.array_equal(out2[outside], user[outside])
    assert np.array_equal(s3[..., 3], 255 - s2[..., 3])
    assert np.array_equal(read("o.png"), out2)


def test_run_puts_the_blue_tee_on(cli, me_path, tee_path):
    cli("run", "--user", me_path, "--shop", tee_path, "-o", "o.png", "--artifacts", "a")
    shirt = read("a/s2.png")[..., 3] == 255
    before, after = read(me_path)[shirt].mean(0), read("o.png")[shirt].mean(0)
    assert before[2] < before[0] + 10, "the example person wears cream"
    assert after[2] > after[0] + 50, "the example tee is blue"


def test_run_json_holds_report_and_licences(cli, me_path, tee_path):
    done = cli("run", "--user", me_path, "--shop", tee_path, "--json", "-o", "o.png")
    report = json.loads(done.stdout)
    assert report["status"] == "done"
    assert 0 < report["score"] <= 1
    assert report["output"] == "o.png"
    assert set(report["seconds"]) == {
        "segment", "matte", "transfer", "composite", "judge",
    }  # fmt: skip
    assert report["licences"]["code"] == "Apache-2.0"
    assert set(report["licences"]["weights"]) == {
        "person_detector",
        "pose",
        "segmenter",
        "refiner",
        "semantic",
        "matting",
        "chart",
        "shading",
        "universal",
    }
    assert all(len(model["sha256"]) == 64 for model in report["models"])


def test_run_is_the_same_every_time(cli, me_path, tee_path):
    for name in ("a.png", "b.png"):
        cli("run", "--user", me_path, "--shop", tee_path, "-o", name)
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_run_with_the_shipped_pattern(cli, me_path, tee_path):
    args = ("--pattern", "stripe", "-o", "o.png", "--json", "--artifacts", "a")
    done = cli("run", "--user", me_path, "--shop", tee_path, *args)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["generator"] == "stripe"
    outside = read("a/s2.png")[..., 3] == 0
    assert np.array_equal(read("o.png")[outside], read(me_path)[outside])


@pytest.mark.parametrize(
    ("user", "shop", "reason"),
    [
        ("text.jpg", "tee", "unreadable_image"),
        ("missing.jpg", "tee", "unreadable_image"),
        ("tiny.png", "tee", "too_small"),
        ("empty.png", "tee", "no_garment_in_user_photo"),
        ("me", "empty.png", "no_garment_in_shop_photo"),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(
    cli, me_path, tee_path, tmp_path, user, shop, reason
):
    Path("text.jpg").write_text("not a picture")
    Image.new("RGB", (20, 20)).save("tiny.png")
    Image.new("RGB", (240, 200), "green").save("empty.png")
    before = sorted(tmp_path.iterdir())
    paths = {"me": me_path, "tee": tee_path}
    done = cli(
        "run", "--user", paths.get(user, user), "--shop", paths.get(shop, shop), "--json"
    )
    assert done.exit_code == 1
    assert json.loads(done.stdout)["reason"] == reason
    assert len(lines(done.stderr)) == 1
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_pattern_needs_no_shop_picture(cli, me_path):
    args = ("run", "--user", me_path, "--pattern", "stripe")
    done = cli(*args, "--json", "--artifacts", "a")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["output"], report["shop"]) == ("me__stripe.png", None)
    assert report["options"]["instance"] is None
    assert {path.name for path in Path("a").iterdir()} == {
        "s2.png", "s3.png", "out1.png", "out2.png", "report.json",
    }  # fmt: skip
    done = cli("run", "--user", me_path)
    assert done.exit_code == 2
    assert "missing --shop TEE" in done.stderr


def test_swapped_pictures_are_told(cli, me_path, tee_path):
    done = cli("run", "--user", tee_path, "--shop", me_path, "--force")
    assert "the two pictures seem swapped" in done.stderr
    done = cli("run", "--user", me_path, "--shop", tee_path)
    assert "swapped" not in done.stderr


def test_unknown_pattern_names_the_command_that_trains_it(cli, me_path, tee_path):
    done = cli("run", "--user", me_path, "--shop", tee_path, "--pattern", "plaid")
    assert done.exit_code == 1
    assert "tryon train pattern plaid" in done.stderr
    assert len(lines(done.stderr)) == 1


@pytest.mark.parametrize("out", ["result.bmp", "result", "x.gif"])
def test_unknown_output_format_is_told_before_work(cli, me_path, tee_path, out):
    done = cli("run", "--user", me_path, "--shop", tee_path, "-o", out)
    assert done.exit_code == 1
    assert not Path(out).exists()


def test_no_clobber_keeps_the_old_file(cli, me_path, tee_path):
    Path("o.png").write_text("mine")
    done = cli(
        "run", "--user", me_path, "--shop", tee_path, "-o", "o.png", "--no-clobber"
    )
    assert done.exit_code == 1
    assert Path("o.png").read_text() == "mine"


def test_run_in_a_pipe(cli, me_path, tee_path):
    args = ["run", "--user", "-", "--shop", str(tee_path)]
    photo = me_path.read_bytes()
    done = CliRunner().invoke(main, [*args, "-o", "-"], input=photo)
    assert done.exit_code == 0, done.stderr
    assert CliRunner().invoke(main, args, input=photo).stdout == "stdin__tee.png\n"
    assert done.stdout_bytes == Path("stdin__tee.png").read_bytes()
    shop = ["run", "--user", str(me_path), "--shop", "-"]
    assert CliRunner().invoke(main, shop, input=b"").stderr == (
        "Error: unreadable_image: stdin: it is no picture; save it as JPEG or PNG\n"
    )


def test_stdin_and_stdout_take_one_thing_each(cli, me_path, tee_path):
    done = cli("run", "--user", "-", "--shop", "-")
    assert (done.exit_code, "stdin holds one picture" in done.stderr) == (2, True)
    done = cli("run", "--user", me_path, "--shop", tee_path, "-o", "-", "--json")
    assert (done.exit_code, "stdout takes" in done.stderr) == (2, True)
    assert cli("segment", me_path, tee_path, "-o", "-").exit_code == 2
    assert cli("segment", me_path, "-o", "-", "--preview").exit_code == 2


def test_web_addresses_are_refused_in_words(cli, me_path):
    done = cli("run", "--user", me_path, "--shop", "https://example.com/tee.jpg")
    assert done.exit_code == 1
    assert "tee.jpg: it is a web address; save the picture" in done.stderr
    done = cli("segment", "https://example.com/tee.jpg", "-o", "seg")
    assert done.exit_code == 1
    assert "it is a web address" in done.stderr


def test_segment_in_a_pipe(cli, me_path):
    done = CliRunner().invoke(main, ["segment", "-", "-o", "-"], me_path.read_bytes())
    assert done.exit_code == 0, done.stderr
    assert cli("segment", me_path, "-o", "seg").exit_code == 0
    assert done.stdout_bytes == Path("seg/me.cutout.png").read_bytes()
    Image.new("RGB", (300, 200), "green").save("empty.png")
    done = cli("segment", "empty.png", "-o", "-")
    assert (done.exit_code, done.stdout_bytes) == (1, b"")
    assert "no short-sleeve top was found" in done.stderr


def test_segment_takes_a_folder(cli, me_path, tee_path):
    Path("photos/more").mkdir(parents=True)
    shutil.copy(me_path, "photos/me.jpg")
    shutil.copy(tee_path, "photos/tee.JPG")
    Path("photos/notes.txt").touch()
    done = cli("segment", "photos", "-o", "seg")
    assert done.exit_code == 0, done.output
    names = [Path(name).name for name in lines(done.stdout)]
    assert names[::3] == ["me.mask.png", "tee.mask.png"]
    assert lines(done.stderr) == [
        "Skipped: photos/more is no picture",
        "Skipped: photos/notes.txt is no picture",
    ]
    assert cli("-q", "segment", "photos", "-o", "seg").stderr == ""
    empty = cli("segment", "photos/more", "-o", "seg")
    assert empty.exit_code == 1
    assert "photos/more: holds no picture" in empty.stderr


def test_an_instance_that_is_not_there_is_told(cli, me_path, tee_path):
    done = cli("run", "--user", me_path, "--shop", tee_path, "--instance", 99)
    assert done.exit_code == 1
    assert "there is no instance 99: " in done.stderr
    done = cli("segment", me_path, "--instance", 99, "-o", "seg")
    assert done.exit_code == 1
    assert "me.jpg: there is no instance 99: " in done.stderr
    assert not Path("seg").exists()


def test_wrong_usage_is_2(cli):
    assert cli("run").exit_code == 2
    assert cli("-v", "-q", "doctor").exit_code == 2
    assert cli("segment").exit_code == 2
    assert cli("train", "pattern", "../x", "--shop", ".").exit_code == 2
    args = ("train", "universal", ".", "-o", "run", "--adversarial", "0.1")
    assert cli(*args).exit_code == 2
    args = ("train", "segmenter", ".", "-o", "run", "--stage", "outlines:5:1e-3")
    done = cli(*args)
    assert done.exit_code == 2
    assert "only the refiner" in done.output


def test_segment_writes_three_files_a_photo(cli, me_path, tee_path):
    Image.new("RGB", (300, 200), "green").save("empty.png")
    done = cli("segment", me_path, tee_path, "empty.png", "-o", "seg")
    assert done.exit_code == 0, done.output
    assert len(lines(done.stdout)) == 9
    mask, cutout = read("seg/me.mask.png"), read("seg/me.cutout.png")
    assert mask.dtype == np.uint8
    assert mask.shape == read(me_path).shape[:2]
    assert np.array_equal(cutout[..., 3], mask)
    facts = json.loads(Path("seg/me.json").read_text())
    chosen = facts["instances"][facts["chosen"]]
    assert set(chosen) >= {"label", "score", "box", "area", "landmarks"}
    assert chosen["label"] == 1
    assert read("seg/empty.mask.png").max() == 0
    assert json.loads(Path("seg/empty.json").read_text())["chosen"] is None


def test_segment_tells_landmarks_with_their_likelihood(cli, me_path):
    assert cli("segment", me_path, "-o", "seg").exit_code == 0
    facts = json.loads(Path("seg/me.json").read_text())
    chosen = facts["instances"][facts["chosen"]]
    x1, y1, x2, y2 = chosen["box"]
    points = np.array(chosen["landmarks"])
    assert points.shape == (25, 3)
    assert ((points[:, 2] >= 0) & (points[:, 2] <= 1)).all()
    seen = points[points[:, 2] > 0.5]
    assert len(seen) > 10
    beyond = np.abs(seen[:, :2] - np.clip(seen[:, :2], (x1, y1), (x2, y2)))
    assert beyond.max() < 0.1 * max(x2 - x1, y2 - y1)


def test_segment_previews_what_it_found(cli, me_path):
    Image.new("RGB", (300, 200), "green").save("empty.png")
    done = cli("segment", me_path, "empty.png", "-o", "seg", "--preview")
    assert done.exit_code == 0, done.output
    assert [name for name in lines(done.stdout) if "preview" in name] == [
        "seg/me.preview.jpg", "seg/empty.preview.jpg",
    ]  # fmt: skip
    assert read("seg/me.preview.jpg").shape == read(me_path).shape
    assert not np.array_equal(read("seg/me.preview.jpg"), read(me_path))
    green = read("seg/empty.preview.jpg").astype(int)
    assert np.abs(green - (0, 128, 0)).max() < 4


def test_segment_goes_on_after_a_bad_photo(cli, me_path):
    Path("bad.jpg").write_bytes(b"")
    done = cli("segment", "bad.jpg", me_path, "-o", "seg")
    assert done.exit_code == 1
    assert "bad.jpg" in done.stderr
    assert Path("seg/me.mask.png").exists()
    assert not Path("seg/bad.mask.png").exists()


def test_segment_refuses_names_that_collide(cli, me_path, tmp_path):
    Image.new("RGB", (200, 200)).save("me.png")
    assert cli("segment", me_path, "me.png", "-o", "seg").exit_code == 2


def test_a_pattern_is_handed_on(cli, monkeypatch, tmp_path):
    done = cli("patterns", "export", "stripe")
    assert done.exit_code == 0, done.output
    assert done.stdout == "stripe.zip\n"
    taken = cli("patterns", "import", "stripe.zip")
    assert taken.exit_code == 1
    assert "--force makes this one override the shipped one" in taken.stderr
    done = cli("patterns", "import", "stripe.zip", "--force")
    assert done.exit_code == 0, done.output
    assert Path(done.stdout.strip()) == tmp_path / "home/patterns/stripe.json"
    (row,) = json.loads(cli("patterns", "list", "--json").stdout)
    assert (row["name"], row["where"]) == ("stripe", "yours")
    assert cli("patterns", "remove", "stripe", "--yes").exit_code == 0
    (line,) = lines(cli("patterns", "list").stdout)
    assert line.split()[:4] == ["stripe", "shipped", "5.7", "MB"]


def test_remove_asks_and_leaves_what_ships(cli):
    kept = cli("patterns", "remove", "stripe", "--yes")
    assert kept.exit_code == 1
    assert "ships with tryon" in kept.stderr
    shutil.copytree(zoo.SHIPPED / "patterns", "home/patterns")
    answers = {"n\n": 1, "": 1, "y\n": 0}
    for answer, code in answers.items():
        assert Path("home/patterns/stripe.json").exists()
        done = CliRunner().invoke(main, ["patterns", "remove", "stripe"], input=answer)
        assert done.exit_code == code, done.output
        assert done.stdout == ""
    assert not list(Path("home/patterns").iterdir())


def test_show_prints_the_card(cli):
    shown = cli("patterns", "show", "stripe")
    assert shown.exit_code == 0, shown.output
    assert "licence    Apache-2.0" in lines(shown.stdout)
    values = json.loads(cli("patterns", "show", "stripe", "--json").stdout)
    assert values["config"]["image_size"] == 256
    assert Path(values["path"]).exists()
    assert cli("patterns", "show", "none").exit_code == 1
    card = json.loads((zoo.SHIPPED / "patterns/stripe.json").read_text())
    shutil.copytree(zoo.SHIPPED / "patterns", "home/patterns")
    card["licence"] = "mine\x1b[2J\n"
    Path("home/patterns/stripe.json").write_text(json.dumps(card))
    for command in (("show", "stripe"), ("list",)):
        said = cli("patterns", *command).stdout
        assert r"mine\u001b[2J\n" in said, "letters that move the cursor are told"


def test_a_pattern_that_cannot_be_used_is_listed(cli):
    Path("home/patterns").mkdir(parents=True)
    Path("home/patterns/dots.json").write_text("{")
    done = cli("patterns", "list")
    assert done.exit_code == 0, done.output
    assert "cannot be used" in lines(done.stdout)[0]


def test_export_and_import_say_what_is_wrong(cli):
    assert cli("patterns", "export", "stripe", "-o", "a.tar").exit_code == 2
    assert cli("patterns", "export", "none").exit_code == 1
    Path("a.zip").write_bytes(b"no zip")
    done = cli("patterns", "import", "a.zip")
    assert done.exit_code == 1
    assert len(lines(done.stderr)) == 1
    assert "a.zip" in done.stderr


def test_doctor_lists_models(cli):
    done = cli("doctor")
    assert done.exit_code == 0, done.output
    models = (
        "person_detector",
        "pose",
        "segmenter",
        "refiner",
        "semantic",
        "matting",
        "chart",
        "shading",
        "universal",
        "stripe",
    )
    for name in (*(f"model {model}" for model in models), "keras", "segmenter runs in"):
        assert name in done.stdout


def test_doctor_tells_a_wrong_runtime(cli, monkeypatch):
    monkeypatch.setenv("TRYON_RUNTIME", "abacus")
    done = cli("doctor")
    assert done.exit_code == 1
    assert "abacus" in done.stderr


def test_evaluate_runs_on_a_folder_of_masks(cli, me_path, tee_path):
    cli("segment", tee_path, "-o", "seg")
    Path("val").mkdir()
    Image.fromarray(read(tee_path)).save("val/tee.jpg", quality=95)
    solid = read("seg/tee.mask.png") > 127
    Image.fromarray(solid).save("val/tee.png")
    done = cli("evaluate", "segmentation", "val", "--json", "--sheet", "sheet.jpg")
    assert done.exit_code == 0, done.output
    values = json.loads(done.stdout)
    row = values["shop"]
    assert row["photos"] == 1
    assert row["IoU mean"] > 0.95
    assert row["mask AP50"] == pytest.approx(1)
    assert row["misses"] == 0
    (photo,) = values["photos"]
    assert photo["name"] == "tee.jpg"
    assert photo["iou"] == row["IoU mean"]
    assert read("sheet.jpg").shape == (300, 1440, 3)


def test_evaluate_prints_a_table_of_a_few_photos(cli):
    Path("val").mkdir()
    for name in ("a", "b", "c"):
        Image.new("RGB", (200, 200), "green").save(f"val/{name}.jpg")
        Image.new("L", (200, 200), 255).save(f"val/{name}.png")
    done = cli("evaluate", "segmentation", "val", "--limit", 2)
    assert done.exit_code == 0, done.output
    head, row = lines(done.stdout)
    assert "boundary F" in head
    assert row.split()[:2] == ["shop", "2"]


def test_evaluate_tells_a_wrong_sheet_before_work(cli):
    Path("val").mkdir()
    assert cli("evaluate", "segmentation", "val", "--sheet", "s.bmp").exit_code == 2


def own_refiner(folder):
    """Write a refiner of the user's own: the shipped one by another name."""
    folder.mkdir()
    for ending in (".json", ".weights.h5"):
        shutil.copy(zoo.SHIPPED / f"refiner{ending}", folder)
    card = json.loads((folder / "refiner.json").read_text())
    (folder / "refiner.json").write_text(json.dumps(card | {"name": "mine"}))
    return folder / "refiner.json"


def test_a_model_of_ones_own(cli, me_path, tee_path):
    card = own_refiner(Path("mine"))
    args = ("run", "--user", me_path, "--shop", tee_path)
    done = cli(*args, "-m", card, "-o", "own.png", "--json")
    assert done.exit_code == 0, done.output
    models = {m["kind"]: m["name"] for m in json.loads(done.stdout)["models"]}
    assert (models["refiner"], models["segmenter"]) == ("mine", "segmenter")
    assert cli(*args, "-o", "shipped.png").exit_code == 0
    assert Path("own.png").read_bytes() == Path("shipped.png").read_bytes()
    assert cli("segment", me_path, "-m", card, "-o", "seg").exit_code == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["-m", "gone.json"], "gone.json: there is no such model card"),
        (
            ["-m", str(zoo.SHIPPED / "universal.json")],
            "one segmenter's and one refiner's",
        ),
        (["-m", __file__], "not a model card"),
    ],
)
@pytest.mark.parametrize("command", ["run", "segment", "batch"])
def test_a_card_that_cannot_be_used_is_told(cli, me_path, tee_path, command, args, said):
    Path("pairs.csv").write_text(f"user,shop\n{me_path},{tee_path}\n")
    pair = ["--user", me_path, "--shop", tee_path]
    own = {
        "run": pair, "segment": [me_path, "-o", "o"], "batch": ["pairs.csv", "-o", "o"],
    }  # fmt: skip
    done = cli(command, *own[command], *args)
    assert done.exit_code == 1
    assert said in done.stderr
    assert len(lines(done.stderr)) == 1


@pytest.mark.parametrize("names", [["universal"], ["segmenter", "segmenter"]])
def test_evaluate_takes_one_card_of_each_network(cli, names):
    Path("val").mkdir()
    Image.new("RGB", (99, 99)).save("val/a.jpg")
    Image.new("L", (99, 99)).save("val/a.png")
    models = [str(zoo.SHIPPED / f"{name}.json") for name in names]
    done = cli("evaluate", "segmentation", "val", *(f"--model={m}" for m in models))
    assert done.exit_code == 1
    assert "one segmenter's and one refiner's card" in done.stderr


def test_evaluate_tryon_needs_no_data(cli):
    done = cli("evaluate", "tryon", "--limit", 2, "--json", "--sheet", "sheet.jpg")
    assert done.exit_code == 0, done.output
    values = json.loads(done.stdout)
    ours, copied, best = (values[key] for key in ("ours", "copy", "truth warp"))
    assert ours["pairs"] == 2
    assert ours["changed pixels"] == 0
    assert ours["dE inside"] < copied["dE inside"]
    assert best["coordinates inside"] < 0.005
    assert best["gradients inside"] > 0.5
    names = [pair["name"] for pair in values["pairs"]]
    assert names[:2] == ["p300_A in p300_C_shop", "p306_A in p306_C_shop"]
    assert len(names) == 4
    assert values["controlled, ours"]["pairs"] == 2
    assert ours["aspect error"] < 0.3
    assert read("sheet.jpg").shape == (900, 960, 3), "three rows of four"


def test_evaluate_tryon_prints_a_table(cli):
    done = cli("evaluate", "tryon", "--limit", 1)
    assert done.exit_code == 0, done.output
    head, ours, *_ = lines(done.stdout)
    assert head.split()[:4] == ["pairs", "refused", "SSIM", "inside"]
    assert ours.split()[:3] == ["ours", "1", "0"]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["nothing"], 1, "expected pairs.json"),
        (["broken"], 1, "pairs.json: expected a list of pairs"),
        (["--sheet", "s.bmp"], 2, "expected a name in .png"),
        (["absent"], 2, "does not exist"),
    ],
)
def test_evaluate_tryon_tells_what_is_wrong(cli, args, code, said):
    Path("nothing").mkdir()
    Path("broken").mkdir()
    Path("broken/pairs.json").write_text("{")
    done = cli("evaluate", "tryon", *args)
    assert done.exit_code == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_evaluate_says_what_it_expects(cli):
    Path("nothing").mkdir()
    done = cli("evaluate", "segmentation", "nothing")
    assert done.exit_code == 1
    assert "nothing" in done.stderr


@pytest.mark.slow
def test_train_pattern_then_use_it(cli, me_path, tee_path):
    pytest.importorskip("cv2", reason="training needs the extra 'train'")
    Path("users").mkdir()
    Image.open(me_path).save("users/me.jpg")
    args = ("train", "pattern", "mine", "--shop", tee_path, "--users", "users")
    done = cli(*args, "--epochs", 1, "--steps", 1, "-o", "run")
    assert done.exit_code == 0, done.output
    assert Path("run/sheet-001.png").exists()
    assert lines(Path("run/log.csv").read_text())[0].startswith("epoch,step")
    again = cli(*args, "--epochs", 2, "--steps", 1, "-o", "run")
    assert again.exit_code == 0, again.output
    assert len(lines(Path("run/log.csv").read_text())) == 3, "resumed, not begun anew"
    used = cli("run", "--user", me_path, "--shop", tee_path, "--pattern", "mine")
    assert used.exit_code == 0, used.output


def test_a_real_process_prints_one_line_each_way(tmp_path, me_path):
    (tmp_path / "bad.jpg").write_text("x")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tryon", "segment", "bad.jpg", str(me_path), "-o", "seg"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert len(lines(done.stdout)) == 3
    assert len(lines(done.stderr)) == 1, done.stderr
    assert "bad.jpg" in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("segmenter", "empty", "-o", "run"),
        ("refiner", "empty=0.5", "-o", "run"),
        ("chart", "empty", "-o", "run"),
        ("semantic", "empty", "-o", "run"),
        ("matting", "empty", "-o", "run"),
        ("universal", "empty", "-o", "run"),
        ("shading", "empty", "-o", "run"),
        ("pattern", "mine", "--shop", "empty"),
    ],
)
def test_empty_folders_are_refused_before_keras_loads(cli, monkeypatch, args):
    monkeypatch.setattr(train_options, "load_keras", pytest.fail)
    Path("empty/photos").mkdir(parents=True)
    Path("empty/notes.txt").touch()
    done = cli("train", *args)
    assert done.exit_code == 1, done.output
    assert "empty: holds n" in done.stderr
    assert len(lines(done.stderr)) == 1
    assert not Path("run").exists()


@pytest.mark.parametrize("command", ["universal", "shading"])
def test_folders_without_renders_are_refused_in_one_line(cli, me_path, command):
    pytest.importorskip("cv2", reason="training needs the extra 'train'")
    Path("photos").mkdir()
    shutil.copy(me_path, "photos")
    done = cli("train", command, "photos", "-o", "run")
    assert done.exit_code == 1, done.output
    assert lines(done.stderr)[-1].endswith("(pNNN_A.shade.png) in photos")
    assert "Traceback" not in done.stderr


# `tryon` with a conversion that takes a minute, and says when it has begun.
SLOW_CONVERSION = """
import sys, time
from mrcnn import runtime
from tryon import networks
from tryon.cli import main

def convert(model, input_shape, folder):
    (folder / "half").write_text("converted")
    print("converting", flush=True)
    time.sleep(60)

runtime.check_backend = lambda: None
runtime.convert = convert
networks._builder = lambda *args: lambda: None
main(sys.argv[1:])
"""


def test_sigterm_ends_a_conversion_and_leaves_no_half_network(tmp_path, me_path):
    pytest.importorskip("openvino", reason="needs the extra 'fast'")
    root = Path(__file__).parents[2]
    cache = tmp_path / "cache"
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_CONVERSION, "segment", str(me_path), "-o", "seg"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root), "TRYON_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "converting\n"
    assert [path for path in cache.iterdir() if path.is_dir()]
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=50)
    assert process.returncode == 143
    assert [path for path in cache.iterdir() if path.is_dir()] == []
    assert "first start: converting the network 'segmenter'" in told
    assert len(lines(told)) == 1


def test_a_command_leaves_sigterm_as_it_was(cli):
    before = signal.getsignal(signal.SIGTERM)
    assert cli("patterns", "list").exit_code == 0
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("segmenter", ["--start"]),
        ("segmenter", ["--backbone-weights"]),
        ("refiner", ["--start"]),
        ("universal", ["--steps", "1", "--epochs", "1", "--start"]),
    ],
)
def test_files_that_are_no_weights_end_in_one_line(cli, network, options):
    pytest.importorskip("cv2", reason="training needs the extra 'train'")
    Path("data").mkdir()
    draw_render(Path("data"), "p001_A", (200, 30, 30), worn=True)
    draw_render(Path("data"), "p001_A_shop", (200, 30, 30), worn=False)
    Path("no.weights.h5").write_text("hello")
    small = ["--image-size", "64"] if network != "universal" else []
    done = cli("train", network, "data", "-o", "run", *small, *options, "no.weights.h5")
    assert done.exit_code == 1, done.output
    assert "Traceback" not in done.stderr
    assert "no.weights.h5: " in lines(done.stderr)[-1]


@pytest.mark.slow
def test_a_segmenter_starts_from_classic_weights(cli, caplog):
    pytest.importorskip("cv2", reason="training needs the extra 'train'")
    Path("data").mkdir()
    draw_render(Path("data"), "p001_A", (200, 30, 30), worn=True)
    write_classic(Path("mask_rcnn_coco.h5"), classic_values())
    args = ["data", "-o", "run", "--start", "mask_rcnn_coco.h5", "--batch-size", 1]
    args += ["--stage", "heads:1:1e-3", "--image-size", 64]
    done = cli("train", "segmenter", *args)
    assert done.exit_code == 1
    assert "start with --backbone resnet50" in done.stderr
    done = cli("train", "segmenter", *args, "--backbone", "resnet50")
    assert done.exit_code == 0, done.output
    (line,) = (line for line in caplog.messages if "start from it" in line)
    assert line.startswith("mask_rcnn_coco.h5: 28 of 127 layers")
    assert line.endswith("classes, deltas, masks, and 89 others"), "of the backbone"
    config = json.loads(Path("run/segmenter.json").read_text())["config"]
    assert (config["rpn_channels"], config["anchor_scale"]) == (12, 8.0)


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from tryon.cli import main\n"
        "try: main(['run', '--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('keras', 'numpy', 'PIL', 'scipy') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().endswith("[]")


@pytest.mark.usefixtures("pipeline")  # it has converted the networks
def test_a_run_of_converted_networks_imports_no_keras(tmp_path, me_path, tee_path):
    pytest.importorskip("openvino", reason="needs the extra 'fast'")
    code = (
        "import sys; from tryon.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print([m for m in ('keras', 'tensorflow') if m in sys.modules])"
    )
    for extra in ([], ["--pattern", "stripe"]):
        out = tmp_path / "out.png"
        command = ["run", "--user", me_path, "--shop", tee_path, "-o", out, *extra]
        for _ in range(1 + bool(extra)):  # the pattern is converted by its first run
            done = subprocess.run(
                [sys.executable, "-c", code, *map(str, command)],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        assert done.stdout.split("\n")[:2] == [str(out), "[]"]


@pytest.mark.slow
def test_both_runtimes_give_the_same_picture(result, me_path, tee_path, monkeypatch):
    pytest.importorskip("openvino", reason="needs the extra 'fast'")
    monkeypatch.setenv("TRYON_RUNTIME", "keras")
    plain = TryOnPipeline.from_pretrained()(read_photo(me_path), read_photo(tee_path))
    apart = np.abs(plain.image.astype(int) - result.image)
    assert apart.max() <= 2
    assert (apart > 0).mean() < 1e-3
