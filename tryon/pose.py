"""Read the poses of the people in a photo."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mrcnn.pose.inference import (
    PersonConfig,
    Pose,
    find_people,
    person_window,
    read_pose,
)
from mrcnn.runtime import Predictor
from tryon.networks import load_network
from tryon.zoo import ModelCard, shipped_card


@dataclass(frozen=True)
class PoseConfig:
    """Which poses count."""

    min_score: float = 0.8  # minimum probability that a view shows a body
    people: PersonConfig = field(default_factory=PersonConfig)


DEFAULT = PoseConfig()


class PoseReader:
    """Reads the poses of all people in a photo.

    Args:
        detector: of people, see `networks.load_network`.
        network: reads the landmarks of one.
        config: which poses count.
    """

    def __init__(
        self, detector: Predictor, network: Predictor, config: PoseConfig = DEFAULT
    ):
        self.detector, self.network, self.config = detector, network, config

    @classmethod
    def from_pretrained(
        cls, detector: ModelCard | None = None, network: ModelCard | None = None
    ) -> "PoseReader":
        """Load the shipped networks, or those of the cards."""
        return cls(
            load_network(detector or shipped_card("person_detector"), "person_detector"),
            load_network(network or shipped_card("pose"), "pose"),
        )

    def __call__(self, image: NDArray[np.uint8]) -> list[Pose]:
        """Read the poses of a photo.

        Args:
            image: uint8 (H, W, 3).

        Returns:
            One pose for each person, in the order of the detector's scores.
        """
        size, people = self.network.image_size, self.config.people
        windows = [
            person_window(person.center, person.rim, size, people)
            for person in find_people(self.detector, image, people)
        ]
        poses = [read_pose(self.network, image, w, config=people) for w in windows]
        return [pose for pose in poses if pose.score >= self.config.min_score]
