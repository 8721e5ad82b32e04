"""Two photos in, one photo out: start reading here.

    I1 -- segment -- S1 --+
    I2 -- segment -- S2 --+-- transfer -- out1 --+
                  +-- S3 ------------------------+-- composite -- out2

`TryOnPipeline.__call__` is that picture. Each step is one function of one file:
`segment.Segmenter`, `stages.prepare_pair`, `transfer.UniversalTransfer`, `composite`
below, `judge`.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from compositor import composite_strips, mask_box, seam_energy, style_distance
from tryon import judge
from tryon.errors import MissingModel, Refusal
from tryon.images import PhotoSource, read_photo, shrink
from tryon.neckline import LOWER_NECKLINE, cover_neck, is_lower
from tryon.pattern_files import check_limits
from tryon.report import build_report
from tryon.segment import Segmenter, describe_missing
from tryon.stages import (
    STRIP_ROWS,
    DetectedGarment,
    Garment,
    Spill,
    background,
    estimate_spill,
    prepare_pair,
    work_image,
)
from tryon.transfer import (
    Drawable,
    PatternTransfer,
    Relit,
    Transferred,
    UniversalTransfer,
)
from tryon.types import Instance, Photo, TryOnResult
from tryon.zoo import DETECTION_KINDS, ModelCard, pattern_card, shipped_card

OnStage = Callable[[str], None]
# Category ids of tops without short sleeves: long sleeve top, vest, sling.
OTHER_TOPS = (2, 5, 6)


@dataclass(frozen=True)
class Options:
    """What a user may ask of one pair."""

    force: bool = False  # refusals that may be overruled become warnings
    instance: int | None = None  # index of the detection in the user's photo
    seed: int = 0  # nothing is drawn at random today; kept in the report


@dataclass
class StageTimer:
    """Seconds of each stage, and a callback that is told when one begins.

    Example:
        >>> timer = StageTimer(print)
        >>> with timer("matte"):
        ...     pass
        matte
        >>> list(timer.seconds)
        ['matte']
    """

    on_stage: OnStage = lambda stage: None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time one stage."""
        self.on_stage(stage)
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 4)


