"""Load the pipelines of a batch."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import compositor
import mrcnn
from mrcnn.runtime import fingerprint
from tryon import clothes, images, pose, segment, sleeves
from tryon.batch.segmentation_cache import CachedSegmenter
from tryon.pipeline import TryOnPipeline, detection_cards, pipeline_cards
from tryon.quiet import silent_stderr
from tryon.segment import Segmenter
from tryon.zoo import ModelCard, user_cache

_logger = logging.getLogger(__name__)


class Models(Protocol):
    """Loads the pipelines of a batch; it is sent to other processes."""

    def cards(self, pattern: str | None) -> tuple[ModelCard, ...]:
        """Return the cards of a pipeline's models, without loading them."""

    def load(self, pattern: str | None, segmenter: Segmenter | None) -> TryOnPipeline:
        """Load a pipeline; the segmenter is that of one loaded before."""


@dataclass(frozen=True)
class ShippedModels:
    """The shipped models, and patterns by name.

    Attributes:
        own: cards by kind, of models that stand in for shipped ones.
    """

    own: Mapping[str, ModelCard] = field(default_factory=dict)

    def cards(self, pattern: str | None) -> tuple[ModelCard, ...]:
        """Return the cards of a pipeline's models."""
        return pipeline_cards(pattern, self.own)

    def load(self, pattern: str | None, segmenter: Segmenter | None) -> TryOnPipeline:
        """Load a pipeline whose segmentations are cached on disk."""
        # A network that is not converted yet starts TensorFlow.
        with silent_stderr(unless=_logger.isEnabledFor(logging.DEBUG)):
            pipeline = TryOnPipeline.from_pretrained(pattern, segmenter, self.own)
        if segmenter is None:
            stamp = segmenter_stamp(pipeline)
            folder = user_cache() / "sights"  # named so since the first release
            pipeline.segmenter = CachedSegmenter(pipeline.segmenter, folder, stamp)
        return pipeline


def segmenter_stamp(pipeline: TryOnPipeline) -> str:
    """Return a hash of all that a pipeline's segmentations depend on."""
    networks = [card.sha256 for card in detection_cards(pipeline.cards)]
    rooms = (Path(str(room.__file__)).parent for room in (mrcnn, compositor))
    code = [path for room in rooms for path in sorted(room.rglob("*.py"))]
    parts = (segment, clothes, images, pose, sleeves)
    code += [Path(str(part.__file__)) for part in parts]
    return fingerprint(*networks, pipeline.segmenter.predictor.runtime, *code)
