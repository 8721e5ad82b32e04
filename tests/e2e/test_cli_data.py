"""Data commands as a user runs them, on a drawn folder of photos."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tryon.cli import main


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """Run a command in a folder with `data/a.jpg` and its mask."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Image.new("RGB", (120, 160), (200, 30, 30)).save("data/a.jpg")
    mask = np.zeros((160, 120), np.uint8)
    mask[40:120, 30:90] = 255
    Image.fromarray(mask).save("data/a.png")
    return lambda *args: CliRunner().invoke(main, [str(a) for a in args])


def test_pack_makes_data(cli):
    done = cli("data", "pack", "data", "-o", "p.zip", "--max-size", 80)
    assert done.exit_code == 0, done.output
    assert done.stdout == "p.zip\n"
    assert done.stderr.startswith("1 photos, 0.0 MB")
    again = cli("data", "pack", "p.zip", "-o", "q.zip", "--filter", "min-area=0.2")
    assert again.exit_code == 0, again.output


def annotate(name, **values):
    Path("df/annos").mkdir(parents=True, exist_ok=True)
    item = {"segmentation": [[1, 1, 9, 1, 9, 9]], "bounding_box": [1, 1, 9, 9]}
    item |= {"category_id": 1, "category_name": "short sleeve top", **values}
    document = {"source": "user", "pair_id": 1, "item1": item}
    Path(f"df/annos/{name}.json").write_text(json.dumps(document))


FORTH = ["data", "convert", "df", "v.json", "--from", "deepfashion2", "--to", "via"]
BACK = ["data", "convert", "v.json", "back", "--from", "via", "--to", "deepfashion2"]


def test_convert_forth_and_back(cli):
    annotate("1", landmarks=[1, 2, 2], note="Größe 티셔츠")
    for args, out in ((FORTH, "v.json"), (BACK, "back")):
        done = cli(*args, "--check")
        assert done.exit_code == 0, done.output
        assert done.stdout == f"{out}\n"
        assert "Checked 1 images: no differences" in done.stderr
        assert "1 images, 0 left out" in done.stderr
        named = "via has no field for box (1), landmarks (1); kept under"
        assert (named in done.stderr) == (out == "v.json")
    first, second = (Path(f"{name}/annos/1.json").read_text() for name in ("df", "back"))
    assert json.loads(first) == json.loads(second)
    assert "티셔츠" in second


def test_the_attribute_that_is_the_category(cli):
    annotate("1", type="skirt")
    assert cli(*FORTH).exit_code == 0
    values = json.loads(Path("v.json").read_text())
    for row in values["_via_img_metadata"].values():
        row["regions"][0]["region_attributes"].pop("tryon")
    Path("v.json").write_text(json.dumps(values))
    done = cli(*BACK)
    assert (
        "Note: 1.jpg: several attributes could be the category: category" in done.stderr
    )
    assert "Notes: several attributes could be the category (1)" in done.stderr
    done = cli(*BACK[:3], "again", *BACK[4:], "--category-attribute", "type")
    assert done.exit_code == 0
    assert "Note" not in done.stderr
    item = json.loads(Path("again/annos/1.json").read_text())["item1"]
    assert item["category_name"] == "skirt"
    assert (
        cli(*FORTH[:3], "w.json", *FORTH[4:], "--category-attribute", "x").exit_code == 2
    )


def test_the_format_is_found_out_and_told(cli):
    annotate("1")
    done = cli("data", "convert", "df", "c.json", "--to", "via", "--check")
    assert done.exit_code == 0, done.output
    assert "Note: df is read as deepfashion2; --from overrules it" in done.stderr
    assert cli("data", "inspect", "c.json").stderr.startswith(
        "Note: c.json is read as via"
    )
    done = cli("data", "convert", "data", "d.json", "--to", "via")
    assert (done.exit_code, "give --from" in done.stderr) == (1, True)
    done = cli("data", "split", "df", "-o", "out", "--by", "pair_id", "--part", "a=1")
    assert done.exit_code == 0, done.output
    assert Path("out/a/annos/1.json").exists()


