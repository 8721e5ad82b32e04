import pytest

from data_tools.annotations import CATEGORIES, LANDMARK_COUNTS, DataError, Instance
from data_tools.augment.landmarks import mirror_landmarks, mirrored_order
from mrcnn.config import LANDMARK_NAMES
from mrcnn.windows import MIRRORED_LANDMARKS


def test_a_top_is_mirrored_as_the_segmenter_learned_it():
    assert mirrored_order("short sleeve top") == MIRRORED_LANDMARKS.tolist()
    swap = {"left": "right", "right": "left"}
    for index, other in enumerate(mirrored_order("short sleeve top")):
        words = LANDMARK_NAMES[index].split()
        assert LANDMARK_NAMES[other] == " ".join(swap.get(word, word) for word in words)


@pytest.mark.parametrize("category", CATEGORIES)
def test_twice_mirrored_is_as_before(category):
    order = mirrored_order(category)
    assert len(order) == LANDMARK_COUNTS[CATEGORIES.index(category)]
    assert [order[i] for i in order] == list(range(len(order)))
    # What is its own mirror image lies in the middle: neck, waist, hem or crotch.
    own = sum(i == other for i, other in enumerate(order))
    bottom = category in ("shorts", "trousers", "skirt")
    assert own == (1 if "outwear" in category else 2 if bottom else 3)


@pytest.mark.parametrize(
    ("category", "one", "other"),
    [
        ("short sleeve outwear", 28, 31),  # the two edges of the front
        ("long sleeve outwear", 20, 37),
        ("trousers", 4, 14),
        ("skirt", 1, 3),
        ("vest dress", 12, 14),
    ],
)
def test_pairs(category, one, other):
    order = mirrored_order(category)
    assert order[one - 1] == other - 1
    assert order[other - 1] == one - 1


def test_landmarks_change_places():
    points = tuple(range(75))
    mirrored = mirror_landmarks(Instance("Short_Sleeve top", landmarks=points))
    assert mirrored[:3] == (0, 1, 2)
    assert mirrored[3:6] == (15, 16, 17)
    assert mirrored[-3:] == (18, 19, 20)


@pytest.mark.parametrize("category", ["person", "trousers"])
def test_landmarks_that_nobody_knows(category):
    with pytest.raises(DataError, match="leave out the flip"):
        mirror_landmarks(Instance(category, landmarks=(1, 1, 2) * 17))
    assert mirror_landmarks(Instance(category, landmarks=(0, 0, 0))) == (0, 0, 0)
    assert mirror_landmarks(Instance(category)) is None
