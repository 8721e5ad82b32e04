"""Where a batch has its pipelines from."""

import logging
from pathlib import Path
from typing import Protocol

import compositor
import mrcnn
from mrcnn.predictor import runtime_of
from mrcnn.runtime import fingerprint
from tryon import images, segment
from tryon.batch.segmentation_cache import RememberingSegmenter
from tryon.pipeline import TryOnPipeline, finders_of, pipeline_cards
from tryon.quiet import silent_stderr
from tryon.segment import Segmenter
from tryon.zoo import ModelCard, user_cache

_logger = logging.getLogger(__name__)


class Models(Protocol):
    """Where a batch has its pipelines from; it travels to other processes."""

    def cards(self, pattern: str | None) -> tuple[ModelCard, ...]:
        """Return the cards of a pipeline's models, without loading them."""

    def load(self, pattern: str | None, segmenter: Segmenter | None) -> TryOnPipeline:
        """Load a pipeline; the segmenter is that of one loaded before."""


class ShippedModels:
    """The shipped models, and patterns by name."""

    def cards(self, pattern: str | None) -> tuple[ModelCard, ...]:
        """Return the cards of a pipeline's models."""
        return pipeline_cards(pattern)

    def load(self, pattern: str | None, segmenter: Segmenter | None) -> TryOnPipeline:
        """Load a pipeline; what its segmenter sees is kept in the user's cache."""
        # A network that is not converted yet starts TensorFlow.
        with silent_stderr(unless=_logger.isEnabledFor(logging.DEBUG)):
            pipeline = TryOnPipeline.from_pretrained(pattern, segmenter)
        if segmenter is None:
            stamp = segmenter_stamp(pipeline)
            folder = user_cache() / "sights"
            pipeline.segmenter = RememberingSegmenter(pipeline.segmenter, folder, stamp)
        return pipeline


def segmenter_stamp(pipeline: TryOnPipeline) -> str:
    """Return a name for all that decides what a pipeline's segmenter sees."""
    networks = [card.sha256 for card in finders_of(pipeline.cards)]
    rooms = (Path(str(room.__file__)).parent for room in (mrcnn, compositor))
    code = [path for room in rooms for path in sorted(room.rglob("*.py"))]
    code += [Path(segment.__file__), Path(images.__file__)]
    runtime = runtime_of(pipeline.segmenter.predictor)
    return fingerprint(*networks, runtime, *code)