def test_strict_refuses_what_has_no_place(cli):
    annotate("1", landmarks=[1, 2, 2])
    done = cli(*FORTH, "--strict")
    assert done.exit_code == 1
    assert "via has no field for" in done.stderr
    assert "landmarks (1)" in done.stderr
    assert not Path("v.json").exists()
    annotate("1", landmarks=[1, 2, 2] * 25)
    Path("df/image").mkdir()
    Image.new("RGB", (20, 20)).save("df/image/1.jpg")
    assert cli(*FORTH[:3], "c.json", *FORTH[4:-1], "coco", "--strict").exit_code == 0


def test_differences_are_told(cli, monkeypatch):
    from data_tools.formats import via

    annotate("1")
    monkeypatch.setattr(via, "_stored", lambda attributes: None)
    done = cli(*FORTH, "--check")
    assert done.exit_code == 3
    assert "Differs: 1.jpg, instance 1: box" in done.stderr
    assert "Checked 1 images: differences in " in done.stderr


def test_bad_files_are_lines_and_a_code(cli):
    annotate("1")
    annotate("2", category_id=None)
    done = cli(*FORTH)
    assert done.exit_code == 3
    assert "Left out: df/annos/2.json: expected an integer as category_id" in done.stderr
    assert Path("v.json").exists()


def test_fail_fast_writes_nothing(cli):
    annotate("2", category_id=None)
    done = cli(*FORTH, "--fail-fast")
    assert done.exit_code == 1
    assert "df/annos/2.json: expected an integer as category_id" in done.stderr
    assert sorted(path.name for path in Path().iterdir()) == ["data", "df"]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["data", "pack", "data", "-o", "p.tar"], 2, "ends in .zip"),
        (["data", "pack", "nowhere", "-o", "p.zip"], 2, "nowhere"),
        (["data", "pack", "data", "-o", "p.zip", "--filter", "x=1"], 2, "'x=1'"),
        (["data", "pack", "data", "-o", "p.zip", "--filter", "min-area=.9"], 1, "none"),
        (["data", "pack", "bad.json", "-o", "p.zip"], 1, "COCO's or VIA's"),
        ([*FORTH[:3], "data", *FORTH[4:]], 1, "data exists"),
        ([*FORTH[:3], "empty", *FORTH[4:]], 1, "empty exists"),
        ([*BACK[:2], "bad.json", *BACK[3:]], 1, "bad.json: expected VIA's project, or"),
        ([*FORTH[:4], "--from", "x", "--to", "via"], 2, "'x' is not one of"),
        ([*BACK, "--filter", "sleeve=none"], 1, "v.json: expected"),
        ([*FORTH[:2], "data", "new", *FORTH[4:]], 1, "data: expected annotations in the"),
        ([*FORTH[:2], "v.json", "new", *FORTH[4:]], 1, "v.json: expected a folder of"),
        ([*FORTH[:2], ".", "new", *FORTH[4:]], 1, "expected one split, as df"),
        ([*BACK[:2], "df", *BACK[3:]], 1, "df: expected a file of the format via"),
        (["train", "segmenter", "data=0", "-o", "o"], 2, "weight above 0"),
        (["train", "segmenter", "data=x", "-o", "o"], 2, "weight above 0"),
        (["train", "segmenter", "nowhere=1", "-o", "o"], 2, "nowhere: no such"),
        (["train", "segmenter", "data", "-o", "o", "--ema", "1"], 2, "--ema"),
    ],
)
def test_mistakes_are_named(cli, args, code, message):
    Path("bad.json").write_text(json.dumps({"a": 1}))
    Path("v.json").write_text("[]")
    Path("empty").mkdir()
    annotate("1")
    done = cli(*args)
    assert done.exit_code == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("p.zip").exists()


def test_the_options_name_every_format():
    from data_tools.convert import FORMATS
    from tryon.cli import data_options

    assert tuple(FORMATS) == data_options.FORMATS