class TryOnPipeline:
    """Puts the garment of a shop picture on the person of a photo.

    A pipeline holds no state of a call: several threads may share one.

    Args:
        segmenter: detects the garments.
        transfer: makes the new garment; called with both `Garment`s.
        cards: the models' cards, for the report.
        limits: what is refused.

    Example:
        >>> pipeline = TryOnPipeline.from_pretrained()
        >>> result = pipeline("examples/me.jpg", "examples/tee.jpg")
        >>> result.image.shape, result.report["status"]
        ((640, 512, 3), 'done')
    """

    def __init__(
        self,
        segmenter: Segmenter,
        transfer: UniversalTransfer | PatternTransfer,
        cards: tuple[ModelCard, ...] = (),
        limits: judge.JudgeConfig | None = None,
    ):
        self.segmenter = segmenter
        self.transfer = transfer
        self.cards = cards
        self.limits = limits or judge.JudgeConfig()

    @classmethod
    def from_pretrained(
        cls,
        pattern: str | None = None,
        segmenter: Segmenter | None = None,
        models: Mapping[str, ModelCard] = MappingProxyType({}),
    ) -> "TryOnPipeline":
        """Load the shipped models, or a trained pattern in place of the generator.

        Args:
            pattern: its name or the path of its card; None: the universal generator.
            segmenter: of these models, when it is loaded already.
            models: cards by kind ("segmenter", "refiner"), of models that stand in for
                shipped ones; see `zoo.load_card`.

        Raises:
            MissingModel: a model is not there, or is not the file its card describes.
        """
        cards = pipeline_cards(pattern, models)
        segmenter = segmenter or load_segmenter(cards)
        if pattern is not None:
            return cls(segmenter, load_pattern(pattern, cards[-1]), cards)
        return cls(segmenter, UniversalTransfer.from_cards(*cards[-2:]), cards)

    def __call__(
        self,
        user_image: PhotoSource,
        shop_image: PhotoSource | None,
        options: Options | None = None,
        on_stage: OnStage = lambda stage: None,
    ) -> TryOnResult:
        """Dress the user.

        Args:
            user_image: I2, wearing a short-sleeve top: a path, file object, PIL image,
                uint8 array or `Photo`, see `read_photo`.
            shop_image: I1, a short-sleeve top; likewise. None with a pattern, whose own
                print needs no picture.
            options: see `Options`.
            on_stage: called with the name of each stage as it begins.

        Returns:
            The result; pixels where the matte is 0 are the user's own, bit for bit.

        Raises:
            Refusal: with one of the reasons of `errors.REASONS`.
            TypeError: there is neither a shop image nor a pattern.
        """
        if shop_image is None and not isinstance(self.transfer, PatternTransfer):
            raise TypeError("expected a shop image: only a pattern needs none")
        options, timer = options or Options(), StageTimer(on_stage)
        user_photo = read_photo(user_image)
        shop_photo = None if shop_image is None else read_photo(shop_image)
        with timer("segment"):
            user, shop = self._find_both(user_photo, shop_photo, options.instance)
        return self.dress(user, shop, options, timer)

    def dress(
        self,
        user: DetectedGarment,
        shop: DetectedGarment | None,
        options: Options,
        timer: StageTimer,
    ) -> TryOnResult:
        """Put the shop's garment in the place of the user's, both detected already.

        Args:
            user: the garment of I2; values computed of it are cached with it.
            shop: that of I1; None with a pattern.
            options: see `Options`.
            timer: times the stages.

        Raises:
            Refusal: the garments do not fit each other.
        """
        warnings = self._judge(user, shop, options.force)
        with ThreadPoolExecutor(max_workers=1) as second_core:
            with timer("matte"):
                s2, s1 = self._prepare(user, shop, second_core)
            spill = second_core.submit(estimate_spill, s2)
            with timer("transfer"):
                out1 = self._transfer(s2, s1)
            color_distance = second_core.submit(color_distance_to_shop, s2, s1, out1)
            with timer("composite"):
                image = composite(s2, out1, spill.result())
            with timer("judge"):
                warnings += judge.placement_warnings(out1.placement, self.limits)
                if s1 is not None and isinstance(out1, Relit) and is_lower(s2, s1):
                    warnings.append(LOWER_NECKLINE)
                scores = measure(s2, s1, out1, image, color_distance.result())
        report = build_report(
            self.cards,
            self.transfer.name,
            s2,
            s1,
            scores,
            warnings,
            timer.seconds,
            asdict(options),
        )
        layers = {} if s1 is None else {"s1": s1.cut}
        layers |= {
            "s2": s2.cut,
            "s3": s2.remove,
            "out1": lambda: draw_out1(s2, out1),
        }
        return TryOnResult(image, layers, report, s2.photo.icc_profile)

    def find_pair(
        self, user_image: Photo, shop_image: Photo, options: Options
    ) -> tuple[Garment, Garment, list[str]]:
        """Detect and cut out both garments, and judge whether they fit.

        Returns:
            Both garments, and the warnings.

        Raises:
            Refusal: with one of the reasons of `errors.REASONS`.
        """
        user, shop = self._find_both(user_image, shop_image, options.instance)
        warnings = self._judge(user, shop, options.force)
        with ThreadPoolExecutor(max_workers=1) as second_core:
            s2, s1 = self._prepare(user, shop, second_core)
        assert s1 is not None
        return s2, s1, warnings

    def _find_both(
        self, user_image: Photo, shop_image: Photo | None, instance: int | None
    ) -> tuple[DetectedGarment, DetectedGarment | None]:
        """Detect both garments at once; of two refusals the user's is raised."""
        if shop_image is None:
            return self.find_garment(user_image, "user", instance), None
        with ThreadPoolExecutor(max_workers=1) as second_core:
            shop = second_core.submit(self.find_garment, shop_image, "shop", None)
            return self.find_garment(user_image, "user", instance), shop.result()

    def _prepare(
        self, user: DetectedGarment, shop: DetectedGarment | None, second_core: Executor
    ) -> tuple[Garment, Garment | None]:
        """Compute both mattes, S2's with the skin that S1's neckline covers."""
        s2, s1 = prepare_pair(user, shop, second_core)
        if s1 is None or isinstance(self.transfer, PatternTransfer):
            return s2, s1
        return cover_neck(s2, s1), s1

    def _transfer(self, user: Garment, shop: Garment | None) -> Transferred:
        if isinstance(self.transfer, PatternTransfer):
            return self.transfer(user, shop)
        assert shop is not None
        return self.transfer(user, shop)

    def find_garment(
        self, photo: Photo, role: str, instance: int | None = None
    ) -> DetectedGarment:
        """Detect the garment of a photo.

        Args:
            photo: the photo.
            role: "user" or "shop".
            instance: index of the detection; None takes the largest short-sleeve top.

        Raises:
            Refusal: `no_garment_in_user_photo` or `no_garment_in_shop_photo`.
        """
        work = work_image(photo)
        others = OTHER_TOPS if role == "shop" else ()  # `judge` refuses them by name
        instances, garment = self.segmenter.segment(work, instance, others)
        if garment is not None:
            return DetectedGarment(photo, work, garment)
        message = "no short-sleeve top was found; use a clearer photo of one"
        if instance is not None:
            message = describe_missing(instance, len(instances))
        elif role == "user":
            threshold = self.segmenter.config.score_threshold
            message += _name_others(instances, threshold)
        raise Refusal(f"no_garment_in_{role}_photo", f"{photo.name}: {message}")

    def _judge(
        self, user: DetectedGarment, shop: DetectedGarment | None, force: bool
    ) -> list[str]:
        refusals = judge.check_garment(user, "photo", self.limits)
        if shop is None:
            return judge.enforce(refusals, force)
        refusals += judge.check_garment(shop, "picture", self.limits)
        refusals += judge.check_pair(user, shop, self.limits)
        if not judge.are_swapped(user.detection, shop.detection):
            return judge.enforce(refusals, force)
        refusals = [Refusal(r.reason, f"{r.message}; {judge.SWAPPED}") for r in refusals]
        return [judge.SWAPPED, *judge.enforce(refusals, force)]


