"""Training batches of the semantic network: random views of people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mrcnn.batches import WeightedBatches
from mrcnn.pose.body import torso, torso_length
from mrcnn.semantic.inference import STRIDE, UPPER_BODY, BodyView, body_window
from mrcnn.windows import resample, resample_nearest


@dataclass(frozen=True)
class SceneViewConfig:
    """Distribution of the views that are trained on; lengths are those of the torso."""

    sides: tuple[float, float] = (1.9, 5.0)  # of a view, log-uniform
    lower_probability: float = 0.45  # of a view from further down than `UPPER_BODY`
    lower: tuple[float, float] = (0.2, 1.4)  # how far down
    shift_sigma: float = 0.12
    rotation_sigma: float = 9.0  # degrees
    flip_probability: float = 0.5
    close_probability: float = 0.4  # of a photo that is cropped as if taken from closer
    close_sides: tuple[float, float] = (
        0.45,
        1.6,
    )  # what is left beside the torso's centre
    close_above: tuple[float, float] = (0.5, 1.4)
    close_below: tuple[float, float] = (0.2, 1.3)
    min_side: int = 40  # pixels; smaller crops are not made


VIEWS = SceneViewConfig()


@dataclass(frozen=True)
class Scene:
    """A person in a photo, or in a view of it.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        clothes: uint8 (H, W), indices of `CLOTHES`; larger values are unknown.
        foreground: bool (H, W), what is kept when the background is replaced.
        points: float32 (33, 2), the body's landmarks; in a view as they were before.
        inside: bool (H, W), the pixels that the photo shows; None for all.
    """

    image: np.ndarray
    clothes: np.ndarray
    foreground: np.ndarray
    points: np.ndarray
    inside: np.ndarray | None = None


Change = Callable[[Scene, np.random.Generator], Scene]


class SemanticBatches(WeightedBatches):
    """Batches for `SemanticTrainer.fit`, sampled for every step from its own seed.

    Args:
        load: returns the scene of an index.
        weights: relative sampling probability of each index.
        size: height and width of a view.
        batch_size: views per step.
        steps: batches per epoch.
        seed: of all random numbers.
        augment: changes a view's background, light and quality; None does not.
        workers: threads that make batches.
        epoch: number of the epoch; every epoch has other views.
    """

    def __init__(
        self,
        load: Callable[[int, np.random.Generator], Scene],
        weights: Sequence[float],
        size: int,
        batch_size: int,
        steps: int,
        seed: int = 0,
        augment: Change | None = None,
        workers: int = 1,
        epoch: int = 0,
    ):
        super().__init__(weights, batch_size, steps, seed, workers, epoch)
        self.load, self.augment, self.size = load, augment, size

    def row(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return the arrays of `pack_scene`."""
        view = random_view(self.load(index, rng), self.size, rng)
        if self.augment is not None:
            view = self.augment(view, rng)
        return pack_scene(view)


def random_view(
    scene: Scene, size: int, rng: np.random.Generator, config: SceneViewConfig = VIEWS
) -> Scene:
    """Resample a scene to a random view of its person, at times as if from closer.

    Args:
        scene: in its whole photo.
        size: height and width of the view.
        rng: random generator.
        config: distribution of the views.
    """
    if rng.random() < config.close_probability:
        scene = _come_closer(scene, rng, config)
    low, high = np.log(config.sides)
    side = float(np.exp(rng.uniform(low, high)))
    is_lower = rng.random() < config.lower_probability
    down = rng.uniform(*config.lower) if is_lower else UPPER_BODY.down
    x, y = rng.normal(0, config.shift_sigma, 2)
    window = body_window(
        scene.points,
        BodyView(side, float(down)),
        size,
        (x, y),
        rng.normal(0, config.rotation_sigma),
        rng.random() < config.flip_probability,
    )
    return look(scene, window, size)


def look(scene: Scene, window: np.ndarray, size: int) -> Scene:
    """Return a scene through a window (3, 3), as `resample` takes it."""
    return replace(
        scene,
        image=resample(scene.image, window, size, fill=0),
        clothes=resample_nearest(scene.clothes, window, size),
        foreground=_look(scene.foreground, window, size),
        inside=None if scene.inside is None else _look(scene.inside, window, size),
    )


def _look(plane: np.ndarray, window: np.ndarray, size: int) -> np.ndarray:
    """Return a bool plane through a window."""
    return resample(plane.astype(np.uint8) * 255, window, size) > 127


def _come_closer(
    scene: Scene, rng: np.random.Generator, config: SceneViewConfig
) -> Scene:
    """Cut a photo as if it had been taken from closer: the frame cuts the body."""
    height, width = scene.clothes.shape
    x, y = torso(scene.points).mean(axis=0)
    length = torso_length(scene.points)
    left, right = length * rng.uniform(*config.close_sides, 2)
    above = length * rng.uniform(*config.close_above)
    below = length * rng.uniform(*config.close_below)
    x1, y1 = int(max(0, x - left)), int(max(0, y - above))
    x2, y2 = int(min(width, x + right)), int(min(height, y + below))
    if min(x2 - x1, y2 - y1) < config.min_side:
        return scene
    inside = np.zeros((height, width), bool)
    inside[y1:y2, x1:x2] = True
    return replace(
        scene,
        image=np.where(inside[..., None], scene.image, np.uint8(0)),
        clothes=np.where(inside, scene.clothes, np.uint8(0)),
        foreground=scene.foreground & inside,
        inside=inside,
    )


def pack_scene(view: Scene) -> dict[str, np.ndarray]:
    """Pack a view into the arrays of a batch row.

    Returns:
        `views` float32 (S, S, 3), 0..255, black outside of the photo, as BlazePose
        expects; `gt_clothes` int32 (S/4, S/4), see `Scene`.
    """
    image = view.image
    if view.inside is not None:
        image = np.where(view.inside[..., None], image, np.uint8(0))
    cells = slice(STRIDE // 2, None, STRIDE)
    return {
        "views": image.astype(np.float32),
        "gt_clothes": view.clothes[cells, cells].astype(np.int32),
    }
