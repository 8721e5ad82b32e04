"""The page over the shipped networks: its download, and its pictures for the docs."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import DESKTOP, PHONE, choose_top, until
from tests.web_server import serving
from tryon.files import encode_image
from tryon.web.app import Api
from tryon.web.catalog import open_catalog
from tryon.web.config import ServeConfig
from tryon.web.dresser import Dresser

DOCS = Path(__file__).parents[2] / "docs/web"
USERS = Path(__file__).parents[2] / "tryon/training/users"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def real(pipeline):
    """A server with the shipped networks and samples."""
    config = ServeConfig()
    api = Api(Dresser(pipeline, config), open_catalog(None), config)
    with serving(api.app()) as url:
        yield url


def test_the_download_is_what_tryon_run_writes(visit, real, result, me_path, tee_path):
    page = visit(real)
    page.set_input_files("#photo-file", me_path)
    page.set_input_files("#top-file", tee_path)
    page.wait_for_selector("#done:not([hidden])", timeout=120_000)
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "me__tee.png"
    written = Path(download.value.path()).read_bytes()
    assert written == encode_image(result.image, Path("a.png"), result.icc_profile)


@pytest.fixture
def keep(request):
    """Take a picture of a page, for docs/web where it was asked for."""

    def shoot(page, name):
        page.wait_for_timeout(700)  # fades and scrolling
        data = page.screenshot(full_page="phone" not in name)
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        assert len(np.unique(np.asarray(picture)[::8, ::8])) > 20, "it is not empty"
        if request.config.getoption("--update-screenshots"):
            DOCS.mkdir(exist_ok=True)
            picture.save(DOCS / f"{name}.webp", quality=84, method=6)

    return shoot


def two_people():
    """Return a photo of two, side by side."""
    both = [Image.open(USERS / f"{name}_A.jpg") for name in ("p005", "p009")]
    photo = Image.new("RGB", (1024, 640))
    for number, picture in enumerate(both):
        photo.paste(picture.resize((512, 640)), (512 * number, 0))
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=92)
    return {"name": "us.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}


def bare_wall():
    """Return a picture without a garment."""
    file = io.BytesIO()
    Image.new("RGB", (400, 500), (150, 150, 145)).save(file, "PNG")
    return {"name": "wall.png", "mimeType": "image/png", "buffer": file.getvalue()}


def wait(page):
    page.wait_for_selector("#done:not([hidden])", timeout=120_000)


SPLIT = """value => {
  const split = document.querySelector("#split");
  split.value = value;
  split.dispatchEvent(new Event("input"));
}"""


def walk(page, keep, name, me_path):
    """Go through the states of the page; takes a picture of each."""
    until(page, "document.querySelector('#gallery li:nth-child(3) img').naturalWidth")
    keep(page, f"{name}-empty")
    page.set_input_files("#photo-file", me_path)
    choose_top(page, "Top 8")
    page.wait_for_selector("#busy:not([hidden])")
    keep(page, f"{name}-busy")
    wait(page)
    choose_top(page, "Top 2")
    until(page, "document.querySelectorAll('#visit li').length === 2", seconds=120)
    choose_top(page, "Top 12")
    until(page, "document.querySelectorAll('#visit li').length === 3", seconds=120)
    until(page, "document.querySelector('#after').alt.includes('12')")
    page.wait_for_timeout(500)  # until it is decoded
    page.evaluate(SPLIT, 44)
    page.locator("#stage").scroll_into_view_if_needed()
    keep(page, f"{name}-result")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_state_on_a_desktop(visit, real, keep, me_path, scheme):
    page = visit(real, color_scheme=scheme, **DESKTOP)
    walk(page, keep, f"desktop-{scheme}", me_path)
    page.set_input_files("#photo-file", two_people())
    page.wait_for_selector(".person", timeout=120_000)
    page.click(".person >> nth=0")
    until(page, "document.querySelectorAll('#visit li').length >= 4", seconds=120)
    wait(page)
    keep(page, f"desktop-{scheme}-people")
    page.set_input_files("#photo-file", Path(__file__).parents[2] / "docs/patterns.jpg")
    page.set_input_files("#top-file", bare_wall())
    page.wait_for_selector("#problem:not([hidden])", timeout=120_000)
    keep(page, f"desktop-{scheme}-refusal")
    assert page.faults == []


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_state_on_a_phone(visit, real, keep, me_path, language):
    scheme = "light" if language == "en" else "dark"
    page = visit(real, locale=language, color_scheme=scheme, **PHONE)
    walk(page, keep, f"phone-{language}", me_path)
    page.set_input_files("#top-file", bare_wall())
    page.wait_for_selector("#problem:not([hidden])", timeout=120_000)
    keep(page, f"phone-{language}-refusal")
    assert page.faults == []
