"""Korean annotations on a system that knows no UTF-8, as Windows with a code page."""

import json
import os
import subprocess
import sys

import pytest
from PIL import Image

# Whatever opens a file without saying that it is UTF-8 is an error.
STRICT = ["-X", "warn_default_encoding", "-W", "error::EncodingWarning"]
PAGES = ["cp1252", "cp949"]


@pytest.fixture
def folder(tmp_path):
    ring = {"X좌표1": 1, "Y좌표1": 1, "X좌표2": 19, "Y좌표2": 1, "X좌표3": 9, "Y좌표3": 9}
    labels = {"카테고리": "셔츠", "색상": "와인", "소매기장": "캡"}
    parts = {"렉트좌표": {}, "폴리곤좌표": {"상의": [ring]}, "라벨링": {"상의": [labels]}}
    values = {"이미지 정보": {}, "데이터셋 정보": {"데이터셋 상세설명": parts}}
    source = tmp_path / "annotations"
    source.mkdir()
    for name, one in {"a": values, "bad": {"이미지 정보": {}}}.items():
        text = json.dumps(one, ensure_ascii=False)
        (source / f"{name}.json").write_text(text, encoding="utf-8")
    Image.new("RGB", (20, 12)).save(source / "a.jpg")
    return tmp_path


def run(folder, page, *args):
    own = {"PYTHONIOENCODING": page, "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, *STRICT, "-m", "tryon", "data", *args],
        cwd=folder, env=os.environ | own, capture_output=True,
    )  # fmt: skip
    return done.returncode, done.stdout.decode(page), done.stderr.decode(page)


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.*")}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("target", ["deepfashion2", "yolo"])
def test_files_are_utf_8(folder, page, target):
    for name in (page, "utf-8"):
        args = ["convert", "annotations", f"to_{name}", "--from", "kfashion"]
        code, out, err = run(folder, name, *args, "--to", target, "--check")
        assert (code, out.strip()) == (3, f"to_{name}"), err
        assert "Left out: annotations/bad.json: expected" in err.replace("\\", "/")
        assert "no differences" in err
    found = files(folder / f"to_{page}")
    assert found == files(folder / "to_utf-8")
    assert any("셔츠".encode() in data for data in found.values())


@pytest.mark.parametrize("page", PAGES)
def test_what_a_code_page_lacks_is_escaped(folder, page):
    code, out, err = run(folder, page, "inspect", "annotations", "--from", "kfashion")
    assert code == 0, err
    shown = "상의" if page == "cp949" else "\\uc0c1\\uc758"
    assert f"1  {shown}\n" in out.replace("\r", "")


@pytest.mark.parametrize("page", PAGES)
def test_korean_labels_lead_to_folders(folder, page):
    code, out, err = run(folder, page, "kfashion", "annotations", "-o", "cut")
    assert code == 3, err
    assert "1  tops/shirt/wine" in err
    assert (folder / "cut/tops/shirt/wine/a_1.jpg").exists()
