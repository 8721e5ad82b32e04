"""The page in Chromium, over fake networks: every way to each of its states."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import (
    DARK,
    ME,
    PHONE,
    TWO,
    choose_photo,
    choose_top,
    color_of,
    until,
    upload,
    wait_done,
)
from tests.web_fakes import png
from tryon.errors import Refusal

RED, BLUE = [227, 20, 20], [100, 20, 147]  # of the user's colour and a top's, mixed


def text(page, selector):
    return page.text_content(selector).strip()


def test_three_steps_by_mouse(visit, url):
    page = visit(url)
    with page.expect_file_chooser() as chooser:
        page.click("#photo-choose")
    chooser.value.set_files(upload())
    until(page, "document.querySelector('#photo-note').textContent")
    choose_top(page, "red top")
    wait_done(page)
    assert color_of(page) == RED
    assert color_of(page, "#before") == [200, 40, 40]
    assert text(page, "#score-words")
    assert page.get_attribute("#gallery li:nth-child(2) button", "aria-pressed") == "true"
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "me__red_top.png"
    image = np.asarray(Image.open(download.value.path()))
    assert image[0, 0].tolist() == RED
    assert page.faults == []


def test_the_top_may_come_first(visit, url):
    page = visit(url)
    choose_top(page, "red top")
    until(page, "document.querySelector('#live').textContent")
    assert page.is_visible("#empty")
    choose_photo(page)
    wait_done(page)
    assert color_of(page) == RED


def tab_to(page, selector, backwards=False):
    for _ in range(60):
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
        if page.evaluate(
            "selector => document.activeElement.matches(selector)", selector
        ):
            return
    raise AssertionError(f"{selector} cannot be reached")


def test_three_steps_by_keyboard(visit, url):
    page = visit(url)
    tab_to(page, "#photo-choose")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(upload())
    tab_to(page, "#gallery li:nth-child(3) button")
    page.keyboard.press("Space")
    wait_done(page)
    tab_to(page, "#zoom-in")
    page.keyboard.press("Enter")
    scroll = "document.querySelector('#scroll')"
    assert page.evaluate(f"{scroll}.scrollWidth > 1.9 * {scroll}.clientWidth")
    tab_to(page, "#split")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert split(page) == "5%"
    page.keyboard.press("End")
    assert split(page) == "100%"
    tab_to(page, "#download")
    with page.expect_download():
        page.keyboard.press("Enter")
    tab_to(page, "#visit .tile")
    tab_to(page, ".skip", backwards=True)
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "stage"


def split(page):
    return page.evaluate(
        "document.querySelector('#pair').style.getPropertyValue('--split')"
    )


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_three_steps_on_a_phone(visit, url, language):
    page = visit(url, locale=language, **PHONE)
    assert page.get_attribute("html", "lang") == language
    assert page.is_visible("#photo-take")
    assert page.get_attribute("#photo-camera", "capture") == "user"
    assert fits(page)
    choose_photo(page)
    page.tap("#gallery button:has-text('blue top')")
    wait_done(page)
    assert fits(page)
    assert color_of(page) == BLUE
    box = page.locator("#stage").bounding_box()
    assert box["y"] < 740, "the result is in sight"
    choose_photo(page, DARK)
    page.wait_for_selector("#problem:not([hidden])")
    assert fits(page)


def test_the_slider_is_moved_by_hand(visit, url):
    page = visit(url)
    choose_photo(page)
    choose_top(page, "red top")
    wait_done(page)
    assert split(page) == "0%"
    box = page.locator("#pair").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 3, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], middle, steps=4)
    page.mouse.up()
    assert split(page) == "40%"
    assert page.input_value("#split") == "40"
    page.mouse.move(box["x"] + box["width"], middle)
    assert split(page) == "40%"
    page.dblclick("#pair", position={"x": 9, "y": 9})
    assert (
        page.evaluate("document.querySelector('#scroll').scrollWidth")
        > box["width"] * 1.9
    )
    page.click("#zoom-out")
    assert page.is_disabled("#zoom-out")


@pytest.mark.parametrize(
    ("photo", "words", "remedy"),
    [
        (DARK, "We cannot find your top", "Stand facing the camera"),
        (b"no picture", "We cannot open this picture", "JPEG or PNG"),
        (png(size=(20, 20)), "This picture is too small", "original photo"),
    ],
)
def test_a_refusal_says_what_to_do(visit, url, photo, words, remedy):
    page = visit(url)
    choose_top(page, "red top")
    choose_photo(page, photo)
    page.wait_for_selector("#problem:not([hidden])")
    assert text(page, "#problem-title") == words
    assert remedy in text(page, "#problem-text")
    assert words in text(page, "#live")
    with page.expect_file_chooser() as chooser:
        page.click("#problem-mend")
    chooser.value.set_files(upload())
    wait_done(page)


def test_a_refused_top_leads_back_to_the_tops(visit, url):
    page = visit(url)
    choose_photo(page)
    page.set_input_files("#top-file", upload(DARK, "tee.png"))
    page.wait_for_selector("#problem:not([hidden])")
    assert text(page, "#problem-title") == "We cannot find a top in that picture"
    page.click("#problem-mend")
    assert page.evaluate("document.activeElement.id") == "top-own"


def test_what_may_be_overruled_offers_it(visit, url, networks):
    page = visit(url)
    choose_photo(page)
    networks.fault = Refusal("view_mismatch", "me.png: from behind")
    choose_top(page, "red top")
    page.wait_for_selector("#problem:not([hidden])")
    networks.fault = None
    page.click("#problem-force")
    wait_done(page)
    assert "go on although" in text(page, "#warnings")


def test_a_bug_is_told_as_ours(visit, url, networks):
    page = visit(url)
    choose_photo(page)
    networks.fault = ZeroDivisionError()
    choose_top(page, "red top")
    page.wait_for_selector("#problem:not([hidden])")
    assert text(page, "#problem-title") == "Something went wrong"
    networks.fault = None
    page.click("#problem-again")
    wait_done(page)


def test_progress_is_told_and_can_be_cancelled(visit, url, networks):
    page = visit(url)
    choose_photo(page)
    networks.hold.clear()
    choose_top(page, "red top")
    until(
        page,
        "document.querySelector('#busy-text').textContent.startsWith('Finding')",
    )
    assert page.get_attribute("#busy-bar", "aria-valuenow") == "62"
    page.click("#busy-cancel")
    assert page.is_visible("#empty")
    networks.hold.set()
    choose_top(page, "blue top")
    wait_done(page)
    assert page.locator("#visit li").count() == 1


def test_a_stale_answer_never_replaces_a_newer_one(visit, url, networks):
    page = visit(url)
    choose_photo(page)
    networks.hold.clear()
    choose_top(page, "red top")
    networks.began.acquire(timeout=10)
    choose_top(page, "blue top")
    networks.began.acquire(timeout=10)
    networks.hold.set()
    wait_done(page)
    page.wait_for_timeout(500)
    assert color_of(page) == BLUE
    assert page.locator("#visit li").count() == 1


def test_the_visit_is_kept_side_by_side(visit, url):
    page = visit(url)
    choose_photo(page)
    for number, name in enumerate(["red top", "green top", "blue top"]):
        choose_top(page, name)
        until(
            page,
            "document.querySelectorAll('#visit li').length === arg",
            number + 1,
        )
    names = page.locator("#visit .name").all_text_contents()
    assert names == ["blue top", "green top", "red top"]
    page.click("#visit li:nth-child(3) button")
    until(
        page,
        "document.querySelector('#after').alt === 'You in red top'"
        " && document.querySelector('#after').complete",
    )
    assert color_of(page) == RED
    assert page.get_attribute("#visit li:nth-child(3) button", "aria-pressed") == "true"


def test_one_of_several_people_is_tapped(visit, url, networks):
    page = visit(url)
    choose_photo(page, TWO)
    page.wait_for_selector(".person")
    assert page.locator(".person").count() == 2
    assert "Tap the one" in text(page, "#photo-note")
    page.click("[aria-label='Person 2']")
    assert "Person 2" in text(page, "#photo-note")
    choose_top(page, "red top")
    wait_done(page)
    assert networks.chosen == [1]
    page.click("[aria-label='Person 1']")
    until(page, "document.querySelectorAll('#visit li').length === 2")
    assert networks.chosen == [1, 0]


GIVE = """([selector, name, bytes]) => {
  const data = Uint8Array.from(atob(bytes), letter => letter.charCodeAt(0));
  const moved = new DataTransfer();
  moved.items.add(new File([data], name, { type: "image/png" }));
  if (selector) {
    const target = document.querySelector(selector);
    for (const kind of ["dragover", "drop"])
      target.dispatchEvent(new DragEvent(kind,
        { dataTransfer: moved, bubbles: true, cancelable: true }));
  } else {
    document.dispatchEvent(new ClipboardEvent("paste",
      { clipboardData: moved, bubbles: true, cancelable: true }));
  }
}"""


def give(page, data, selector=None, name="x.png"):
    page.evaluate(GIVE, [selector, name, base64.b64encode(data).decode()])


@pytest.mark.parametrize("areas", [("#photo-drop", "#tops-drop"), (None, None)])
def test_pictures_are_dropped_and_pasted(visit, url, areas):
    page = visit(url)
    give(page, ME, areas[0])
    page.wait_for_selector("#photo-shown:not([hidden])")
    give(page, png("blue"), areas[1])
    wait_done(page)
    assert color_of(page) == BLUE
    assert page.get_attribute("#download", "download") == "x__x.png"


def test_a_sample_shows_how(visit, url):
    page = visit(url)
    page.click("#photo-sample")
    choose_top(page, "red top")
    wait_done(page)


def test_tops_are_searched(visit, serve, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.web_fakes.TOPS", [f"top {k}" for k in range(60)])
    page = visit(serve())
    page.wait_for_selector("#tops-search")
    assert page.locator("#gallery li").count() == 49
    page.click("#tops-more")
    until(page, "document.querySelectorAll('#gallery li').length === 61")
    page.fill("#tops-search", "top 59")
    until(page, "document.querySelectorAll('#gallery li').length === 2")


def test_two_tabs_do_not_mix(visit, url, networks):
    networks.hold.clear()
    pages = [visit(url), visit(url)]
    for page, name in zip(pages, ["red top", "blue top"], strict=True):
        choose_photo(page)
        choose_top(page, name)
    for _ in pages:
        networks.began.acquire(timeout=10)
    networks.hold.set()
    for page, color in zip(pages, [RED, BLUE], strict=True):
        wait_done(page)
        assert color_of(page) == color


def test_who_meets_a_full_queue_waits(visit, serve, networks):
    url = serve(max_queue=1)
    pages = [visit(url), visit(url)]
    choose_photo(pages[0])
    until(pages[0], "document.querySelector('#photo-note').textContent[0] === 'W'")
    networks.hold.clear()
    choose_top(pages[0], "red top")
    networks.began.acquire(timeout=10)
    choose_top(pages[1], "red top")
    choose_photo(pages[1])
    until(
        pages[1],
        "document.querySelector('#busy-text').textContent.startsWith('Many people')",
    )
    networks.hold.set()
    wait_done(pages[1])


def test_nothing_goes_out_and_nothing_is_kept(visit, url):
    page = visit(url)
    choose_photo(page)
    choose_top(page, "red top")
    wait_done(page)
    assert page.asked
    for asked in page.asked:
        assert asked.startswith((f"{url}/", "blob:", "data:")), asked
    assert page.faults == []
    assert page.context.cookies() == []
    assert page.evaluate("localStorage.length") == 0
    assert page.evaluate("indexedDB.databases()") == []
    assert set(page.evaluate("Object.keys(sessionStorage)")) == {"language"}


def test_foreign_code_does_not_run(visit, url):
    page = visit(url)
    for script in (
        "document.body.innerHTML = '<img src=x onerror=\"window.ran=1\">'",
        "setTimeout('window.ran = 1')",
        "document.createElement('script').textContent = 'window.ran = 1'",
    ):
        with pytest.raises(Exception, match="requires 'Trusted"):
            page.evaluate(f"() => {{ {script} }}")
    assert page.evaluate("window.ran") is None
    assert page.evaluate("fetch('http://127.0.0.1:9/').then(() => 1, () => 0)") == 0
    assert any("Content Security Policy" in fault for fault in page.faults)


def test_a_server_that_is_gone_is_told(visit, serve, tmp_path):
    page = visit(serve())
    choose_photo(page)
    page.context.set_offline(True)
    choose_top(page, "red top")
    page.wait_for_selector("#problem:not([hidden])")
    assert text(page, "#problem-title") == "We cannot reach the server"
    page.context.set_offline(False)
    page.click("#problem-again")
    wait_done(page)


def test_a_token_is_asked_for(visit, serve):
    url = serve(token="s3cret")
    page = visit(url, ready=False)
    page.wait_for_selector("#token[open]")
    page.fill("#token-value", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("#token[open]")
    page.fill("#token-value", "s3cret")
    page.keyboard.press("Enter")
    page.wait_for_selector("html[data-ready]")
    choose_photo(page)
    choose_top(page, "red top")
    wait_done(page)


def test_a_token_of_the_address_is_taken_and_hidden(visit, serve):
    url = serve(token="s3cret")
    page = visit(f"{url}/#token=s3cret")
    assert page.url == f"{url}/"
    until(page, "document.querySelector('#gallery li:nth-child(2) img').naturalWidth")
    page.reload()
    page.wait_for_selector("html[data-ready]")


def test_words_change_with_the_language(visit, url):
    page = visit(url)
    choose_photo(page)
    choose_top(page, "red top")
    wait_done(page)
    page.select_option("#language", "ko")
    until(page, "document.documentElement.lang === 'ko'")
    assert text(page, "#download") == "내려받기"
    assert "점" in text(page, "#score-number")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.get_attribute("html", "lang") == "ko"


def test_sharing_hands_over_the_file(visit, url):
    page = visit(url)
    page.evaluate(
        """() => {
          navigator.canShare = () => true;
          navigator.share = async given => { window.shared = given.files[0].name; };
        }"""
    )
    choose_photo(page)
    choose_top(page, "red top")
    wait_done(page)
    page.click("#share")
    assert page.evaluate("window.shared") == "me__red_top.png"


def test_nothing_moves_for_who_wants_it_so(visit, url, networks):
    page = visit(url, reduced_motion="reduce")
    choose_photo(page)
    networks.hold.clear()
    choose_top(page, "red top")
    page.wait_for_selector("#busy:not([hidden])")
    assert not page.is_visible(".sheen")
    assert page.evaluate("document.getAnimations().length") == 0


def violations(page, axe):
    page.wait_for_timeout(300)  # transitions of colours
    page.evaluate(axe + "; 0")
    found = page.evaluate("axe.run().then(result => result.violations)")
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_axe_has_nothing_to_say(visit, url, axe, networks, scheme, size):
    options = PHONE if size == "phone" else {}
    page = visit(url, color_scheme=scheme, bypass_csp=True, **options)
    assert violations(page, axe) == []
    choose_photo(page, TWO)
    page.wait_for_selector(".person")
    assert violations(page, axe) == []
    networks.hold.clear()
    choose_top(page, "red top")
    page.wait_for_selector("#busy:not([hidden])")
    assert violations(page, axe) == []
    networks.hold.set()
    wait_done(page)
    assert violations(page, axe) == []
    choose_photo(page, DARK)
    page.wait_for_selector("#problem:not([hidden])")
    assert violations(page, axe) == []


def test_a_photo_that_the_browser_cannot_show_is_dressed_all_the_same(visit, url):
    """As HEIC from an iPhone; here a TIFF."""
    file = io.BytesIO()
    Image.open(io.BytesIO(ME)).save(file, "TIFF")
    page = visit(url)
    page.set_input_files("#photo-file", upload(file.getvalue(), "me.tif", "image/tiff"))
    choose_top(page, "red top")
    wait_done(page)
    assert color_of(page) == RED
    assert not page.is_visible("#before")
