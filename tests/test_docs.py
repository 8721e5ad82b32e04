"""The docs say what is there."""

import io
import json
import re
import runpy
import threading
import urllib.error
import urllib.request
from http.server import ThreadingHTTPServer
from pathlib import Path

import click
import numpy as np
import pytest
import yaml
from PIL import Image

import compositor
import cyclegan
import data_tools
import mrcnn
from mrcnn.config import LANDMARK_NAMES
from tryon.cli import main

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/experiments/*.md")]
)


def commands(group=main, path="tryon"):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_each_command_has_help_and_is_documented(name, command):
    assert command.help
    assert f"## `{name}`" in (ROOT / "docs/cli.md").read_text()
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts}"


def path_of(page):
    return str(page.relative_to(ROOT))


def anchor(heading):
    """Return the anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


def anchors(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.M)}


@pytest.mark.parametrize("page", PAGES, ids=path_of)
def test_links_of_the_docs_lead_somewhere(page):
    for link, part in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", page.read_text()):
        if link.startswith("http"):
            continue
        target = page.parent / link if link else page
        assert target.exists(), f"{page.name}: {link}"
        if part:
            assert part in anchors(target), f"{page.name}: {link}#{part}"


@pytest.mark.parametrize("page", PAGES, ids=path_of)
def test_each_page_says_first_what_it_is_for(page):
    title, opening = page.read_text().split("\n\n")[:2]
    assert re.fullmatch(r"# .+", title)
    assert re.match(r"[A-Z]", opening), "prose, before any heading, list, table or code"
    assert opening.rstrip().endswith((".", ":", ")."))
    sentence = re.split(r"[.:](?:\s|$)", opening)[0]
    assert 5 <= len(sentence.split()) <= 50


def test_each_page_of_the_docs_can_be_found():
    readme = (ROOT / "README.md").read_text()
    for page in ROOT.glob("docs/*.md"):
        assert f"(docs/{page.name})" in readme
    index = (ROOT / "docs/experiments/README.md").read_text()
    for page in ROOT.glob("docs/experiments/[a-z]*.md"):
        assert f"({page.name})" in index


@pytest.fixture
def run_page(tmp_path, monkeypatch):
    """Run the Python of a page from top to bottom in an empty folder; gives its names."""

    def run(name):
        text = (ROOT / name).read_text()
        script = tmp_path / f"{Path(name).stem}.py"
        script.write_text("\n".join(re.findall(r"```python\n(.*?)```", text, re.S)))
        (tmp_path / "examples").symlink_to(ROOT / "examples")
        monkeypatch.chdir(tmp_path)
        return runpy.run_path(str(script))

    return run


def test_python_of_the_readme_runs(run_page, tmp_path):
    run_page("README.md")
    assert (tmp_path / "result.png").exists()


def test_python_of_the_docs_runs(run_page, tmp_path):
    names = run_page("docs/python.md")
    written = {"result.png", "stripes.webp", "pair-0.png", "pair-1.png"}
    assert written <= {path.name for path in tmp_path.iterdir()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), names["TryOnHandler"])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        check_server(f"http://127.0.0.1:{server.server_port}", tmp_path)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def check_server(url, folder):
    """Ask the server of docs/python.md for a result, and for what it must refuse."""
    me = (ROOT / "examples/me.jpg").read_bytes()
    with urllib.request.urlopen(f"{url}/tee.jpg", data=me) as answer:
        assert answer.headers["Content-Type"] == "image/png"
        result = np.asarray(Image.open(io.BytesIO(answer.read())))
    assert (result == np.asarray(Image.open(folder / "result.png"))).all()
    for path, body, status in (("tee.jpg", b"no photo", 422), ("none.jpg", me, 404)):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{url}/{path}", data=body)
        with caught.value as error:
            assert error.code == status
            assert json.load(error)["error"]


def test_an_entry_of_the_changelog_is_one_line():
    lines = (ROOT / "CHANGELOG.md").read_text().split("## [Unreleased]")[1].splitlines()
    for line in lines:
        assert re.match(r"- [A-Z`].*\.$|#{2,3} |$", line), line


def test_workflows_and_forms_are_yaml():
    files = [*ROOT.glob(".github/**/*.yml"), ROOT / ".pre-commit-config.yaml"]
    assert len(files) >= 4
    for path in files:
        assert isinstance(yaml.safe_load(path.read_text()), dict), path.name


def test_the_workflow_runs_what_the_project_asks_for():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    steps = [step.get("run", "") for step in jobs["test"]["steps"]]
    asked = re.findall(r"^make \w+$", (ROOT / ".ci/run").read_text(), re.M)
    assert asked and set(asked) <= set(steps)


def test_each_shipped_model_is_documented_with_its_hash():
    page = (ROOT / "docs/models.md").read_text()
    cards = sorted((ROOT / "tryon/models").rglob("*.json"))
    assert len(cards) >= 3
    for path in cards:
        card = json.loads(path.read_text())
        assert card["licence"] == "Apache-2.0"
        assert card["data"]
        assert card["command"]
        assert card["metrics"]
        assert f"## `{card['name']}`" in page
        assert card["sha256"][:12] in page


def test_the_landmarks_are_listed_in_their_order():
    page = (ROOT / "docs/how-it-works.md").read_text()
    listed = re.findall(r"^\| (\d+) \| ([a-z ]+) \|", page, re.M)
    assert [(str(i), name) for i, name in enumerate(LANDMARK_NAMES)] == sorted(
        listed, key=lambda row: int(row[0])
    )


def test_shipped_files_stay_small():
    endings = (".h5", ".jpg", ".png")
    shipped = [p for p in (ROOT / "tryon").rglob("*") if p.suffix in endings]
    assert sum(path.stat().st_size for path in shipped) < 80e6


@pytest.mark.parametrize(
    ("room", "names"),
    [
        (mrcnn, {"Detections", "MaskRCNNConfig", "TrainConfig"}),
        (cyclegan, {"CycleGANConfig", "ShadingConfig", "UniversalConfig"}),
        (data_tools, {"AnnotatedPhoto", "Garment", "read_folder"}),
        (
            compositor,
            {
                "ControlPoints", "Warp", "clean_mask", "complete_mask", "composite",
                "composite_strips", "continue_background", "control_points",
                "cutout_rgba", "detect_neck_labels", "drop_unrelated_components",
                "enlarge_alpha", "erase", "estimate_foreground_background",
                "fill_notches",
                "fill_outside", "fill_print_holes", "fill_similar_holes", "fit_warp",
                "flatten_base_color", "mask_box", "match_chart_coordinates", "pad_box",
                "refine_alpha", "relight", "sample_raster", "seam_energy",
                "separate_occluders", "shading", "snap_curve", "style_distance",
                "warp_filled", "warp_image", "warp_mask",
            },
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_public_names_are_frozen(room, names):
    assert set(room.__all__) == names
