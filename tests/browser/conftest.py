"""Chromium, a server with fake networks, and a page that may talk to nothing else."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.web_fakes import HeldPipeline, make_api, png
from tests.web_server import serving

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
AXE = Path(__file__).parents[2] / ".venv/axe.min.js"
# No name but the server's address leads anywhere.
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
ME, DARK, TWO = png(), png((9, 9, 9)), png((0, 255, 0))
DESKTOP = {"viewport": {"width": 1280, "height": 860}}
PHONE = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


def missing(what):
    """Say what is missing: where all tests must run that is a failure."""
    line = f"{what} is missing: `make browser` installs what these tests need"
    (pytest.fail if os.environ.get("CI") else pytest.skip)(line)


@pytest.fixture(scope="session")
def chromium():
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        missing("Chromium")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", NO_NETWORK]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe():
    if not AXE.exists():
        missing("axe-core")
    return AXE.read_text()


@pytest.fixture
def networks():
    """What stands for the networks of `serve`."""
    made = HeldPipeline()
    yield made
    made.hold.set()


@pytest.fixture
def serve(tmp_path, networks):
    """Return the URL of a server with the given limits."""
    running = []

    def start(**config):
        api = make_api(tmp_path, networks, **config)
        made = serving(api.app())
        running.append(made)
        return made.__enter__()

    yield start
    networks.hold.set()
    for made in running:
        made.__exit__(None, None, None)


@pytest.fixture
def url(serve):
    return serve()


@pytest.fixture
def visit(chromium):
    """Open a page of its own profile; what it asks for is in `page.asked`."""
    contexts = []

    def open_page(url, ready=True, **options):
        context = chromium.new_context(**{"locale": "en", **DESKTOP, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.asked, page.faults = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on(
            "console",
            lambda line: line.type == "error" and page.faults.append(line.text),
        )
        # From here on choosers are caught: one that opens at once would be missed.
        page.on("filechooser", lambda chooser: None)
        page.goto(url)
        if ready:
            page.wait_for_selector("html[data-ready]")
        return page

    yield open_page
    for context in contexts:
        context.close()


def upload(data=ME, name="me.png", kind="image/png"):
    """Return a picture as a file chooser takes it."""
    return {"name": name, "mimeType": kind, "buffer": data}


def choose_photo(page, data=ME, name="me.png"):
    page.set_input_files("#photo-file", upload(data, name))


def choose_top(page, name):
    page.click(f"#gallery button:has-text('{name}')")


def until(page, script, arg=None, seconds=15):
    """Wait until a script is true; Playwright's own way needs what the page forbids."""
    for _ in range(seconds * 20):
        value = page.evaluate(f"arg => {script}", arg)
        if value:
            return value
        page.wait_for_timeout(50)
    raise AssertionError(f"not true: {script}")


def wait_done(page):
    page.wait_for_selector("#done:not([hidden])")


def color_of(page, selector="#after"):
    """Return the colour in the middle of a picture of the page."""
    return page.evaluate(
        """selector => {
          const image = document.querySelector(selector);
          const canvas = document.createElement("canvas");
          canvas.width = image.naturalWidth;
          canvas.height = image.naturalHeight;
          const brush = canvas.getContext("2d");
          brush.drawImage(image, 0, 0);
          const middle = [image.naturalWidth >> 1, image.naturalHeight >> 1];
          return [...brush.getImageData(...middle, 1, 1).data].slice(0, 3);
        }""",
        selector,
    )
