"""Map names of garments, however they are written, to DeepFashion2's category ids."""

from data_tools.annotations import CATEGORIES, UNKNOWN

CATEGORY_IDS = {name: index for index, name in enumerate(CATEGORIES, 1)}
_IDS = CATEGORY_IDS | {"unknown": UNKNOWN}


def category_of(name: str) -> int | None:
    """Return the category id of a name, in any case, with - or _; None if unknown."""
    return _IDS.get(" ".join(name.lower().replace("_", " ").replace("-", " ").split()))
