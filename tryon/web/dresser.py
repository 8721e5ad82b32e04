"""Does what requests ask for, with one pipeline that all of them share."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tryon.batch.garment_cache import Key
from tryon.errors import Refusal
from tryon.files import encode_image
from tryon.pipeline import OnStage, Options, StageTimer, TryOnPipeline
from tryon.report import describe_detection, describe_instances
from tryon.stages import DetectedGarment, prepare, work_image
from tryon.web.config import ServeConfig
from tryon.web.errors import ApiError
from tryon.web.garments import Garments
from tryon.web.sources import Picture
from tryon.zoo import list_patterns

MAX_PATTERNS = 4  # trained patterns that are kept loaded
TYPES = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg"}


@dataclass(frozen=True)
class Order:
    """What a request for a try-on asks for.

    Attributes:
        user: the user's photo.
        shop: the shop's picture; None with a pattern.
        options: see `Options`.
        pattern: name of a trained pattern.
        artifacts: return the layers too.
        format: of the picture: "png", "webp" (lossless both) or "jpeg".
    """

    user: Picture
    shop: Picture | None
    options: Options = field(default_factory=Options)
    pattern: str | None = None
    artifacts: bool = False
    format: str = "png"


@dataclass(frozen=True)
class Dressed:
    """A try-on that is done.

    Attributes:
        image: the file's bytes, for PNG those that `tryon run` writes.
        media_type: of the file.
        report: plain values for JSON.
        layers: PNG files by name; empty unless asked for.
    """

    image: bytes
    media_type: str
    report: Mapping[str, Any]
    layers: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Segmented:
    """A photo whose garments are detected.

    Attributes:
        facts: plain values for JSON, as `tryon segment` writes them, and `size`.
        garment: the selected one; None where there is none.
    """

    facts: Mapping[str, Any]
    garment: DetectedGarment | None

    def cutout(self) -> bytes:
        """Return the garment alone as an RGBA PNG.

        Raises:
            Refusal: there is none.
        """
        return _png(prepare(self._found()).cut())

    def mask(self) -> bytes:
        """Return the garment's matte as a grey PNG.

        Raises:
            Refusal: there is none.
        """
        return _png(prepare(self._found()).full_alpha)

    def _found(self) -> DetectedGarment:
        if self.garment is None:
            line = "your photo: no short-sleeve top was found; use a clearer photo of one"
            raise Refusal("no_garment_in_user_photo", line)
        return self.garment


class Dresser:
    """Dresses people and segments photos; threads may share one.

    Args:
        pipeline: the universal one, loaded.
        config: limits.
        load_pattern: loads a trained pattern, given the pipeline's segmenter.
    """

    def __init__(
        self,
        pipeline: TryOnPipeline,
        config: ServeConfig,
        load_pattern: Callable[..., TryOnPipeline] = TryOnPipeline.from_pretrained,
    ):
        self.garments = Garments(config.max_garment_bytes, config.keep_seconds)
        self._pipeline, self._config = pipeline, config
        self._load_pattern, self._lock = load_pattern, Lock()
        self._patterns: OrderedDict[str, TryOnPipeline] = OrderedDict()

    def dress(self, order: Order, on_stage: OnStage) -> Dressed:
        """Do one try-on.

        Args:
            order: what is asked for.
            on_stage: called with the name of each stage as it begins; what it raises
                ends the work.

        Raises:
            Refusal: with one of the reasons of `errors.REASONS`.
            ApiError: `not_found`: there is no such pattern.
        """
        timer = StageTimer(on_stage)
        pipeline = self._pipeline_of(order.pattern)
        with timer("segment"):
            user, shop = self._find_both(pipeline, order)
        result = pipeline.dress(user, shop, order.options, timer)
        with timer("write"):
            name = Path(f"out.{order.format}")
            image = encode_image(result.image, name, result.icc_profile)
            layers = {}
            if order.artifacts:
                layers = {name: _png(draw()) for name, draw in result.layers.items()}
        report = {**result.report, "seconds": dict(timer.seconds)}
        return Dressed(image, TYPES[order.format], report, layers)

    def segment(self, picture: Picture, instance: int | None) -> Segmented:
        """Detect the garments of a photo.

        The photo is remembered as a user's, so a try-on need not look again.

        Raises:
            Refusal: `unreadable_image` or `too_small`.
        """
        try:
            garment = self._find(self._pipeline, picture, instance)
        except Refusal as refusal:
            if refusal.reason != "no_garment_in_user_photo":
                raise
            return self._describe_empty(picture, instance)
        scale = garment.photo.size[1] / garment.work.shape[1]
        facts = describe_detection(garment.detection, scale)
        return Segmented({"size": list(garment.photo.size), **facts}, garment)

    def _describe_empty(self, picture: Picture, instance: int | None) -> Segmented:
        photo = picture.read(self._config.max_pixels)
        work = work_image(photo)
        found = self._pipeline.segmenter.segment(work, instance)
        rows = describe_instances(found.instances, photo.size[1] / work.shape[1])
        facts = {"size": list(photo.size), "instances": rows, "chosen": None}
        return Segmented({**facts, "several": False}, None)

    def _find_both(
        self, pipeline: TryOnPipeline, order: Order
    ) -> tuple[DetectedGarment, DetectedGarment | None]:
        """Detect both garments at once; of two refusals the user's is raised."""
        instance = order.options.instance
        if order.shop is None:
            return self._find(pipeline, order.user, instance), None
        with ThreadPoolExecutor(max_workers=1) as second_core:
            shop = second_core.submit(self._find, pipeline, order.shop)
            return self._find(pipeline, order.user, instance), shop.result()

    def _find(
        self, pipeline: TryOnPipeline, picture: Picture, instance: int | None = None
    ) -> DetectedGarment:
        def detect() -> DetectedGarment:
            photo = picture.read(self._config.max_pixels)
            return pipeline.find_garment(photo, picture.role, instance)

        # All pipelines share one segmenter: a pattern's garments are everybody's.
        key = Key(picture.sha256, picture.role, picture.role, instance)
        return self.garments.find(key, detect)

    def _pipeline_of(self, pattern: str | None) -> TryOnPipeline:
        if pattern is None:
            return self._pipeline
        with self._lock:  # names only: a path would let requests read any file
            if pattern not in self._patterns and pattern not in list_patterns():
                raise ApiError("not_found", "there is no pattern of this name")
            if pattern not in self._patterns:
                loaded = self._load_pattern(pattern, self._pipeline.segmenter)
                self._patterns[pattern] = loaded
            self._patterns.move_to_end(pattern)
            if len(self._patterns) > MAX_PATTERNS:
                self._patterns.popitem(last=False)
            return self._patterns[pattern]


def _png(image: NDArray[np.uint8]) -> bytes:
    return encode_image(image, Path("layer.png"))
