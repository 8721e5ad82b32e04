"""VIA's own page opens our project files, in headless Chromium.

The page is VIA 3's, which `pip install --no-deps annomate-mcp` brings and which imports
projects of VIA 2; or `TRYON_VIA_PAGE` names another: VIA 2's own via.html opens a project
and holds what it will save.
"""

import html
import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from data_tools.annotations import Dataset, ImageRecord, Instance, Polygon
from data_tools.formats.via_files import write_via

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Of VIA 3: the number that a shape begins with, and where VIA 2 has its numbers.
SHAPES = {
    "point": (1, ("cx", "cy")),
    "rect": (2, ("x", "y", "width", "height")),
    "circle": (3, ("cx", "cy", "r")),
    "ellipse": (4, ("cx", "cy", "rx", "ry")),
    "polyline": (6, None),
    "polygon": (7, None),
}
OPEN_IN_3 = "via.d.project_import_via2_json(text).then(() => tell(via.d.store), tell)"
OPEN_IN_2 = """project_open_parse_json_file(text);
tell({_via_settings, _via_img_metadata, _via_attributes, _via_image_id_list});"""


def find_page():
    if named := os.environ.get("TRYON_VIA_PAGE"):
        return Path(named)
    found = importlib.util.find_spec("annomate")
    return Path(found.origin).with_name("via_image_annotator.html") if found else None


@pytest.fixture
def open_in_via(tmp_path):
    """Open a project file in VIA's page; gives the page's own data."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    if find_page() is None:
        pytest.skip(
            "no page of VIA: pip install --no-deps annomate-mcp, or set TRYON_VIA_PAGE"
        )

    def call(project):
        text = find_page().read_text(encoding="utf-8")
        code = OPEN_IN_2 if "function project_open_parse_json_file" in text else OPEN_IN_3
        literal = json.dumps(project.read_text(encoding="utf-8")).replace("</", "<\\/")
        script = f"""<script>
        function tell(value) {{
          const told = document.createElement("pre");
          told.id = "told";
          told.textContent = value instanceof Error ? "" + value : JSON.stringify(value);
          document.body.append(told);
        }}
        window.addEventListener("load", () => {{ const text = {literal}; {code} }});
        </script>"""
        page = tmp_path / "page.html"
        page.write_text(script.join(text.rsplit("</body>", 1)), encoding="utf-8")
        args = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        args += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=4000"]
        done = subprocess.run(
            [browser, *args, page.as_uri()], capture_output=True, text=True, timeout=300
        )
        told = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.S)
        assert told, done.stderr[-2000:]
        return json.loads(html.unescape(told[1]))

    return call


@pytest.fixture
def project(tmp_path):
    """A project with every shape, holes, and words of two alphabets."""
    square = (10.0, 10.0, 90.0, 10.5, 90.0, 90.0, 10.0, 90.0)
    hole = (40.0, 40.0, 60.0, 40.0, 60.0, 60.0, 40.0, 60.0)
    xs, ys = [1, 5.5, 9], [2, 6, 2]
    shapes = [
        {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4.5},
        {"name": "circle", "cx": 20, "cy": 30, "r": 7.5},
        {"name": "ellipse", "cx": 20, "cy": 30, "rx": 9, "ry": 5, "theta": 0.5},
        {"name": "polyline", "all_points_x": xs, "all_points_y": ys},
        {"name": "point", "cx": 8, "cy": 9},
    ]
    top = Instance(
        "short sleeve top",
        (Polygon(square, (hole,)),),
        box=(10.0, 10.0, 90.0, 90.0),
        landmarks=(20.0, 20.0, 2) * 25,
        attributes={"scale": 2, "색상": "블랙 </script>", "note": None, "list": [1]},
    )
    others = tuple(Instance("vest", shape=shape) for shape in shapes)
    records = [
        ImageRecord("티셔츠/a b.jpg", (100, 120), (top, *others), {"source": "user"}),
        ImageRecord("empty.jpg", None),
    ]
    dataset = Dataset(lambda: iter(records))
    with write_via(tmp_path / "project.json", dataset) as put:
        for record in records:
            put(record)
    return tmp_path / "project.json"


def test_via_opens_our_project(open_in_via, project):
    ours, theirs = json.loads(project.read_text(encoding="utf-8")), open_in_via(project)
    if "_via_img_metadata" in theirs:  # VIA 2 holds what it will save
        assert theirs == {name: ours[name] for name in theirs}
        return
    rows = list(ours["_via_img_metadata"].values())
    assert [one["fname"] for one in theirs["file"].values()] == [
        row["filename"] for row in rows
    ]
    attributes = {key: one["aname"] for key, one in theirs["attribute"].items()}
    assert {"category", "scale", "색상", "source"} <= set(attributes.values())
    regions = [region for row in rows for region in row["regions"]]
    drawn = [one for one in theirs["metadata"].values() if one["xy"]]
    assert len(drawn) == len(regions) == 6
    for region, one in zip(regions, drawn, strict=True):
        assert one["xy"] == as_via_3(region["shape_attributes"])
        said = {attributes.get(key): value for key, value in one["av"].items()}
        assert said["category"] == region["region_attributes"]["category"]
    said = {attributes.get(key): value for key, value in drawn[0]["av"].items()}
    assert (said["scale"], said["색상"]) == (2, "블랙 </script>")


def as_via_3(shape):
    number, names = SHAPES[shape["name"]]
    if names:
        return [number, *(shape[name] for name in names)]
    pairs = zip(shape["all_points_x"], shape["all_points_y"], strict=True)
    return [number, *(value for pair in pairs for value in pair)]
