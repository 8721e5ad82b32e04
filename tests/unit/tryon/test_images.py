"""Hostile pictures in: each is read right or refused in one line that names it."""

import io
import os
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from tryon.errors import Refusal, TryOnError
from tryon.files import write_image, write_text
from tryon.images import MIN_SIDE, read_photo, shrink

HEIGHT, WIDTH = 100, 140


def gradient():
    """Every pixel differs from its neighbours, no symmetry."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([x, y * 2, 255 - x], -1).astype(np.uint8)


def encoded(picture, **options):
    buffer = io.BytesIO()
    picture.save(buffer, **options)
    return buffer.getvalue()


def bomb():
    """A PNG of a few bytes that claims 30000 x 30000 pixels."""

    def chunk(kind, data):
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunks + chunk(b"IEND", b"")


JPEG = encoded(Image.fromarray(gradient()), format="JPEG")
PNG = encoded(Image.fromarray(gradient()), format="PNG")
SMALL = encoded(Image.fromarray(gradient()[: MIN_SIDE - 1]), format="PNG")

REFUSED = {
    "empty": (b"", "unreadable_image", "is no picture"),
    "text": (b"hello, I am no picture\n" * 20, "unreadable_image", "is no picture"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "unreadable_image", "is no picture"),
    "truncated-jpeg": (JPEG[: len(JPEG) // 2], "unreadable_image", "damaged"),
    "truncated-png": (PNG[: len(PNG) // 2], "unreadable_image", "damaged"),
    "jpeg-header": (JPEG[:30], "unreadable_image", ""),
    "broken-png": (PNG[:60] + b"XXXX" + PNG[64:], "unreadable_image", "damaged"),
    "bomb": (bomb(), "unreadable_image", "megapixels"),
    "too-small": (SMALL, "too_small", f"{WIDTH}x{MIN_SIDE - 1}"),
}


@pytest.mark.parametrize(
    "name",
    [
        "https://example.com/me.jpg",
        "HTTP://a/b",
        "s3://a/b.png",
        "data:image/png;base64,iVBO",
    ],
)
def test_web_addresses_are_refused_in_words(name):
    with pytest.raises(Refusal, match="web address; save the picture") as caught:
        read_photo(name)
    assert caught.value.reason == "unreadable_image"
    assert name.split("/")[-1] in str(caught.value)


def test_avif_is_read_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    picture = Image.fromarray(gradient())
    (tmp_path / "a.avif").write_bytes(
        encoded(picture, format="AVIF", exif=exif, quality=95)
    )
    photo = read_photo(tmp_path / "a.avif")
    assert photo.size == (WIDTH, HEIGHT)
    turned = np.rot90(gradient(), -1)
    assert np.abs(photo.image.astype(int) - turned).mean() < 4


def test_heic_without_its_decoder_is_named_and_never_no_picture(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    head = bytes([0, 0, 0, 24]) + b"ftypheic" + bytes(4) + b"mif1heic"
    (tmp_path / "IMG_1.HEIC").write_bytes(head + bytes(200))
    with pytest.raises(Refusal, match="IMG_1.HEIC: it is a HEIC photo; pip") as caught:
        read_photo(tmp_path / "IMG_1.HEIC")
    assert caught.value.reason == "unreadable_image"


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_file_is_refused_by_name(tmp_path, case):
    content, reason, words = REFUSED[case]
    path = tmp_path / "holiday.jpg"
    path.write_bytes(content)
    with pytest.raises(Refusal) as caught:
        read_photo(path)
    assert caught.value.reason == reason
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(Refusal, match="no such file") as caught:
        read_photo(tmp_path / "gone.jpg")
    assert caught.value.reason == "unreadable_image"


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(Refusal, match="cannot be opened") as caught:
        read_photo(tmp_path)
    assert caught.value.reason == "unreadable_image"
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize("content", [b"no picture", SMALL, None])
def test_a_name_with_a_newline_stays_on_one_line(tmp_path, content):
    path = tmp_path / "two\nlines.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refusal) as caught:
        read_photo(path)
    assert "\n" not in str(caught.value)
    assert r"two\nlines.jpg" in str(caught.value)


def test_a_good_file_with_a_newline_in_its_name_is_read(tmp_path):
    path = tmp_path / "two\nlines.png"
    path.write_bytes(PNG)
    np.testing.assert_array_equal(read_photo(path).image, gradient())


@pytest.mark.parametrize("suffix", [".jpg", ".dat", ""])
def test_the_content_counts_not_the_name(tmp_path, suffix):
    path = tmp_path / f"photo{suffix}"
    path.write_bytes(PNG)
    np.testing.assert_array_equal(read_photo(path).image, gradient())


def read(tmp_path, picture, format, **options):
    path = tmp_path / "photo"
    path.write_bytes(encoded(picture, format=format, **options))
    photo = read_photo(path)
    assert photo.image.dtype == np.uint8
    assert photo.image.shape == (HEIGHT, WIDTH, 3)
    return photo


def over_white(rgb, alpha):
    share = alpha[..., None] / 255.0
    return rgb * share + 255.0 * (1 - share)


def half_transparent():
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:, : WIDTH // 2] = 0
    alpha[: HEIGHT // 2] //= 2
    return alpha


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_laid_over_white(tmp_path, format):
    alpha = half_transparent()
    picture = Image.fromarray(np.dstack([gradient(), alpha]))
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    image = read(tmp_path, picture, format, **options).image
    np.testing.assert_allclose(image, over_white(gradient(), alpha), atol=1)


def test_grey_with_transparency(tmp_path):
    alpha = half_transparent()
    grey = gradient()[..., 0]
    picture = Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)])
    image = read(tmp_path, picture, "PNG").image
    expected = over_white(np.dstack([grey] * 3), alpha)
    np.testing.assert_allclose(image, expected, atol=1)


def test_palette(tmp_path):
    picture = Image.fromarray(gradient()).quantize(32)
    expected = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(read(tmp_path, picture, "PNG").image, expected)


def test_palette_with_a_transparent_colour(tmp_path):
    index = np.zeros((HEIGHT, WIDTH), np.uint8)
    index[:, 70:] = 1
    picture = Image.fromarray(index)
    picture.putpalette([200, 10, 10, 10, 200, 10])
    image = read(tmp_path, picture, "PNG", transparency=0).image
    assert (image[:, :70] == 255).all()
    assert (image[:, 70:] == (10, 200, 10)).all()


def test_rgb_with_a_transparent_colour(tmp_path):
    pixels = gradient()
    pixels[:20] = (1, 2, 3)
    image = read(tmp_path, Image.fromarray(pixels), "PNG", transparency=(1, 2, 3)).image
    assert (image[:20] == 255).all()
    np.testing.assert_array_equal(image[20:], pixels[20:])


@pytest.mark.parametrize("profile", [None, b"broken"], ids=["plain", "broken-profile"])
def test_cmyk_without_a_usable_profile(tmp_path, profile):
    picture = Image.fromarray(gradient()).convert("CMYK")
    options = {"icc_profile": profile} if profile else {}
    photo = read(tmp_path, picture, "JPEG", quality=95, **options)
    assert np.abs(photo.image.astype(int) - gradient()).mean() < 8
    assert photo.icc_profile is None


def test_cmyk_goes_through_its_profile(tmp_path, monkeypatch):
    seen = []

    def convert(picture, source, target, outputMode):
        seen.append((picture.mode, outputMode))
        return Image.new(outputMode, picture.size, (1, 2, 3))

    monkeypatch.setattr(ImageCms, "profileToProfile", convert)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Image.fromarray(gradient()).convert("CMYK")
    photo = read(tmp_path, picture, "JPEG", icc_profile=profile)
    assert seen == [("CMYK", "RGB")]
    assert (photo.image == (1, 2, 3)).all()


def test_cmyk_with_a_profile_of_another_mode_is_still_read(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Image.fromarray(gradient()).convert("CMYK")
    photo = read(tmp_path, picture, "JPEG", quality=95, icc_profile=profile)
    assert np.abs(photo.image.astype(int) - gradient()).mean() < 8


def test_the_profile_of_rgb_is_kept(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = read(tmp_path, Image.fromarray(gradient()), "PNG", icc_profile=profile)
    assert photo.icc_profile == profile
    np.testing.assert_array_equal(photo.image, gradient())


def grey_ramp():
    return np.tile(np.linspace(0, 255, WIDTH), (HEIGHT, 1))


@pytest.mark.parametrize(
    ("values", "format"),
    [
        ((grey_ramp() * 257).astype(np.uint16), "PNG"),
        ((grey_ramp() * 257).astype(np.uint16), "TIFF"),
        ((grey_ramp() / 255).astype(np.float32), "TIFF"),
        (grey_ramp().astype(np.float32), "TIFF"),
        (grey_ramp().astype(np.uint8), "PNG"),
    ],
    ids=["16-bit-png", "16-bit-tiff", "float-unit", "float-255", "grey"],
)
def test_grey_of_any_depth(tmp_path, values, format):
    image = read(tmp_path, Image.fromarray(values), format).image
    expected = np.dstack([grey_ramp()] * 3)
    np.testing.assert_allclose(image, expected, atol=1)


def test_floats_that_are_no_numbers_are_read(tmp_path):
    values = (grey_ramp() / 255).astype(np.float32)
    values[0, 0] = np.nan
    image = read(tmp_path, Image.fromarray(values), "TIFF").image
    assert image[0, 0].tolist() == [0, 0, 0]


def test_one_bit(tmp_path):
    on = gradient()[..., 0] > 70
    image = read(tmp_path, Image.fromarray(on), "PNG").image
    np.testing.assert_array_equal(image, np.dstack([on * np.uint8(255)] * 3))


# What a camera stores for each orientation, so that upright it is `gradient()`.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation_is_applied(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](gradient())))
    image = read(tmp_path, stored, "PNG", exif=exif).image
    np.testing.assert_array_equal(image, gradient())


def test_of_an_animation_the_first_frame_is_read(tmp_path):
    frames = [
        Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("red", "lime", "blue")
    ]
    options = {"save_all": True, "append_images": frames[1:]}
    image = read(tmp_path, frames[0], "GIF", **options).image
    assert (image == (255, 0, 0)).all()


def test_lossy_webp(tmp_path):
    image = read(tmp_path, Image.fromarray(gradient()), "WEBP", quality=95).image
    assert np.abs(image.astype(int) - gradient()).mean() < 5


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".webp"])
@pytest.mark.parametrize("channels", [3, 4])
def test_what_is_written_losslessly_comes_back(tmp_path, suffix, channels):
    image = np.dstack([gradient(), half_transparent()])[..., :channels]
    path = tmp_path / "new" / "folder" / f"out{suffix}"
    write_image(image, path)
    with Image.open(path) as picture:
        np.testing.assert_array_equal(np.asarray(picture), image)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_jpeg_keeps_the_profile(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    write_image(gradient(), tmp_path / "out.jpg", profile)
    photo = read_photo(tmp_path / "out.jpg")
    assert photo.icc_profile == profile
    assert np.abs(photo.image.astype(int) - gradient()).mean() < 5


def test_what_is_written_may_be_read_by_others(tmp_path):
    before = os.umask(0o022)
    try:
        write_image(gradient(), tmp_path / "out.png")
    finally:
        os.umask(before)
    assert (tmp_path / "out.png").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", ["out.tiff", "out", "out.png.exe"])
def test_an_unknown_ending_is_refused(tmp_path, name):
    with pytest.raises(TryOnError, match=r"\.png, \.jpg or \.webp"):
        write_image(gradient(), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_a_failing_write_leaves_nothing_behind(tmp_path, monkeypatch, error):
    path = tmp_path / "out.png"
    path.write_bytes(b"before")

    def fail(self, file, **options):
        file.write(b"half of it")
        raise error

    monkeypatch.setattr(Image.Image, "save", fail)
    expected = TryOnError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        write_image(gradient(), path)
    if expected is TryOnError:
        assert str(path) in str(caught.value)
        assert "No space left" in str(caught.value)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_format_that_cannot_hold_the_picture(tmp_path):
    with pytest.raises(TryOnError, match="cannot be written"):
        write_image(np.dstack([gradient(), half_transparent()]), tmp_path / "out.jpg")
    with pytest.raises(TryOnError, match="16383"):
        write_image(np.zeros((16400, 1, 3), np.uint8), tmp_path / "out.webp")
    assert not list(tmp_path.iterdir())


def test_a_folder_in_the_way(tmp_path):
    (tmp_path / "out.png").mkdir()
    with pytest.raises(TryOnError, match="cannot be written"):
        write_image(gradient(), tmp_path / "out.png")
    assert [p.name for p in tmp_path.iterdir()] == ["out.png"]


def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o555)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("root may write everywhere")
    try:
        with pytest.raises(TryOnError, match="cannot be written"):
            write_image(gradient(), tmp_path / "out.png")
    finally:
        tmp_path.chmod(0o755)


def test_text_is_written_as_utf8(tmp_path):
    write_text("größer\n", tmp_path / "report.json")
    assert (tmp_path / "report.json").read_bytes() == "größer\n".encode()


@pytest.mark.parametrize(
    ("shape", "longest", "expected"),
    [
        ((100, 50), 100, (100, 50)),
        ((100, 50), 50, (50, 25)),
        ((50, 100), 50, (25, 50)),
        ((300, 1), 30, (30, 1)),
    ],
)
def test_shrink(shape, longest, expected):
    image = np.full((*shape, 3), 77, np.uint8)
    small = shrink(image, longest)
    assert small.shape == (*expected, 3)
    assert (small == 77).all()
    assert (small is image) == (shape == expected)
