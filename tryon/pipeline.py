"""Two photos in, one photo out: start reading here.

    I1 -- segment -- S1 --+
    I2 -- segment -- S2 --+-- transfer -- out1 --+
                  +-- S3 ------------------------+-- composite -- out2

`TryOnPipeline.__call__` is that picture. Each step is one function of one file:
`segment.Segmenter`, `stages.Garment`, `transfer.UniversalTransfer`, `composite` below,
`judge`.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from compositor import composite_strips, mask_box, seam_energy, style_distance
from tryon import judge
from tryon.errors import MissingModel, Refusal
from tryon.images import shrink
from tryon.pattern_files import check_limits
from tryon.report import build_report
from tryon.segment import Segmenter
from tryon.stages import STRIP_ROWS, Garment, work_image
from tryon.transfer import (
    Drawable,
    PatternTransfer,
    Transferred,
    UniversalTransfer,
)
from tryon.types import Instance, Photo, TryOnResult
from tryon.zoo import FINDERS, ModelCard, pattern_card, shipped_card

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What a user may ask of one pair."""

    force: bool = False  # the refusals that may be overruled become warnings
    instance: int | None = None  # which find in the user's photo; None: the largest
    seed: int = 0  # nothing is drawn at random today; kept in the report


@dataclass
class Stopwatch:
    """Seconds of each stage, and who is told when one begins."""

    tell: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time one stage."""
        self.tell(stage)
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 4)


class TryOnPipeline:
    """Puts the garment of a shop picture on the person of a photo.

    Args:
        segmenter: finds the garments.
        transfer: makes the new garment; called with both `Garment`s.
        cards: the models' cards, for the report.
        limits: what is refused.

    Example:
        >>> pipeline = TryOnPipeline.from_pretrained()  # doctest: +SKIP
        >>> result = pipeline(read_photo(me), read_photo(tee))  # doctest: +SKIP
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
        cls, pattern: str | None = None, segmenter: Segmenter | None = None
    ) -> "TryOnPipeline":
        """Load the shipped models, or a pattern by name in the generator's place.

        Args:
            pattern: its name or the path of its card; None: the universal generator.
            segmenter: the shipped one, when it is loaded already.

        Raises:
            MissingModel: a model is not there, or not what its card says.
        """
        cards = pipeline_cards(pattern)
        segmenter = segmenter or Segmenter.from_pretrained(*finders_of(cards))
        if pattern is not None:
            return cls(segmenter, load_pattern(pattern, cards[-1]), cards)
        return cls(segmenter, UniversalTransfer.from_cards(*cards[-2:]), cards)

    def __call__(
        self,
        user_image: Photo,
        shop_image: Photo,
        options: Options | None = None,
        tell: Progress = lambda stage: None,
    ) -> TryOnResult:
        """Dress the user.

        Args:
            user_image: I2, wearing a short-sleeve top.
            shop_image: I1, a short-sleeve top.
            options: see `Options`.
            tell: called with the name of each stage as it begins.

        Returns:
            The result; pixels where the matte is 0 are the user's own, bit for bit.

        Raises:
            Refusal: with one of the reasons of `errors.REASONS`.
        """
        options, watch = options or Options(), Stopwatch(tell)
        with watch("segment"):
            user, shop = self._find_both(user_image, shop_image, options.instance)
        return self.dress(user, shop, options, watch)

    def dress(
        self, user: Garment, shop: Garment, options: Options, watch: Stopwatch
    ) -> TryOnResult:
        """Put the shop's garment in the place of the user's, both found already.

        Args:
            user: the garment of I2; what is worked out of its photo is kept with it.
            shop: that of I1.
            options: see `Options`.
            watch: times the stages.

        Raises:
            Refusal: the garments cannot be judged fit for each other.
        """
        warnings = self._judge(user, shop, options.force)
        with ThreadPoolExecutor(max_workers=1) as beside:  # on the other core
            with watch("matte"):
                theirs = beside.submit(lambda: shop.alpha)
                _ = user.alpha, theirs.result()
            colours = beside.submit(lambda: user.spill)
            with watch("transfer"):
                out1 = self.transfer(user, shop)
                warnings += doubts(out1)
            away = beside.submit(distance, user, shop, out1)
            with watch("composite"):
                colours.result()
                image = composite(user, out1)
            with watch("judge"):
                scores = measure(user, shop, out1, image, away.result())
        report = build_report(
            self, user, shop, scores, warnings, watch.seconds, asdict(options)
        )
        layers = {
            "s1": shop.cut,
            "s2": user.cut,
            "s3": user.remove,
            "out1": lambda: draw_out1(user, out1),
        }
        return TryOnResult(image, layers, report, user.photo.icc_profile)

    def find_pair(
        self, user_image: Photo, shop_image: Photo, options: Options
    ) -> tuple[Garment, Garment, list[str]]:
        """Find both garments and judge whether they fit; returns the warnings too.

        Raises:
            Refusal: with one of the reasons of `errors.REASONS`.
        """
        user, shop = self._find_both(user_image, shop_image, options.instance)
        return user, shop, self._judge(user, shop, options.force)

    def _find_both(
        self, user_image: Photo, shop_image: Photo, pick: int | None
    ) -> tuple[Garment, Garment]:
        """Find both garments at once; of two refusals the user's counts."""
        with ThreadPoolExecutor(max_workers=1) as beside:
            theirs = beside.submit(self.find, shop_image, "shop", None)
            return self.find(user_image, "user", pick), theirs.result()

    def find(self, photo: Photo, role: str, pick: int | None) -> Garment:
        """Find the garment of a photo, or refuse."""
        work = work_image(photo)
        instances, found = self.segmenter.look(work, pick)
        if found is None:
            remedy = f", or another --instance than {pick}"
            if pick is None:
                sure_from = self.segmenter.config.score_threshold
                remedy = _others(instances, sure_from) if role == "user" else ""
            raise Refusal(
                f"no_garment_in_{role}_photo",
                f"{photo.name}: no short-sleeve top was found; use a clearer photo of one"
                + remedy,
            )
        return Garment(photo, work, found)

    def _judge(self, user: Garment, shop: Garment, force: bool) -> list[str]:
        found = [
            *judge.check_garment(user, "photo", self.limits),
            *judge.check_garment(shop, "picture", self.limits),
            *judge.check_pair(user, shop, self.limits),
        ]
        return judge.enforce(found, force)


