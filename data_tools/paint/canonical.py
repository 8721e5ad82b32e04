"""The canonical chart, which all short-sleeve tops share, and the way to it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Cut:
    """How a garment's pattern lies in its square panel; the defaults are canonical.

    Attributes:
        collar: height (y) of the ends of its collar, in [0, 1].
        armpit: height of its armpits.
        side: distance of its armpits from the middle, in [0, 0.5].
        shoulder: distance of its shoulders from the middle.
    """

    collar: float = 0.85
    armpit: float = 0.51
    side: float = 0.3
    shoulder: float = 0.2

    def __post_init__(self) -> None:
        """Check that it can be a tee."""
        heights = 0.2 < self.armpit < self.collar - 0.1 < 0.9
        if not (heights and 0.05 < self.shoulder < 0.45 and 0.1 < self.side < 0.45):
            raise ValueError(f"expected the cut of a tee, got {self}")


# The chart that the networks predict; their weights depend on it.
CANONICAL = Cut()
SHOULDER_HEIGHT = 0.8  # of the shoulders on the canonical chart


def canonical(coordinates: Array, cut: Cut) -> Array:
    """Map coordinates on a garment's own pattern to the canonical chart.

    Args:
        coordinates: (..., 2), x and y on a panel, in [0, 1].
        cut: of the garment.

    Returns:
        float32 (..., 2). Heights are piecewise linear: hems stay, armpits and collars
        come to the canonical ones. Across, the line from the side seams by the armpits
        to the shoulders comes to the canonical one, and the ends of the sleeves stay at
        the panel's sides.
    """
    away, height = np.abs(coordinates[..., 0] - 0.5), coordinates[..., 1]
    to = CANONICAL
    slope = (to.collar - to.armpit) / (cut.collar - cut.armpit)
    y = np.where(
        height < cut.armpit,
        height * (to.armpit / cut.armpit),
        to.armpit + (height - cut.armpit) * slope,
    )
    rise = np.clip((y - to.armpit) / (SHOULDER_HEIGHT - to.armpit), 0, 1)
    own = cut.side + rise * (cut.shoulder - cut.side)
    common = to.side + rise * (to.shoulder - to.side)
    sleeve = common + (away - own) * (0.5 - common) / (0.5 - own)
    across = np.where(away < own, away * common / own, sleeve)
    x = 0.5 + np.sign(coordinates[..., 0] - 0.5) * across
    return np.stack([x, y], axis=-1).astype(np.float32)
