"""DeepFashion2's annotation files, as released.

References:
    Ge et al., "DeepFashion2: A Versatile Benchmark for Detection, Pose Estimation,
    Segmentation and Re-Identification of Clothing Images", CVPR 2019.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_tools.annotations import ATTRIBUTES


def read_item_facts(
    item: Mapping[str, Any],
) -> tuple[NDArray[np.float32], dict[str, int]]:
    """Return landmarks (K, 3) and attributes of one garment of an annotation."""
    landmarks = np.asarray(item["landmarks"], np.float32).reshape(-1, 3)
    return landmarks, {name: int(item[name]) for name in ATTRIBUTES if name in item}