def pipeline_cards(pattern: str | None) -> tuple[ModelCard, ...]:
    """Return the cards of the models that make a pipeline, the generator's last.

    Raises:
        MissingModel: a model is not there, or not what its card says.
    """
    finders = shipped_card("segmenter"), shipped_card("refiner")
    if pattern is not None:  # it takes nothing of the shop picture, and reads no light
        card = pattern_card(pattern)
        charts = (shipped_card("chart"),) if takes_places(card) else ()
        return *finders, *charts, card
    names = "chart", "shading", "universal"
    return *finders, *map(shipped_card, names)


def takes_places(card: ModelCard) -> bool:
    """Tell whether a pattern has a texture, which lies on the garment's chart."""
    config = card.values["config"]
    return isinstance(config, dict) and bool(config.get("texture"))


def finders_of(cards: Iterable[ModelCard]) -> list[ModelCard]:
    """Return those of a pipeline's models that find and read garments."""
    return [card for card in cards if card.values["kind"] in FINDERS]


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


def _others(instances: tuple[Instance, ...], sure_from: float) -> str:
    """Name finds of other classes, or doubtful ones, that may be taken all the same."""
    names = [
        f"{k} for the {found.label_name}"
        if found.score >= sure_from
        else f"{k} with --force for what may be a {found.label_name}"
        for k, found in enumerate(instances)
    ]
    return f", or take another find with --instance ({', '.join(names)})" * bool(names)


def doubts(out1: Transferred) -> list[str]:
    """Say when the charts did not place the cloth, or landmarks speak against it."""
    way = out1.warp.method if out1.warp else "chart"
    said = []
    if way != "chart":
        by = "landmarks" if way == "landmarks" else "outlines"
        line = f"the print was placed by {by}: the cloth's own places could not be read"
        said.append(line)
    if out1.landmark_distance > judge.FAR:
        said.append(
            "the print may lie off: collar, sleeves and hem do not meet the shop's"
        )
    return said


def composite(user: Garment, out1: Drawable) -> NDArray[np.uint8]:
    """Lay out1 over S3 at the photo's own size, strip by strip."""
    x1, y1, x2, y2 = mask_box(user.full_alpha > 0)
    columns = slice(x1, x2)

    def garment_rows(rows: slice) -> NDArray[np.float32]:
        return out1.draw(*user.places(rows, columns))

    def alpha_rows(rows: slice) -> NDArray[np.float32]:
        return user.full_alpha[rows, columns].astype(np.float32) / np.float32(255)

    def background_rows(rows: slice) -> NDArray[np.float32]:
        return user.behind(rows, columns)

    return composite_strips(
        user.photo.image,
        (x1, y1, x2, y2),
        STRIP_ROWS,
        garment_rows,
        alpha_rows,
        background_rows,
    )


def draw_out1(user: Garment, out1: Transferred) -> NDArray[np.uint8]:
    """Draw the new garment alone, RGBA at the photo's own size."""
    result = np.zeros((*user.photo.size, 4), np.uint8)
    x1, y1, x2, y2 = mask_box(user.full_alpha > 0)
    for start in range(y1, y2, STRIP_ROWS):
        rows = slice(start, min(start + STRIP_ROWS, y2))
        colours = out1.draw(*user.places(rows, slice(x1, x2)))
        alpha = user.full_alpha[rows, x1:x2]
        result[rows, x1:x2, :3] = np.rint(colours) * (alpha > 0)[..., None]
        result[rows, x1:x2, 3] = alpha
    return result


def distance(user: Garment, shop: Garment, out1: Transferred) -> float:
    """Return how far out1's colours are from the shop's, see `style_distance`."""
    x1, y1, x2, y2 = user.box
    drawn = out1.draw(np.arange(y1, y2), np.arange(x1, x2))
    return style_distance(drawn, user.alpha[y1:y2, x1:x2], shop.work, shop.alpha)


def measure(
    user: Garment,
    shop: Garment,
    out1: Transferred,
    image: NDArray[np.uint8],
    away: float,
) -> dict[str, float]:
    """Return the scores of a result, measured at the working size.

    Args:
        user: has S2.
        shop: has S1.
        out1: the new garment.
        image: uint8 (H, W, 3), the result.
        away: the `distance` of their colours.
    """
    result = shrink(image, max(user.alpha.shape))
    distortion = out1.warp.distortion if out1.warp else 0.0
    way = out1.warp.method if out1.warp else "chart"
    return {
        "score": judge.total_score(
            user.found, shop.found, distortion, away, way, out1.landmark_distance
        ),
        "warp_distortion": float(distortion),
        "landmark_distance": out1.landmark_distance,
        "style_distance": away,
        "seam_energy": seam_energy(result, user.work, user.alpha),
    }
