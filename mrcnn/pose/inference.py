"""Find people in a photo and read the landmarks of a body.

Every person is looked at upright, in a view around the hips that holds the whole body,
also where the photo's frame cuts it off. A first view comes from the detector, a second
one from the landmarks that were read in the first.
"""

import functools
from dataclasses import dataclass

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask
from scipy import special
from skimage import transform

from mrcnn.config import ANCHORS_PER_CELL
from mrcnn.runtime import Predictor
from mrcnn.windows import homography, resample

# BlazePose's landmarks of a body; left and right are the person's own.
POSE_LANDMARKS = (
    "nose",
    "left eye inner",
    "left eye",
    "left eye outer",
    "right eye inner",
    "right eye",
    "right eye outer",
    "left ear",
    "right ear",
    "mouth left",
    "mouth right",
    "left shoulder",
    "right shoulder",
    "left elbow",
    "right elbow",
    "left wrist",
    "right wrist",
    "left little finger",
    "right little finger",
    "left index finger",
    "right index finger",
    "left thumb",
    "right thumb",
    "left hip",
    "right hip",
    "left knee",
    "right knee",
    "left ankle",
    "right ankle",
    "left heel",
    "right heel",
    "left foot",
    "right foot",
)
_CENTER, _RIM = 33, 34  # two more of the network: hips, and a point of the body's circle
_STRIDES = (8, 16, 32)  # of the detector's cells


@dataclass(frozen=True)
class PersonConfig:
    """How people are found, and which views are read."""

    threshold: float = 0.4  # minimum score of a person
    overlap: float = 0.3  # of two faces with a higher IoU, the better one is kept
    max_people: int = 4
    margin: float = 1.25  # side of a view / diameter of the body's circle
    # A landmark moves to the mean of its heatmap's cells around it when their maximum is
    # at least this probability, as MediaPipe does.
    heatmap_threshold: float = 0.5
    heatmap_radius: int = 3  # cells


DEFAULT = PersonConfig()


@dataclass(frozen=True)
class Person:
    """A detected person.

    Attributes:
        score: probability, 0 to 1.
        face: box xyxy, the photo's pixels.
        center: (x, y) between the hips, likewise; it may lie outside of the photo.
        rim: (x, y) of a point above it, on the circle around the whole body.
    """

    score: float
    face: np.ndarray
    center: np.ndarray
    rim: np.ndarray


@dataclass(frozen=True)
class Pose:
    """The landmarks of one body.

    Attributes:
        score: probability that the view shows a body.
        points: float32 (33, 2), x and y in the photo's pixels, see `POSE_LANDMARKS`.
        depths: float32 (33,), distance behind the hips in the same unit; negative ones
            are nearer to the camera.
        visibility: float32 (33,), probability that a landmark is seen, not hidden.
        presence: float32 (33,), probability that it lies inside the photo.
        window: (3, 3) from the pixels of the view to the photo's.
        view_mask: uint8 (S, S), 0..255, the person in that view.
    """

    score: float
    points: np.ndarray
    depths: np.ndarray
    visibility: np.ndarray
    presence: np.ndarray
    window: np.ndarray
    view_mask: np.ndarray

    @property
    def body(self) -> np.ndarray:
        """The landmarks as networks get them: float32 (33, 3), x, y, visibility."""
        return np.column_stack([self.points, self.visibility]).astype(np.float32)

    def mask(self, size: tuple[int, int]) -> np.ndarray:
        """Return the person's mask in the photo.

        Args:
            size: height and width of the photo.

        Returns:
            uint8 (H, W), 0..255.
        """
        to_view = np.linalg.inv(self.window)
        moved = Image.fromarray(self.view_mask).transform(
            size[::-1],
            Image.Transform.AFFINE,
            tuple(to_view[:2].ravel()),
            Image.Resampling.BILINEAR,
            fillcolor=0,
        )
        return np.asarray(moved)


