"""What a preview shows, pixel by pixel."""

import numpy as np
import pytest

from tryon.preview import CHOSEN, LANDMARK, OTHER, draw_preview
from tryon.types import Instance

BLANK = np.full((200, 300, 3), 255, np.uint8)


def find(box, label=1, name="short sleeve top", landmarks=None):
    return Instance(label, name, 0.93, box, 0.1, landmarks)


def is_colour(image, colour):
    return (image == colour).all(axis=-1)


def test_nothing_found_leaves_the_photo_alone():
    assert np.array_equal(draw_preview(BLANK, []), BLANK)


def test_the_outline_lies_within_the_mask():
    mask = np.zeros(BLANK.shape[:2], bool)
    mask[60:140, 100:200] = True
    drawn = is_colour(draw_preview(BLANK, [find((0, 0, 300, 200))], 0, mask), CHOSEN)
    assert drawn[60:140, 100].all()
    assert drawn[139, 100:200].all()
    assert not drawn[70:130, 110:190].any(), "the garment itself is not painted over"


def test_the_chosen_one_has_a_colour_of_its_own():
    finds = [find((20, 40, 80, 180)), find((150, 40, 280, 180), 8, "trousers")]
    for chosen, colours in ((0, (CHOSEN, OTHER)), (1, (OTHER, CHOSEN))):
        image = draw_preview(BLANK, finds, chosen)
        assert tuple(image[180 - 1, 50]) == colours[0]
        assert tuple(image[180 - 1, 200]) == colours[1]
    assert not is_colour(draw_preview(BLANK, finds), CHOSEN).any()


def test_hidden_landmarks_are_rings():
    points = np.array([[100, 80, 0.9], [200, 80, 0.1], [150, 900, 0.9]], np.float32)
    image = draw_preview(BLANK, [find((50, 40, 250, 160), landmarks=points)], 0)
    assert tuple(image[80, 100]) == LANDMARK
    assert tuple(image[80, 200]) == (255, 255, 255)
    assert tuple(image[80, 202]) == LANDMARK
    other = draw_preview(BLANK, [find((50, 40, 250, 160), landmarks=points)])
    assert not is_colour(other, LANDMARK).any()


@pytest.mark.parametrize("box", [(0, 0, 300, 200), (-5, -5, 3, 2), (299, 199, 300, 200)])
def test_a_find_at_the_frame_is_drawn_inside(box):
    image = draw_preview(BLANK, [find(box)], 0)
    assert image.shape == BLANK.shape
    assert is_colour(image, CHOSEN).any()


def test_text_says_label_and_score():
    with_text = draw_preview(BLANK, [find((50, 60, 250, 160))], 0)
    label = with_text[40:60, 50:180]
    assert is_colour(label, CHOSEN).sum() > 300
    assert is_colour(label, (255, 255, 255)).sum() > 50
    other = draw_preview(BLANK, [find((50, 60, 250, 160), 8, "trousers")], 0)
    assert not np.array_equal(with_text, other)
