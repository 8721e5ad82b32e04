"""Maps of parts: what each pixel of a photo shows, and what becomes of it."""

import numpy as np
import pytest

from data_tools.annotations import CATEGORIES, UNKNOWN, AnnotatedPhoto, Garment
from mrcnn.config import PART_NAMES
from mrcnn.refiner.data import NO_PART, Region
from tryon.training.samples.class_swaps import (
    EditableGarment,
    dress_to_top,
    shorten_top_sleeves,
)
from tryon.training.samples.part_labels import (
    ACCESSORY,
    LOWER,
    OTHER,
    PART_OF,
    SKIN,
    TOP,
    read_parts,
)
from tryon.training.samples.refiner import occlude


def rows(*pairs):
    mask = np.zeros((20, 10), bool)
    for first, last in pairs:
        mask[first:last] = True
    return mask


def person(**readers):
    known = {
        "read_foreground": lambda: rows((0, 20)),
        "read_accessories": lambda: [rows((0, 4))],
        "read_skin": lambda: rows((2, 6)),
    }
    return AnnotatedPhoto("me.jpg", "people", **(known | readers))


def parts_of(photo, *garments):
    return read_parts(photo, list(garments), photo.foreground())


def test_skin_lies_over_cloth_and_cloth_over_hair():
    garments = Garment(1, rows((3, 10))), Garment(8, rows((10, 14)))
    parts = parts_of(person(), *garments)
    assert parts.dtype == np.uint8
    expected = [ACCESSORY] * 2 + [SKIN] * 4 + [TOP] * 4 + [LOWER] * 4 + [OTHER] * 6
    assert parts[:, 0].tolist() == expected


def test_background_is_the_first_part_and_what_nobody_can_name_is_none():
    photo = person(read_foreground=lambda: rows((0, 12)))
    parts = parts_of(photo, Garment(UNKNOWN, rows((6, 12))))
    assert parts[6:, 0].tolist() == [NO_PART] * 6 + [0] * 8
    assert PART_NAMES[:2] == ("background", "skin")
    assert (PART_NAMES[ACCESSORY], PART_NAMES[LOWER]) == ("accessory", "lower")


def test_every_class_has_a_part():
    assert set(PART_OF) == {UNKNOWN, *range(1, len(CATEGORIES) + 1)}


@pytest.mark.parametrize("reader", ["read_accessories", "read_skin", "read_foreground"])
def test_what_is_known_in_part_teaches_no_parts(reader):
    assert parts_of(person(**{reader: None})) is None


def test_where_a_sleeve_was_there_is_skin_now():
    image = np.full((130, 120, 3), 90, np.uint8)
    mask, skin = np.zeros((2, 130, 120), bool)
    mask[20:90, 40:80] = mask[20:30, 20:100] = True
    mask[20:80, 20:30] = mask[20:80, 90:100] = True
    skin[80:90, 21:29] = skin[80:90, 91:99] = True
    parts = np.where(mask, np.uint8(TOP), np.where(skin, np.uint8(SKIN), np.uint8(0)))
    worn = EditableGarment(image, mask, mask | skin, lambda: skin, parts)
    region = shorten_top_sleeves(worn, [], 1, np.random.default_rng(0))
    assert (region.parts[region.mask] == TOP).all()
    gone = mask & ~region.mask
    assert gone.sum() > 100
    assert (region.parts[gone] == SKIN).all()
    assert (parts[gone] == TOP).all(), "the photo's own map stays"


def test_the_lower_part_of_a_dress_is_a_skirt():
    image, mask = np.full((130, 120, 3), 90, np.uint8), np.zeros((130, 120), bool)
    mask[20:120, 30:70] = True
    parts = np.where(mask, np.uint8(PART_OF[12]), np.uint8(0))
    worn = EditableGarment(image, mask, mask, lambda: None, parts)
    region = dress_to_top(worn, 12, np.random.default_rng(0))
    assert (region.parts[region.mask] == TOP).all()
    assert (region.parts[mask & ~region.mask] == LOWER).all()


def test_what_lies_in_front_has_no_part():
    image, mask = np.full((64, 64, 3), 90, np.uint8), np.zeros((64, 64), np.float32)
    mask[10:50, 15:50] = 1
    view = Region(image, mask, mask, 1, parts=np.where(mask > 0, TOP, 0).astype(np.uint8))
    changed = occlude(view, [], np.random.default_rng(1))
    hidden = changed.mask < 0.5 * mask
    assert hidden.any()
    assert (changed.parts[hidden] == NO_PART).all()
    seen = changed.mask > 0.5
    assert (changed.parts[seen] == TOP).all()
