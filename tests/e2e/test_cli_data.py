"""Data commands as a user runs them, on a drawn folder of photos."""

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


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["data", "pack", "data", "-o", "p.tar"], 2, "ends in .zip"),
        (["data", "pack", "nowhere", "-o", "p.zip"], 2, "nowhere"),
        (["data", "pack", "data", "-o", "p.zip", "--filter", "x=1"], 2, "'x=1'"),
        (["data", "pack", "data", "-o", "p.zip", "--filter", "min-area=.9"], 1, "none"),
        (["data", "pack", "bad.json", "-o", "p.zip"], 1, "COCO's or VIA's"),
        (["train", "segmenter", "data=0", "-o", "o"], 2, "weight above 0"),
        (["train", "segmenter", "data=x", "-o", "o"], 2, "weight above 0"),
        (["train", "segmenter", "nowhere=1", "-o", "o"], 2, "nowhere: no such"),
        (["train", "segmenter", "data", "-o", "o", "--ema", "1"], 2, "--ema"),
    ],
)
def test_mistakes_are_named(cli, args, code, message):
    Path("bad.json").write_text(json.dumps({"a": 1}))
    done = cli(*args)
    assert done.exit_code == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("p.zip").exists()