def pipeline_cards(
    pattern: str | None, models: Mapping[str, ModelCard] = MappingProxyType({})
) -> tuple[ModelCard, ...]:
    """Return the cards of the models that make a pipeline, the generator's last.

    Args:
        pattern: its name or the path of its card; None: the universal generator.
        models: cards by kind, of models that stand in for shipped ones.

    Raises:
        MissingModel: a model is not there, or is not the file its card describes.
    """
    names = "person_detector", "pose", "segmenter", "refiner", "semantic", "matting"
    detection = tuple(models.get(name) or shipped_card(name) for name in names)
    if pattern is not None:  # it needs neither the shop picture nor its shading
        card = pattern_card(pattern)
        charts = (shipped_card("chart"),) if has_texture(card) else ()
        return *detection, *charts, card
    rest = "chart", "shading", "universal"
    return *detection, *map(shipped_card, rest)


def has_texture(card: ModelCard) -> bool:
    """Tell whether a pattern has a texture, which lies on the garment's chart."""
    config = card.values["config"]
    return isinstance(config, dict) and bool(config.get("texture"))


def detection_cards(cards: Iterable[ModelCard]) -> list[ModelCard]:
    """Return those of a pipeline's models that detect and read garments."""
    return [card for card in cards if card.values["kind"] in DETECTION_KINDS]


def load_segmenter(cards: Iterable[ModelCard]) -> Segmenter:
    """Load the networks that detect garments, of a pipeline's models."""
    by_kind = {card.values["kind"]: card for card in detection_cards(cards)}
    garments = (by_kind.get(kind) for kind in ("segmenter", "refiner", "chart"))
    return Segmenter.from_pretrained(*garments)


