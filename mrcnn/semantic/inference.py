"""See what a person wears: the class of each pixel around their body."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from mrcnn.config import CLOTHES
from mrcnn.pose.body import roll, torso, torso_length
from mrcnn.runtime import Predictor
from mrcnn.windows import homography, paste, resample

STRIDE = 4  # view pixels per cell of the network's output
NAMES = tuple(CLOTHES)
LOWER = ("shorts", "trousers", "skirt")
UPPER = tuple(name for name, labels in CLOTHES.items() if labels and name not in LOWER)


@dataclass(frozen=True)
class BodyView:
    """A square view of a person, in their own frame: upright, scaled by the torso.

    Attributes:
        side: of the view, in lengths of the torso.
        down: how far its centre lies below that of the torso, likewise.
    """

    side: float
    down: float


UPPER_BODY = BodyView(2.8, -0.05)  # from the head to the thighs, as a rule
LOWER_BODY = BodyView(3.0, 1.3)  # from the belly to the ankles


@dataclass(frozen=True)
class Clothes:
    """What a person wears.

    Attributes:
        probabilities: float32 (h, w, C) of `CLOTHES`, in a view.
        window: (3, 3), from the pixels of that view (4 h, 4 w) to the photo's.
    """

    probabilities: np.ndarray
    window: np.ndarray

    def plane(self, names: tuple[str, ...], size: tuple[int, int]) -> np.ndarray:
        """Return the probability that a pixel of the photo shows one of some classes.

        Args:
            names: keys of `CLOTHES`.
            size: height and width of the photo.

        Returns:
            float32 (H, W); 0 outside of the view.
        """
        total = self.probabilities[..., [NAMES.index(name) for name in names]].sum(-1)
        return np.clip(paste(total, self.window, STRIDE, size), 0, 1)

    def shares(self, mask: np.ndarray) -> np.ndarray | None:
        """Return the mean probability of each class inside a mask.

        Args:
            mask: float32 (H, W) in [0, 1], of the photo.

        Returns:
            float32 (C,); None where the view shows nothing of the mask.
        """
        size = len(self.probabilities)
        to_cells = self.window @ np.diag([STRIDE, STRIDE, 1.0])
        weights = resample(np.rint(255 * mask).astype(np.uint8), to_cells, size)
        if not weights.any():
            return None
        return np.average(
            self.probabilities.reshape(-1, len(NAMES)), axis=0, weights=weights.ravel()
        ).astype(np.float32)


def see_clothes(
    network: Predictor, image: np.ndarray, points: np.ndarray, views: tuple[BodyView, ...]
) -> list[Clothes]:
    """Name what a person wears.

    Args:
        network: of `build_semantic_network`.
        image: uint8 (H, W, 3).
        points: (33, 2 or more), x and y of the body's landmarks.
        views: of the body.

    Returns:
        One result for each view.
    """
    size = network.image_size
    windows = [body_window(points, view, size) for view in views]
    inputs = np.array([resample(image, window, size, fill=0) for window in windows])
    logits = np.asarray(network(inputs.astype(np.float32)), np.float32)
    return [
        Clothes(special.softmax(one, axis=-1), window)
        for one, window in zip(logits, windows, strict=True)
    ]


def body_window(
    points: np.ndarray,
    view: BodyView,
    size: int,
    offset: tuple[float, float] = (0.0, 0.0),
    angle: float = 0.0,
    mirror: bool = False,
) -> np.ndarray:
    """Return a person's view as a map (3, 3) from view pixels to photo pixels.

    Args:
        points: see `see_clothes`.
        view: how much of the body it shows.
        size: height and width of the view, pixels.
        offset: (x, y) of its centre from where it should be, lengths of the torso.
        angle: by which the body leans in the view, degrees.
        mirror: mirror the view.
    """
    corners = torso(points)
    # From the side, shoulders are narrow; from above, the torso is short.
    width = float(np.linalg.norm(corners[0] - corners[1]))
    length = max(torso_length(points), 1.1 * width, 1.0)
    turned = np.deg2rad(roll(points) + angle)
    cos, sin = np.cos(turned), np.sin(turned)
    turn = np.array([[cos, -sin], [sin, cos]])
    linear = turn @ np.diag([-1.0 if mirror else 1.0, 1.0]) * (view.side * length / size)
    center = corners.mean(axis=0) + turn @ (np.array([0, view.down]) + offset) * length
    return homography(center, linear, np.zeros(2), size)
