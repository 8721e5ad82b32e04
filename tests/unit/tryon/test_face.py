"""`import tryon`: what it offers, and that it costs nothing."""

import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tryon
from tryon.errors import Refusal, TryOnError
from tryon.images import MIN_SIDE, read_photo
from tryon.types import Photo, TryOnResult

ROOT = Path(__file__).parents[3]


def test_public_names_are_frozen():
    assert tryon.__all__ == [
        "Options",
        "Photo",
        "Refusal",
        "TryOnError",
        "TryOnPipeline",
        "TryOnResult",
        "__version__",
        "read_photo",
    ]
    assert set(tryon.__all__) <= set(dir(tryon))
    assert all(getattr(tryon, name) for name in tryon.__all__)
    assert tryon.read_photo is read_photo


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'TryOff'"):
        tryon.TryOff  # noqa: B018


def test_import_loads_nothing_heavy():
    code = "import sys, tryon; print({'numpy', 'PIL', 'keras'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (120, 140, 3), np.uint8)


def test_photos_come_from_anywhere(tmp_path, image):
    path = tmp_path / "me.png"
    Image.fromarray(image).save(path)
    opened = Image.open(path)
    with path.open("rb") as file:
        sources = [path, str(path), image, opened, file, io.BytesIO(path.read_bytes())]
        photos = [read_photo(source) for source in sources]
    for photo in photos:
        np.testing.assert_array_equal(photo.image, image)
    assert [photo.name for photo in photos] == [
        "me.png", "me.png", "photo", "photo", "me.png", "photo",
    ]  # fmt: skip
    assert read_photo(photos[0]) is photos[0]


@pytest.mark.parametrize("channels", [0, 4], ids=["grey", "transparent"])
def test_arrays_become_rgb(image, channels):
    plane = image[..., 0]
    if channels:
        array = np.dstack([image, np.where(plane > 127, 255, 0).astype(np.uint8)])
        expected = np.where(plane[..., None] > 127, image, 255)
    else:
        array, expected = plane, np.repeat(plane[..., None], 3, axis=-1)
    np.testing.assert_array_equal(read_photo(array).image, expected)


def test_a_turned_pil_image_comes_upright(tmp_path, image):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right
    Image.fromarray(image).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(read_photo(picture).image, np.rot90(image, -1))


@pytest.mark.parametrize(
    "source",
    [np.zeros((120, 120, 3)), np.zeros((120, 120, 2), np.uint8), 7, None, b"bytes"],
    ids=["float", "two channels", "number", "none", "bytes"],
)
def test_what_is_no_photo_is_a_type_error(source):
    with pytest.raises(TypeError, match="expected"):
        read_photo(source)


def test_memory_is_refused_as_files_are(image):
    small = np.ascontiguousarray(image[: MIN_SIDE - 1])
    for source in (small, Image.fromarray(small), np.zeros((0, 0, 3), np.uint8)):
        with pytest.raises(Refusal) as error:
            read_photo(source)
        assert error.value.reason == "too_small"
    for broken in (io.BytesIO(b"no picture"), io.BytesIO()):
        with pytest.raises(Refusal, match="photo: it is no picture") as error:
            read_photo(broken)
        assert error.value.reason == "unreadable_image"


def test_a_result_is_saved_whole(tmp_path, image):
    result = TryOnResult(image, {})
    result.save(tmp_path / "out.png")
    result.save(str(tmp_path / "out.webp"))
    for name in ("out.png", "out.webp"):
        np.testing.assert_array_equal(read_photo(tmp_path / name).image, image)
    with pytest.raises(TryOnError, match="expected an output name"):
        result.save(tmp_path / "out.bmp")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.png", "out.webp"]


def test_threads_share_a_pipeline(pipeline, me_path, tee_path, result):
    """Each gets what it would have got alone."""
    photo = Photo(read_photo(me_path).image)
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(pipeline, [me_path, str(me_path), photo], [tee_path] * 3))
    for each in results:
        np.testing.assert_array_equal(each.image, result.image)
