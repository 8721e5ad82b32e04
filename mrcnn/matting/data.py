"""Training batches of the matting network: views of garments with their alpha."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mrcnn.batches import WeightedBatches
from mrcnn.windows import JitterConfig, box_or_frame, jittered_window, resample

JITTER = JitterConfig(
    shift_sigma=0.03,
    log_scale_mean=0.0,
    log_scale_sigma=0.12,
    rotation_sigma=8,
    stretch_sigma=0.05,
    perspective_sigma=0.05,
)


@dataclass(frozen=True)
class MatteScene:
    """A garment in a photo, or in a view of it.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        alpha: uint8 (H, W), how much of each pixel the garment covers, 0..255.
        known: uint8 (H, W), how far that is known, 0..255.
        foreground: uint8 (H, W), what is kept when the background is replaced, 0..255.
        rough: uint8 (H, W), the mask that the network is given; None makes one up.
    """

    image: NDArray[np.uint8]
    alpha: NDArray[np.uint8]
    known: NDArray[np.uint8]
    foreground: NDArray[np.uint8]
    rough: NDArray[np.uint8] | None = None


Change = Callable[[MatteScene, np.random.Generator], MatteScene]


class MatteBatches(WeightedBatches):
    """Batches for `MattingTrainer.fit`, sampled for every step from its own seed.

    Args:
        load: returns the scene of an index.
        weights: relative sampling probability of each index.
        size: height and width of a view.
        batch_size: views per step.
        steps: batches per epoch.
        seed: of all random numbers.
        change: changes a view's background, light and quality, and gives it a rough mask.
        workers: threads that make batches.
        epoch: number of the epoch; every epoch has other views.
    """

    def __init__(
        self,
        load: Callable[[int, np.random.Generator], MatteScene],
        weights: Sequence[float],
        size: int,
        batch_size: int,
        steps: int,
        seed: int,
        change: Change,
        workers: int = 1,
        epoch: int = 0,
    ):
        super().__init__(weights, batch_size, steps, seed, workers, epoch)
        self.load, self.change, self.size = load, change, size

    def row(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return the arrays of `pack_matte`."""
        view = random_view(self.load(index, rng), self.size, rng)
        return pack_matte(self.change(view, rng))


def random_view(scene: MatteScene, size: int, rng: np.random.Generator) -> MatteScene:
    """Resample a scene to a random view of its garment."""
    mask = scene.alpha if scene.rough is None else scene.rough
    bounds = box_or_frame(mask > 127)
    window, _ = jittered_window(bounds, size, rng, JITTER)
    return look(scene, window, size)


def look(scene: MatteScene, window: np.ndarray, size: int) -> MatteScene:
    """Return a scene through a window (3, 3), as `resample` takes it."""
    planes = {
        name: resample(getattr(scene, name), window, size)
        for name in ("image", "alpha", "known", "foreground")
    }
    rough = None if scene.rough is None else resample(scene.rough, window, size)
    return replace(scene, **planes, rough=rough)


def pack_matte(view: MatteScene) -> dict[str, NDArray[np.float32]]:
    """Pack a view with its rough mask into the arrays of a batch row.

    Returns:
        `views` float32 (S, S, 4), RGB and the rough mask, 0..255; `gt_alpha` and `known`
        float32 (S, S) in [0, 1].
    """
    assert view.rough is not None
    views = np.dstack([view.image, view.rough]).astype(np.float32)
    alpha, known = (
        plane.astype(np.float32) / np.float32(255) for plane in (view.alpha, view.known)
    )
    return {"views": views, "gt_alpha": alpha, "known": known}