def test_inspect(cli):
    annotate("1", landmarks=[1, 2, 2])
    done = cli("data", "inspect", "df", "--from", "deepfashion2")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("1 images, 1 garments\n")
    assert "       1  size not known: no photo there, as 1.jpg" in done.stdout
    done = cli("data", "inspect", "df", "--from", "deepfashion2", "--json")
    assert json.loads(done.stdout)["categories"] == {"short sleeve top": 1}


def test_split(cli):
    for i in range(12):
        annotate(f"p{i}_a")
        annotate(f"p{i}_b")
    args = ["data", "split", "df", "--from", "deepfashion2", "-o", "out"]
    done = cli(*args, "--by", "name:(.*)_", "--part", "one=1", "--part", "two=1")
    assert done.exit_code == 0, done.output
    assert done.stdout == "out\n"
    assert "12 groups, 0 images left out" in done.stderr
    one, two = (
        {path.stem.split("_")[0] for path in Path("out", part, "annos").glob("*.json")}
        for part in ("one", "two")
    )
    assert len(one) + len(two) == 12
    annotate("bad", category_id=None)
    done = cli(*args[:-1], "o2", "--by", "name:(.*)_")
    assert done.exit_code == 3
    assert done.stderr.count("Left out: df/annos/bad.json: expected an integer") == 1


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--by", "name:x"], 2, "expected a group"),
        (["--by", "x", "--part", "train"], 2, "expected NAME=SHARE"),
        (["--by", "x", "--part", "train=0"], 2, "expected NAME=SHARE"),
        (["--by", "x"], 1, "in every part"),
        ([], 2, "Missing option '--by'"),
    ],
)
def test_mistakes_of_split_are_named(cli, args, code, message):
    annotate("1")
    done = cli("data", "split", "df", "--from", "deepfashion2", "-o", "out", *args)
    assert done.exit_code == code
    assert message in done.stderr
    assert not Path("out").exists()


def test_preview(cli):
    annotate("1")
    args = ["data", "preview", "df", "--from", "deepfashion2", "-o", "sheet.png"]
    done = cli(*args)
    assert done.exit_code == 0, done.output
    assert done.stdout == "sheet.png\n"
    assert Image.open("sheet.png").size == (1440, 300)
    empty = cli("data", "preview", "data", *args[3:4], "labelme", "-o", "x.png")
    assert empty.exit_code == 1
    assert "expected annotations in the format labelme" in empty.stderr


def test_curate_decides_and_convert_takes_what_is_kept(cli):
    ring = [5, 5, 95, 5, 95, 95]
    for name, view in {"1": 2, "2": 3, "3": 2}.items():
        annotate(name, segmentation=[ring], viewpoint=view)
    Path("df/image").mkdir()
    for name in "123":
        noise = np.random.default_rng(int(name)).integers(0, 255, (120, 120, 3))
        Image.fromarray(noise.astype(np.uint8)).save(f"df/image/{name}.jpg")
    args = ["data", "curate", "df", "--from", "deepfashion2", "-o", "d.csv"]
    done = cli(*args)
    assert done.exit_code == 0, done.output
    assert done.stdout == "d.csv\n"
    assert "2 of 3 photos are kept" in done.stderr
    text = "file_name,keep,reasons\n1.jpg,yes,\n2.jpg,no,not frontal\n3.jpg,yes,\n"
    assert Path("d.csv").read_text() == text
    Path("d.csv").write_text(text.replace("1.jpg,yes", "1.jpg,no"))
    assert "1 of 3 photos" in cli(*args).stderr, "an edit stands"
    assert cli(*FORTH, "--decisions", "d.csv").exit_code == 0
    rows = json.loads(Path("v.json").read_text())["_via_img_metadata"]
    assert [row["filename"] for row in rows.values()] == ["3.jpg"]
    Path("d.csv").write_text("a,b")
    assert "d.csv: expected a file of decisions" in cli(*args).stderr


