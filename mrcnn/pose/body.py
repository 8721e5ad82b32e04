"""A body as planes: torso, arms and head, drawn into a network's view.

The refiner gets them beside the photo: they tell which cloth lies on the torso, where to
look for sleeves, and what is a face.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy.spatial import ConvexHull
from skimage import transform

from mrcnn.pose.inference import Pose

# Indices of `POSE_LANDMARKS`.
NOSE, EARS = 0, (7, 8)
SHOULDERS, ELBOWS, WRISTS, HIPS = (11, 12), (13, 14), (15, 16), (23, 24)
FACE = (NOSE, 3, 6, 9, 10)  # outer eyes and corners of the mouth
HANDS = ((17, 19, 21), (18, 20, 22))  # little finger, index finger and thumb
PLANES = 3  # torso, arms, head
MIN_ROLL = 12.0  # degrees: a body that leans less is looked at as it stands
_MIN_VISIBILITY = 0.6  # of landmarks whose face, hand or forearm is taken out
# A face of which more lies inside the garment, and less looks like skin, is a print.
_PRINTED = 0.5
_CHIN = 0.9  # distance of the chin from the mouth / that of the nose
_HAND_SCALE = 1.5  # a hand's outline / the hull of its landmarks
_FOREARM_WIDTH = 0.2  # share of the torso's length
_ARM_WIDTH = 0.22  # of a drawn arm, share of the torso's length
_HEAD_RADIUS = 1.1  # of a drawn head, share of the distance between the ears
_MIN_HEAD = 0.16  # likewise at least, share of the torso's length, in a side view


def torso(points: np.ndarray) -> np.ndarray:
    """Return the corners of the torso, (4, 2), once around it.

    Args:
        points: (33, 2 or more), x and y of a body's landmarks.
    """
    return points[[SHOULDERS[0], SHOULDERS[1], HIPS[1], HIPS[0]], :2]


def torso_length(points: np.ndarray) -> float:
    """Return the distance from between the shoulders to between the hips, pixels."""
    corners = torso(points)
    return float(np.linalg.norm(corners[:2].mean(axis=0) - corners[2:].mean(axis=0)))


def roll(points: np.ndarray, least: float = MIN_ROLL) -> float:
    """Return how far a body leans, degrees clockwise; 0 below `least`.

    Args:
        points: (33, 2 or more), x and y of a body's landmarks.
        least: smaller angles count as upright.
    """
    corners = torso(points)
    x, y = corners[:2].mean(axis=0) - corners[2:].mean(axis=0)
    angle = float(np.rad2deg(np.arctan2(x, -y)))
    return angle if abs(angle) >= least else 0.0


def turn(points: np.ndarray, depths: np.ndarray) -> float:
    """Return how far a body is turned away from the camera, 0 to 180 degrees.

    The mean of shoulders and hips: 0 is the front, 90 a side view, 180 the back.

    Args:
        points: (33, 2 or more), x and y of a body's landmarks.
        depths: (33,), in the same unit.
    """
    corners = torso(points)
    up = corners[:2].mean(axis=0) - corners[2:].mean(axis=0)
    across = np.array([-up[1], up[0]]) / max(float(np.linalg.norm(up)), 1e-6)
    facing = 0j
    for left, right in (SHOULDERS, HIPS):
        wide = float((points[left, :2] - points[right, :2]) @ across)
        facing += complex(wide, float(depths[left] - depths[right]))
    return abs(float(np.rad2deg(np.angle(facing))))


def torso_share(points: np.ndarray, mask: np.ndarray) -> float:
    """Return the share of the torso, as far as the photo shows it, inside a mask.

    Args:
        points: (33, 2 or more), x and y of a body's landmarks, the mask's pixels.
        mask: bool (H, W).

    Returns:
        0 to 1; 0 where the torso lies outside of the photo.
    """
    inside = _fill_torso(points, mask.shape)
    return float(mask[inside].mean()) if inside.any() else 0.0


def torso_area(points: np.ndarray, mask: np.ndarray) -> int:
    """Return how many pixels of a torso lie inside a mask, see `torso_share`."""
    return int((_fill_torso(points, mask.shape) & mask).sum())


def _fill_torso(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the torso, bool (H, W)."""
    picture = Image.new("1", (shape[1], shape[0]))
    corners = [tuple(map(float, corner)) for corner in torso(points)]
    ImageDraw.Draw(picture).polygon(corners, fill=1)
    return np.asarray(picture)


