"""Left and right landmarks of DeepFashion2, swapped when a photo is mirrored.

References:
    svip-lab/HRNet-for-Fashion-Landmark-Estimation.PyTorch, `lib/dataset/deepfashion2.py`
    (the pairs).
"""

from data_tools.annotations import CATEGORIES, LANDMARK_COUNTS, DataError, Instance
from data_tools.formats.names import CATEGORY_IDS, category_of

_BOTTOMS = ("shorts", "trousers", "skirt")
# Pairs along the two edges of an open front; they interrupt the contour.
_OPEN_FRONTS = {
    "short sleeve outwear": ((2, 26), (4, 6), (16, 29), (27, 30), (28, 31)),
    "long sleeve outwear": ((4, 34), (20, 37), (35, 38), (36, 39)),
}
# Last landmark of the contour, where others follow it.
_CONTOUR_END = {"short sleeve outwear": 25, "long sleeve outwear": 33}


def mirrored_order(category: str) -> list[int]:
    """Return the index of each landmark's mirror image.

    Args:
        category: one of DeepFashion2's.

    Returns:
        Indices from 0: landmark i of the mirrored photo is landmark order[i].
    """
    count = LANDMARK_COUNTS[CATEGORY_IDS[category] - 1]
    order = list(range(count))
    for one, other in _pairs(category, count):
        order[one - 1], order[other - 1] = other - 1, one - 1
    return order


def _pairs(category: str, count: int) -> list[tuple[int, int]]:
    """Return the pairs of left and right landmarks; numbers from 1, as in the dataset."""
    if category in _BOTTOMS:  # the waist, then the contour
        return [(1, 3), *_contour_pairs(4, count)]
    fronts = _OPEN_FRONTS.get(category, ())
    taken = {number for pair in fronts for number in pair}
    neck = [pair for pair in ((2, 6), (3, 5)) if taken.isdisjoint(pair)]
    contour = _contour_pairs(7, _CONTOUR_END.get(category, count))
    return [*neck, *contour, *fronts]


def _contour_pairs(first: int, last: int) -> list[tuple[int, int]]:
    return [(first + i, last - i) for i in range((last - first + 1) // 2)]


def mirror_landmarks(instance: Instance) -> tuple[float, ...] | None:
    """Return the landmarks of a garment, those of left and right swapped.

    Raises:
        DataError: when the category's pairs are not known.
    """
    points = instance.landmarks
    if not points or not any(points[2::3]):
        return points
    label = category_of(instance.category)
    if not label or len(points) != 3 * LANDMARK_COUNTS[label - 1]:
        raise DataError(
            f"expected DeepFashion2's landmarks to mirror, got {len(points) // 3} of "
            f"{instance.category}; leave out the flip"
        )
    order = mirrored_order(CATEGORIES[label - 1])
    return tuple(value for i in order for value in points[3 * i : 3 * i + 3])