def draw(name, size=(60, 80)):
    Path("df/image").mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 30, 30)).save(f"df/image/{name}.jpg")


AUGMENT = ["data", "augment", "df", "more", "--from", "deepfashion2"]
needs_imgaug = pytest.mark.skipif(
    importlib.util.find_spec("imgaug") is None, reason="imgaug is not installed"
)


@needs_imgaug
def test_augment(cli):
    ring = [10, 10, 50, 10, 50, 60, 10, 60]
    for name in "12":
        annotate(name, segmentation=[ring], landmarks=[20, 30, 2] * 25, scale=2)
        draw(name)
    done = cli(*AUGMENT, "--count", 3)
    assert done.exit_code == 0, done.output
    assert done.stdout == "more\n"
    assert "6 pictures, 0 left out" in done.stderr
    names = sorted(path.name for path in Path("more/image").iterdir())
    assert names == [f"{name}_aug{i}.jpg" for name in "12" for i in (1, 2, 3)]
    values = json.loads(Path("more/annos/1_aug1.json").read_text())
    told = values["item1"]["tryon_photo"]
    assert told["attributes.augmented_from"][1] == "1.jpg"
    assert values["item1"]["scale"] == 2
    inspected = cli("data", "inspect", "more", "--from", "deepfashion2")
    assert "no problems" in inspected.stdout
    assert cli(*AUGMENT[:3], "again", *AUGMENT[4:], "--count", 3).exit_code == 0
    for path in Path("more").rglob("*.*"):
        again = Path("again", path.relative_to("more"))
        assert path.read_bytes() == again.read_bytes(), path


@needs_imgaug
@pytest.mark.parametrize("target", ["coco", "via", "labelme", "yolo", "label-maps"])
def test_augment_writes_other_formats(cli, target):
    annotate("1", segmentation=[[10, 10, 50, 10, 50, 60]])
    draw("1")
    done = cli(*AUGMENT, "--to", target, "--transform", "flip")
    assert done.exit_code == 0, done.output
    path = "more/annotations.json" if target in ("coco", "via") else "more"
    sheet = cli("data", "inspect", path, "--from", target, "--json")
    assert json.loads(sheet.stdout)["problems"] == {}
    assert json.loads(sheet.stdout)["sizes"] == {"60x80": 1}
    again = cli("data", "convert", path, "df2", "--from", target, "--to", "deepfashion2")
    assert again.exit_code == 0, again.output
    values = json.loads(Path("df2/annos/1_aug1.json").read_text())
    assert values["item1"]["segmentation"] == [[50, 10, 10, 10, 10, 60]]
    assert values["item1"]["bounding_box"] == [51, 1, 59, 9]


@needs_imgaug
def test_bad_photos_are_left_out(cli):
    for name in "1234":
        annotate(name)
    draw("1")
    annotate("2", bounding_box=[1, 1, float("nan"), 9])
    draw("2")
    Path("df/image/3.jpg").write_bytes(b"no picture")
    done = cli(*AUGMENT, "--count", 2, "--transform", "camera")
    assert done.exit_code == 3
    assert "2 pictures, 4 left out" in done.stderr
    assert "Left out: 2.jpg: expected finite numbers" in done.stderr
    assert done.stderr.count("Left out: df/annos/3.json: ") == 1
    assert "Left out: 4.jpg: expected the photo beside" in done.stderr
    assert len(list(Path("more/annos").iterdir())) == 2
    done = cli(*AUGMENT[:3], "less", *AUGMENT[4:], "--fail-fast")
    assert done.exit_code == 1
    assert not Path("less").exists()
    assert "more exists" in cli(*AUGMENT).stderr
    assert cli(*AUGMENT, "--transform", "x").exit_code == 2
    assert not [path for path in Path().iterdir() if path.name.startswith(".tryon")]