def bare_parts(pose: Pose, skin: np.ndarray, garment: np.ndarray) -> np.ndarray:
    """Return the face, and the hands and forearms that are bare.

    A face is never cloth, unless it is printed on the garment: then no skin is seen in
    it. Hands and forearms are where the pose sees them and skin is seen as well: they may
    also lie under a garment or in its pocket.

    Args:
        pose: of the wearer.
        skin: bool (H, W), where the photo shows skin.
        garment: bool (H, W), its mask.

    Returns:
        bool (H, W).
    """
    points, seen = pose.points, pose.visibility >= _MIN_VISIBILITY
    face = Image.new("1", skin.shape[::-1])
    if seen[list(FACE)].all():
        _fill_hull(face, np.vstack([points[list(FACE)], _chin(points)]))
    arms, length = Image.new("1", skin.shape[::-1]), torso_length(points)
    for elbow, wrist, hand in zip(ELBOWS, WRISTS, HANDS, strict=True):
        if seen[[wrist, *hand]].all():
            spread = points[[wrist, *hand]]
            center = spread.mean(axis=0)
            _fill_hull(arms, center + (spread - center) * _HAND_SCALE)
        if seen[[elbow, wrist]].all():
            line = [tuple(map(float, points[index])) for index in (elbow, wrist)]
            width = max(1, round(_FOREARM_WIDTH * length))
            ImageDraw.Draw(arms).line(line, fill=1, width=width)
    bare = np.asarray(arms) & skin
    inside = np.asarray(face)
    is_print = inside.any() and (
        garment[inside].mean() > _PRINTED and skin[inside].mean() < _PRINTED
    )
    return bare if is_print else bare | inside


def _chin(points: np.ndarray) -> np.ndarray:
    """Return a point below the mouth, as far from it as the nose is."""
    mouth = points[[9, 10]].mean(axis=0)
    return mouth + _CHIN * (mouth - points[NOSE])


def _fill_hull(picture: Image.Image, points: np.ndarray) -> None:
    """Fill the convex hull of points (N, 2)."""
    if np.ptp(points, axis=0).min() < 1:  # no area
        return
    corners = points[ConvexHull(points).vertices]
    ImageDraw.Draw(picture).polygon([tuple(map(float, c)) for c in corners], fill=1)


def draw_body(body: np.ndarray | None, window: np.ndarray, size: int) -> np.ndarray:
    """Draw a body into a view.

    Args:
        body: float32 (33, 3), x and y of its landmarks in the photo's pixels, and their
            visibility from 0 to 1; None draws nothing.
        window: (3, 3), a homography from view pixels to photo pixels.
        size: height and width S of the view.

    Returns:
        uint8 (S, S, 3), planes of torso, arms and head; an arm is drawn as strong as it
        is visible.
    """
    planes = [Image.new("L", (size, size)) for _ in range(PLANES)]
    if body is None:
        return np.dstack([np.asarray(plane) for plane in planes])
    moved = transform.matrix_transform(body[:, :2], np.linalg.inv(window))
    # A bound far outside of the view: PIL's coordinates are integers.
    points = np.clip(moved, -4 * size, 5 * size)
    length = torso_length(points)
    ImageDraw.Draw(planes[0]).polygon([tuple(p) for p in torso(points)], fill=255)
    arms = ImageDraw.Draw(planes[1])
    width = max(1, round(_ARM_WIDTH * length))
    for side in (0, 1):
        chain = SHOULDERS[side], ELBOWS[side], WRISTS[side]
        for start, end in zip(chain[:-1], chain[1:], strict=True):
            fill = round(255 * float(min(body[start, 2], body[end, 2])))
            arms.line([*map(tuple, points[[start, end]])], fill=fill, width=width)
    center = points[[NOSE, *EARS]].mean(axis=0)
    spread = float(np.linalg.norm(points[EARS[0]] - points[EARS[1]]))
    radius = max(_HEAD_RADIUS * spread, _MIN_HEAD * length)
    ImageDraw.Draw(planes[2]).ellipse(
        [*(center - radius), *(center + radius)], fill=round(255 * float(body[NOSE, 2]))
    )
    return np.dstack([np.asarray(plane) for plane in planes])
