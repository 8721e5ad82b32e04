"""The page of a batch in headless Chromium: ten thousand rows, sorted and searched."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from tryon.batch.html_report import write_report
from tryon.files import write_image

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ROWS = 10_000
# What a user does, and what stands there afterwards.
CLICKS = """
{
const names = () => [...find("body").children].map(row => row.children[2].textContent);
const button = name => [...find("head").querySelectorAll("button")]
  .find(one => one.textContent === name);
const told = { first: names(), place: find("place").textContent };
button("score").click();
told.rising = names();
button("score").click();
told.falling = names();
told.aria = button("score").parentElement.getAttribute("aria-sort");
find("next").click();
told.next = names();
find("status").value = "refused";
find("status").dispatchEvent(new Event("change"));
told.refused = find("place").textContent;
told.reason = find("body").children[0].children[5].textContent;
find("status").value = "";
find("search").value = "USER00042_";
find("search").dispatchEvent(new Event("input"));
told.searched = names();
told.images = [...document.images].map(image => image.src.split("/").pop());
addEventListener("load", () => {
  told.drawn = [...document.images].map(image => image.naturalWidth);
  const place = document.body.appendChild(document.createElement("pre"));
  place.id = "told";
  place.textContent = JSON.stringify(told);
});
}
"""


def row(number):
    name = f"user{number:05}__shop{number % 7}.png"
    digest = f"{number % 3:016x}{'0' * 48}"
    facts = {"pair": name, "pattern": None, "warnings": [], "message": None}
    facts |= {"user": {"path": f"user{number:05}_.jpg", "sha256": digest}}
    facts |= {"shop": {"path": f"shop{number % 7}.jpg", "sha256": digest}}
    if number % 100 == 0:
        return facts | {"status": "refused", "reason": "too_small", "output": None}
    scores = {"score": number * 7919 % ROWS / ROWS, "warp_distortion": 0.1}
    scores |= {"landmark_distance": 0.2, "style_distance": 9.0, "seam_energy": 1.0}
    output = {"file": name, "bytes": 9, "sha256": digest}
    return facts | {"status": "done", "reason": None, "scores": scores, "output": output}


# What a narrow window shows.
PHONE = """
addEventListener("load", () => {
  const card = find("body").children[0];
  const told = {
    window: innerWidth, page: document.documentElement.scrollWidth,
    card: getComputedStyle(card).display,
    names: [...card.children].map(cell => cell.dataset.name),
    label: getComputedStyle(card.children[4], "::before").content,
  };
  const place = document.body.appendChild(document.createElement("pre"));
  place.id = "told";
  place.textContent = JSON.stringify(told);
});
"""


@pytest.fixture
def look(tmp_path):
    """Return what the page says after a script."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    for number in range(3):
        small = np.full((30, 20 + number, 3), 90, np.uint8)
        write_image(small, tmp_path / f"thumbs/{number:016x}.jpg")
    page = tmp_path / "report.html"
    write_report(map(row, range(ROWS)), page)
    text = page.read_text(encoding="utf-8")

    def run(script, *args):
        page.write_text(f"{script}</script>".join(text.rsplit("</script>", 1)))
        args = [*args, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        args += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=4000"]
        done = subprocess.run(
            [browser, *args, page.as_uri()], capture_output=True, text=True, timeout=300
        )
        found = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.S)
        assert found, done.stderr[-2000:]
        return json.loads(html.unescape(found[1]))

    return run


def test_a_phone_gets_cards_that_fit(look):
    told = look(PHONE, "--window-size=390,844")
    assert told["page"] <= told["window"] < 900
    assert told["card"] == "grid"
    assert told["names"][:6] == ["user", "shop", "result", "pattern", "status", "reason"]
    assert told["label"] == '"status"'


def test_ten_thousand_rows_are_sorted_filtered_and_searched(look):
    told = look(CLICKS)
    rows = [row(number) for number in range(ROWS)]
    names = [one["pair"] for one in rows]
    done = [one for one in rows if one["status"] == "done"]
    ranked = [one["pair"] for one in sorted(done, key=lambda one: one["scores"]["score"])]
    assert told["first"] == names[:100]
    assert told["place"] == "1 to 100 of 10000"
    assert told["rising"] == ranked[:100]
    assert told["falling"] == ranked[:-101:-1]
    assert told["aria"] == "descending"
    assert told["next"] == ranked[:-201:-1][100:]
    assert told["refused"] == "1 to 100 of 100"
    assert told["reason"].startswith("too_small")
    assert told["searched"] == [names[42]]
    assert told["images"] == ["0" * 16 + ".jpg"] * 3
    assert told["drawn"] == [20] * 3, "small pictures of the folder are shown"
