"""The docs say what is there."""

import json
import re
import runpy
from pathlib import Path

import click
import pytest

import compositor
import cyclegan
import data_tools
import mrcnn
from mrcnn.config import LANDMARK_NAMES
from tryon.cli import main

ROOT = Path(__file__).parent.parent


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


def test_links_of_the_docs_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not link.startswith("http"):
                assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_python_of_the_readme_runs(tmp_path, monkeypatch):
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "readme.py"
    script.write_text(code)
    runpy.run_path(str(script))
    assert (tmp_path / "result.png").exists()


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
        (mrcnn, {"CLASS_NAMES", "Detections", "MaskRCNNConfig", "TrainConfig"}),
        (cyclegan, {"CycleGANConfig", "ShadingConfig", "UniversalConfig"}),
        (data_tools, {"AnnotatedPhoto", "Garment", "read_folder"}),
        (
            compositor,
            {
                "ControlPoints", "Warp", "clean_mask", "complete_mask", "composite",
                "composite_strips", "control_points", "cutout_rgba", "erase",
                "enlarge_alpha", "estimate_foreground_background", "even_ground",
                "drop_strangers", "fill_alike", "fill_notches", "fill_prints",
                "find_labels", "fit_warp", "mask_box", "match_places",
                "pad_box", "part_from_front", "refine_alpha", "relight", "sample_raster",
                "seam_energy", "shading", "snap_curve", "style_distance", "fill_outside",
                "warp_filled", "warp_image", "warp_mask",
            },
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_public_names_are_frozen(room, names):
    assert set(room.__all__) == names