def load_pattern(name: str, card: ModelCard) -> PatternTransfer:
    """Load the generator of a pattern; its files may come from anywhere.

    Raises:
        MissingModel: its config is too large, or its arrays do not fit it.
    """
    try:
        check_limits(card)
        return PatternTransfer.from_card(name)
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise MissingModel(
            f"{card.path}: cannot be used ({error}); train the pattern again"
        ) from error


def _name_others(instances: tuple[Instance, ...], threshold: float) -> str:
    """Name detections that `--instance` may take: other classes, and doubtful ones."""
    names = [
        f"{index} for the {found.label_name}"
        if found.score >= threshold
        else f"{index} with --force for what may be a {found.label_name}"
        for index, found in enumerate(instances)
    ]
    return f", or take another garment with --instance ({', '.join(names)})" * bool(names)


def composite(
    user: Garment, out1: Drawable, spill: Spill | None = None
) -> NDArray[np.uint8]:
    """Lay out1 over S3 at the photo's own size, strip by strip.

    Args:
        user: has S2.
        out1: the new garment.
        spill: of the old one; None estimates it.

    Returns:
        uint8 (H, W, 3).
    """
    spill = estimate_spill(user) if spill is None else spill
    x1, y1, x2, y2 = mask_box(user.full_alpha > 0)
    columns = slice(x1, x2)

    def garment_rows(rows: slice) -> NDArray[np.float32]:
        return out1.draw(*user.raster(rows, columns))

    def alpha_rows(rows: slice) -> NDArray[np.float32]:
        return user.full_alpha[rows, columns].astype(np.float32) / np.float32(255)

    def background_rows(rows: slice) -> NDArray[np.float32]:
        return background(user, spill, rows, columns)

    return composite_strips(
        user.photo.image,
        (x1, y1, x2, y2),
        STRIP_ROWS,
        garment_rows,
        alpha_rows,
        background_rows,
    )


def draw_out1(user: Garment, out1: Drawable) -> NDArray[np.uint8]:
    """Draw the new garment alone, RGBA at the photo's own size."""
    result = np.zeros((*user.photo.size, 4), np.uint8)
    x1, y1, x2, y2 = mask_box(user.full_alpha > 0)
    for start in range(y1, y2, STRIP_ROWS):
        rows = slice(start, min(start + STRIP_ROWS, y2))
        colors = out1.draw(*user.raster(rows, slice(x1, x2)))
        alpha = user.full_alpha[rows, x1:x2]
        result[rows, x1:x2, :3] = np.rint(colors) * (alpha > 0)[..., None]
        result[rows, x1:x2, 3] = alpha
    return result


def color_distance_to_shop(
    user: Garment, shop: Garment | None, out1: Drawable
) -> float | None:
    """Return the distance of out1's colours from the shop's, see `style_distance`.

    None without a shop picture.
    """
    if shop is None:
        return None
    x1, y1, x2, y2 = user.box
    drawn = out1.draw(np.arange(y1, y2), np.arange(x1, x2))
    return style_distance(drawn, user.alpha[y1:y2, x1:x2], shop.work, shop.alpha)


def measure(
    user: Garment,
    shop: Garment | None,
    out1: Transferred,
    image: NDArray[np.uint8],
    color_distance: float | None,
) -> dict[str, float | None]:
    """Return the scores of a result, measured at the working size.

    Args:
        user: has S2.
        shop: has S1; None without a shop picture.
        out1: the new garment.
        image: uint8 (H, W, 3), the result.
        color_distance: of `color_distance_to_shop`.

    Returns:
        Scores by name; "style_distance" is None without a shop picture.
    """
    result = shrink(image, max(user.alpha.shape))
    placement = out1.placement
    return {
        "score": judge.total_score(
            user.detection,
            None if shop is None else shop.detection,
            placement,
            color_distance,
        ),
        "warp_distortion": float(placement.distortion),
        "landmark_distance": placement.landmark_distance,
        "largest_stretch": placement.stretch,
        "style_distance": color_distance,
        "seam_energy": seam_energy(result, user.work, user.alpha),
    }
