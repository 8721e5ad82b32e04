import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from data_tools.annotations import UNKNOWN, AnnotatedPhoto, BadPhotoError, Garment
from data_tools.folders import read_folder
from data_tools.pack import pack_photos

SIZE = 60, 90


@pytest.fixture
def photos(tmp_path):
    Image.new("RGB", SIZE[::-1], (200, 40, 40)).save(tmp_path / "a.png")
    mask, person = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    mask[20:40, 30:60] = True
    person[10:, 20:70] = True
    landmarks = np.tile(np.float32([30, 20, 2]), (25, 1))
    tee = Garment(1, mask, landmarks, {"viewpoint": 2})
    return [
        AnnotatedPhoto(tmp_path / "a.png", "people", lambda: [tee], lambda: person),
        AnnotatedPhoto(tmp_path / "missing.png", "people"),
        AnnotatedPhoto(tmp_path / "a.png", "shop-other"),
    ]


def test_photos_come_back_smaller(photos, tmp_path):
    told = list(pack_photos(photos, tmp_path / "p.zip", 45, 90))
    assert [bool(text) for text in told] == [False, True, False]
    assert "missing.png" in told[1]
    first, second = read_folder(tmp_path / "p.zip", "train")
    assert (first.source, second.source) == ("people", "shop-other")
    assert first.image().shape == (30, 45, 3)
    assert np.abs(first.image().astype(int) - (200, 40, 40)).max() < 9
    (tee,) = first.garments()
    assert tee.mask[10:20, 15:30].all()
    assert tee.mask.sum() == 150
    assert tee.landmarks.tolist() == [[15, 10, 2]] * 25
    assert tee.attributes == {"viewpoint": 2}
    assert first.foreground().sum() == 25 * 25
    assert second.garments() == []
    assert second.foreground() is None


def test_a_garment_nobody_can_name_stays_unnamed(photos, tmp_path):
    mask = photos[0].garments()[0].mask
    unnamed = replace(photos[0], read_garments=lambda: [Garment(UNKNOWN, mask)])
    list(pack_photos([unnamed], tmp_path / "p.zip", 45, 90))
    (photo,) = read_folder(tmp_path / "p.zip", "train")
    assert [garment.label for garment in photo.garments()] == [UNKNOWN]


def test_small_photos_keep_their_size(photos, tmp_path):
    list(pack_photos(photos[:1], tmp_path / "p.zip", 480, 90))
    assert read_folder(tmp_path / "p.zip", "val")[0].image().shape == (*SIZE, 3)


def test_a_stopped_pack_leaves_nothing(photos, tmp_path):
    made = pack_photos(photos, tmp_path / "p.zip", 45, 90)
    next(made)
    made.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def rewrite(path, **members):
    with zipfile.ZipFile(path) as archive:
        old = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**old, **members}.items():
            archive.writestr(name, data)


@pytest.mark.parametrize("name", ["../a.jpg", "images/a.jpg", "/images/000001.jpg"])
def test_members_have_fixed_names(photos, tmp_path, name):
    path = tmp_path / "p.zip"
    list(pack_photos(photos[:1], path, 45, 90))
    with zipfile.ZipFile(path) as archive:
        values = json.loads(archive.read("annotations.json"))
    values["images"][0]["file_name"] = name
    rewrite(path, **{"annotations.json": json.dumps(values)})
    with pytest.raises(ValueError, match=r"p\.zip: expected a zip"):
        read_folder(path, "train")


def test_a_member_that_swells_is_refused(photos, tmp_path):
    path = tmp_path / "p.zip"
    list(pack_photos(photos[:1], path, 45, 90))
    rewrite(path, **{"images/000001.jpg": bytes((1 << 25) + 1)})
    (only,) = read_folder(path, "train")
    with pytest.raises(BadPhotoError, match="at most"):
        only.image()


@pytest.mark.parametrize("data", [b"", b"PK no zip"])
def test_what_is_no_zip_is_refused(tmp_path, data):
    (tmp_path / "p.zip").write_bytes(data)
    with pytest.raises(ValueError, match=r"p\.zip: expected a zip"):
        read_folder(tmp_path / "p.zip", "train")
