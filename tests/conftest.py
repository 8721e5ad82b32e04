"""Fixtures for all tests: golden pictures, drawn people, the shipped pipeline."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
GOLDEN = Path(__file__).parent / "golden"
LARGEST, MEAN = 24, 0.6  # grey levels that a golden picture may be off


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the golden pictures"
    )


@pytest.fixture
def golden(request):
    """Compare a picture with the one stored under `tests/golden`."""

    def check(name: str, image: np.ndarray) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            Image.fromarray(image).save(path)
            return
        expected = np.asarray(Image.open(path))
        assert image.shape == expected.shape
        difference = np.abs(image.astype(int) - expected.astype(int))
        if difference.max() > LARGEST or difference.mean() > MEAN:
            failures = GOLDEN / "failures"
            failures.mkdir(exist_ok=True)
            beside = np.hstack([image, expected, difference.astype(np.uint8)])
            Image.fromarray(beside).save(failures / name)
            pytest.fail(
                f"{name}: largest difference {difference.max()}, mean "
                f"{difference.mean():.3f}; see {failures / name}"
            )

    return check


@pytest.fixture(scope="session", autouse=True)
def user_cache(tmp_path_factory):
    """Keep converted networks in a folder of the session, not in the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRYON_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("TRYON_RUNTIME", raising=False)
        yield


@pytest.fixture(scope="session")
def me_path() -> Path:
    return EXAMPLES / "me.jpg"


@pytest.fixture(scope="session")
def tee_path() -> Path:
    return EXAMPLES / "tee.jpg"


@pytest.fixture(scope="session")
def pipeline():
    """The shipped models, loaded once."""
    from tryon.pipeline import TryOnPipeline

    return TryOnPipeline.from_pretrained()


@pytest.fixture(scope="session")
def result(pipeline, me_path, tee_path):
    """The shipped models on the example pair."""
    from tryon.images import read_photo

    return pipeline(read_photo(me_path), read_photo(tee_path))
