"""The report's page: its rows are data, whatever names they hold."""

import json

import pytest

from tryon.batch.html_report import describe_row, write_report


def row(name="me__tee.png", status="done", **values):
    photos = {
        role: {"path": f"{role}.jpg", "sha256": "a" * 64} for role in ("user", "shop")
    }
    scores = {"score": 0.5, "warp_distortion": 0.1, "landmark_distance": 0.2}
    scores |= {"style_distance": 9, "seam_energy": 1}
    output = {"file": name, "bytes": 9, "sha256": "b" * 64}
    facts = {"pattern": None, "scores": scores, "warnings": [], "output": output}
    known = {"pair": name, "status": status, "reason": None, "message": None}
    return known | photos | facts | values


def rows_in(page):
    """Return the rows as a browser reads them."""
    text = page.split("const ROWS = ")[1].split(";\nconst PAGE")[0]
    return json.loads(text)


@pytest.fixture
def page(tmp_path):
    def write(*rows):
        write_report(rows, tmp_path / "report.html")
        return (tmp_path / "report.html").read_text(encoding="utf-8")

    return write


def test_a_row_is_shown_with_its_pictures():
    small = f"thumbs/{'a' * 16}.jpg"
    assert describe_row(row()) == [
        "me__tee.png", "done", None, None, None, [],
        ["user.jpg", small], ["shop.jpg", small],
        ["me__tee.png", f"thumbs/{'b' * 16}.jpg"],
        0.5, 0.1, 0.2, 9, 1,
    ]  # fmt: skip


def test_a_failure_is_shown_without_what_it_lacks():
    failed = row(
        status="refused", reason="too_small", message="it is", output=None, scores=None,
        user={"path": "u.jpg", "sha256": None},
    )  # fmt: skip
    shown = describe_row(failed)
    assert shown[1:4] == ["refused", "too_small", "it is"]
    assert (shown[6], shown[8]) == (["u.jpg", None], None)
    assert shown[9:] == [None] * 5


@pytest.mark.parametrize(
    "name",
    ["</script><script>alert(1)</script>", "<!--", '"\\', "\u2028", "größe", "\udcff"],
)
def test_names_cannot_leave_the_data(page, name):
    text = page(row(f"{name}.png", message=name, user={"path": name, "sha256": None}))
    assert text.count("<script>") == text.count("</script>") == 1
    (shown,) = rows_in(text)
    assert (shown[0], shown[6][0]) == (f"{name}.png", name)


def test_no_rows_and_two_rows(page):
    assert rows_in(page()) == []
    assert [shown[0] for shown in rows_in(page(row("a"), row("b")))] == ["a", "b"]


def test_the_page_asks_nobody_for_anything(page):
    text = page(row())
    assert "default-src 'none'" in text
    assert "http:" not in text
    assert "https:" not in text


def test_narrow_screens_get_cards(page):
    text = page(row())
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert "@media (max-width: 60rem)" in text


def test_ten_thousand_rows_stay_light(page):
    text = page(*(row(f"user{k:05}__shop{k:05}.png") for k in range(10_000)))
    assert len(rows_in(text)) == 10_000
    assert len(text) < 5e6