def test_kfashion(cli):
    ring = {
        "X좌표1": 1,
        "Y좌표1": 1,
        "X좌표2": 99,
        "Y좌표2": 1,
        "X좌표3": 1,
        "Y좌표3": 99,
    }
    parts = {"렉트좌표": {"상의": [{}]}, "폴리곤좌표": {"상의": [ring]}}
    parts["라벨링"] = {"상의": [{"카테고리": "셔츠", "색상": "와인"}]}
    values = {"이미지 정보": {}, "데이터셋 정보": {"데이터셋 상세설명": parts}}
    Path("data/a.json").write_text(json.dumps(values), encoding="utf-8")
    done = cli("data", "kfashion", "data", "-o", "out")
    assert done.exit_code == 0, done.output
    assert "       1  tops/shirt/wine" in done.stderr
    assert Path("out/tops/shirt/wine/a_1.jpg").exists()
    Path("data/b.json").write_text("x")
    assert cli("data", "kfashion", "data", "-o", "out2").exit_code == 3
    assert cli("data", "kfashion", "data", "-o", "out").exit_code == 1, "it is there"


COLLECT = ["data", "collect", "-o", "out", "--allow-private", "--delay", "0"]


def test_collect(cli, site):
    Image.new("RGB", (80, 90), "red").save("a.png")
    red = Path("a.png").read_bytes()
    site.pages |= {"/a": (200, {}, red), "/b.jpg": (200, {}, b"<html>")}
    site.pages["/page"] = (200, {}, b'<img src="a"><img src="b.jpg">')
    Path("urls.txt").write_text(f"# mine\n{site.url}/a\n{site.url}/b.jpg\n")
    done = cli(*COLLECT, "urls.txt", "--licence", "CC0")
    assert done.exit_code == 3
    assert done.stdout == "out\n"
    assert f"Left out: {site.url}/b.jpg: not a picture" in done.stderr
    assert "1 new pictures, 0 copies, 0 known, 1 left out" in done.stderr
    row = json.loads(Path("out/provenance.jsonl").read_text())
    assert row["licence"] == "CC0"
    assert Path("out", row["file"]).read_bytes() == red
    done = cli(*COLLECT, "--page", f"{site.url}/page", "--limit", 1)
    assert done.exit_code == 0, done.output
    assert "0 new pictures, 0 copies, 1 known, 0 left out" in done.stderr


def test_collect_searches(cli, site):
    Image.new("RGB", (80, 90), "red").save("a.png")
    answer = json.dumps({"hits": [{"url": f"{site.url}/a"}]}).encode()
    site.pages |= {"/a": (200, {}, Path("a.png").read_bytes())}
    site.pages["/s?q=tee"] = (200, {}, answer)
    search = ["--search", f"{site.url}/s?q={{query}}", "--query", "tee"]
    done = cli(*COLLECT, *search, "--path", "hits.url")
    assert done.exit_code == 0, done.output
    assert "1 new pictures" in done.stderr
    site.pages["/s?q=none"] = (200, {}, b"{}")
    done = cli(*COLLECT, *search[:3], "none", "--path", "hits.url")
    assert done.exit_code == 3
    assert "no URLs at 'hits.url'" in done.stderr


def test_collect_asks_no_private_network(cli, site):
    done = CliRunner().invoke(
        main, ["data", "collect", "-", "-o", "out"], input=f"{site.url}/a\n"
    )
    assert done.exit_code == 3
    assert "127.0.0.1 is in a private network; see --allow-private" in done.stderr
    assert site.asked == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "expected URLS, --page or --search"),
        (["nowhere.txt"], "nowhere.txt"),
        (["--search", "http://x/{query}"], "expected --query and --path"),
        (["--search", "http://x", "--query", "q", "--path", "p"], "expected {query}"),
        (["--page", "http://x", "--query", "q"], "expected --search, too"),
        (["--page", "http://x", "--user-agent", "a\nb"], "expected a name"),
    ],
)
def test_mistakes_of_collect_are_named(cli, args, message):
    done = cli(*COLLECT, *args)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not Path("out").exists()