@functools.cache
def detector_anchors(size: int) -> np.ndarray:
    """Return the centre (x, y) of each anchor, float32 (N, 2), pixels of the input."""
    anchors = []
    for stride, count in zip(_STRIDES, ANCHORS_PER_CELL, strict=True):
        centers = (np.arange(size // stride, dtype=np.float32) + 0.5) * stride
        ys, xs = np.meshgrid(centers, centers, indexing="ij")
        cells = np.stack([xs, ys], axis=-1).reshape(-1, 2)
        anchors.append(np.repeat(cells, count, axis=0))
    return np.concatenate(anchors)


def find_people(
    detector: Predictor, image: np.ndarray, config: PersonConfig = DEFAULT
) -> list[Person]:
    """Find the people of a photo.

    Args:
        detector: the network of `build_person_detector`.
        image: uint8 (H, W, 3).
        config: thresholds.

    Returns:
        People, highest score first.
    """
    size = detector.image_size
    window = whole_window(image.shape, size)
    view = resample(image, window, size, fill=0)
    raw = detector(view[None].astype(np.float32))
    scores = special.expit(np.asarray(raw["scores"][0], np.float32))
    likely = np.flatnonzero(scores >= config.threshold)
    likely = likely[np.argsort(-scores[likely], kind="stable")]
    offsets = np.asarray(raw["boxes"][0], np.float32)[likely]
    anchors = detector_anchors(size)[likely]
    centers, sides = anchors + offsets[:, :2], offsets[:, 2:4]
    faces = np.hstack([centers - sides / 2, centers + sides / 2])
    points = offsets[:, 4:].reshape(-1, 4, 2) + anchors[:, None]
    return [
        Person(
            float(scores[likely[i]]),
            transform.matrix_transform(faces[i].reshape(2, 2), window).ravel(),
            *transform.matrix_transform(points[i, :2], window),
        )
        for i in _without_doubles(faces, config.overlap)[: config.max_people]
    ]


def _without_doubles(boxes: np.ndarray, overlap: float) -> list[int]:
    """Return the indices of boxes that overlap no better one; best first."""
    kept: list[int] = []
    extents = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]).astype(float)
    ious = np.reshape(
        coco_mask.iou(extents, extents, [0] * len(boxes)), (len(boxes),) * 2
    )
    for index in range(len(boxes)):
        if ious[index, kept].max(initial=0) <= overlap:
            kept.append(index)
    return kept


def person_window(
    center: np.ndarray, rim: np.ndarray, size: int, config: PersonConfig = DEFAULT
) -> np.ndarray:
    """Return the upright view of a person, (3, 3) from view to photo pixels."""
    x, y = (np.asarray(rim) - center).astype(float)
    radius = max(np.hypot(x, y), 1.0)
    up = np.array([[-y, -x], [x, -y]]) / radius  # turns "up" to the direction of the rim
    linear = up * (2 * radius * config.margin / size)
    return homography(np.asarray(center, float), linear, np.zeros(2), size)


def whole_window(shape: tuple[int, ...], size: int) -> np.ndarray:
    """Return the view of a whole photo, the detector's."""
    height, width = shape[:2]
    scale = max(height, width) / size
    return homography(np.array([width, height]) / 2, np.eye(2) * scale, np.zeros(2), size)


def read_pose(
    network: Predictor,
    image: np.ndarray,
    window: np.ndarray,
    passes: int = 2,
    config: PersonConfig = DEFAULT,
) -> Pose:
    """Read the landmarks of a person.

    Args:
        network: of `build_pose_network`.
        image: uint8 (H, W, 3).
        window: the first view, see `person_window`.
        passes: how many views are read, each laid by the landmarks of the last.
        config: settings.
    """
    pose, circle = _read_view(network, image, window, config)
    for _ in range(passes - 1):
        window = person_window(circle[0], circle[1], network.image_size, config)
        again, circle = _read_view(network, image, window, config)
        if again.score < min(pose.score, 0.5):  # the body was lost
            break
        pose = again
    return pose


def _read_view(
    network: Predictor, image: np.ndarray, window: np.ndarray, config: PersonConfig
) -> tuple[Pose, np.ndarray]:
    """Return the pose in one view, and centre and rim (2, 2) of the next one."""
    size = network.image_size
    view = resample(image, window, size, fill=0)
    raw = {k: v[0] for k, v in network(view[None].astype(np.float32)).items()}
    values = np.asarray(raw["landmarks"], np.float32)
    heatmaps = np.asarray(raw["heatmaps"], np.float32)
    points = _sharpen(values[:, :2], special.expit(heatmaps), size, config)
    moved = transform.matrix_transform(points, window).astype(np.float32)
    scale = np.sqrt(abs(np.linalg.det(window[:2, :2])))
    pose = Pose(
        float(raw["person"][0]),
        moved[: len(POSE_LANDMARKS)],
        (values[: len(POSE_LANDMARKS), 2] * scale).astype(np.float32),
        special.expit(values[: len(POSE_LANDMARKS), 3]),
        special.expit(values[: len(POSE_LANDMARKS), 4]),
        window,
        np.rint(255 * special.expit(raw["masks"])).astype(np.uint8),
    )
    return pose, moved[[_CENTER, _RIM]]


def _sharpen(
    points: np.ndarray, heatmaps: np.ndarray, size: int, config: PersonConfig
) -> np.ndarray:
    """Move landmarks (K, 2) to the mean of their heatmaps (h, w, K) around them."""
    stride, radius = size / len(heatmaps), config.heatmap_radius
    sharp = points.copy()
    for index, (column, row) in enumerate((points / stride).astype(int)):
        if not (0 <= row < len(heatmaps) and 0 <= column < heatmaps.shape[1]):
            continue
        top, left = max(row - radius, 0), max(column - radius, 0)
        near = heatmaps[top : row + radius + 1, left : column + radius + 1, index]
        if near.max() >= config.heatmap_threshold:
            ys, xs = np.mgrid[: near.shape[0], : near.shape[1]]
            mean = (near * xs).sum() + 1j * (near * ys).sum()
            mean = mean / near.sum() + left + 1j * top
            sharp[index] = mean.real * stride, mean.imag * stride
    return sharp
