"""Draw training samples for the refiner: garments, and false proposals as negatives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_tools.annotations import (
    SHORT_SLEEVE_TOP,
    AnnotatedPhoto,
)
from data_tools.augment.backdrops import (
    cut_backdrops,
    draw_backdrop,
    swap_background,
)
from data_tools.augment.occluders import (
    CutOut,
    apply_occluder,
    cut_occluders,
    draw_occluder,
)
from data_tools.augment.views import photometric_augmenter
from mrcnn.pose.body import torso_share
from mrcnn.refiner.data import NO_PART, Change, Region
from mrcnn.windows import box_or_frame
from tryon.training.samples.class_swaps import (
    EditableGarment,
    shorten_top_sleeves,
    swap_class,
)
from tryon.training.samples.part_labels import read_parts
from tryon.training.samples.regions import Candidate, TrainingRegions, class_of
from tryon.training.samples.sleeveless import make_sleeveless


@dataclass(frozen=True)
class HintConfig:
    """Which first-stage mask (the hint) a garment comes with.

    Without a hint, `mrcnn.refiner.data` corrupts the true mask instead.
    """

    corrupt_probability: float = 0.5  # the proposal's own mask is not used
    # Probability that a corrupted mask takes in what hangs below the garment, how far
    # down, as a share of the garment's height, and its resolution: cells along the longer
    # side, as of a Mask R-CNN mask.
    below_probability: float = 0.12
    below_height: tuple[float, float] = (0.15, 0.9)
    below_cells: int = 28
    # Probability that a top in a shop's picture loses its sleeves, and how much else such
    # a picture may show, as a share of it.
    sleeveless_probability: float = 0.25
    max_beside: float = 0.002


@dataclass(frozen=True)
class RecolorConfig:
    """Which other cloth a garment is given."""

    panel_probability: float = 0.5  # only a panel of the garment gets the new cloth
    invert_probability: float = 0.5  # all but the drawn panel gets it
    # Draws below the first are a color of the surroundings, below the second a random
    # plain color, above it a texture.
    surroundings: float = 0.35
    plain: float = 0.65
    plain_range: tuple[int, int] = (10, 245)  # grey levels of a plain color's channels
    # Shading of the old cloth, relative to its median, that the new one takes over; so
    # many grey levels are added before, or dark cloth would have too strong a shading.
    shading_range: tuple[float, float] = (0.3, 1.8)
    shading_offset: int = 20


@dataclass(frozen=True)
class RefinerSamplesConfig:
    """Settings of the refiner's training samples.

    Fields that end in `_probability` are the share of views that get the change.
    """

    background_probability: float = 0.4  # the background is swapped, where it is known
    recolor_probability: float = 0.2  # the garment gets another cloth
    occlude_probability: float = 0.4  # something is drawn in front
    low_resolution_probability: float = 0.25
    backdrops: int = 150  # pieces of photos cut out for new backgrounds
    cut_outs: int = 300  # occluders cut out of photos
    # Probability that the hint, too, is cut where something is drawn in front.
    occlude_hint_probability: float = 0.5
    hints: HintConfig = field(default_factory=HintConfig)
    cloth: RecolorConfig = field(default_factory=RecolorConfig)


DEFAULT = RefinerSamplesConfig()


class RegionLoader:
    """Loads the region of an index, see `Candidate`.

    Args:
        photos: by the candidates' photo indices.
        regions: the candidates and their first-stage masks.
        config: which first-stage mask a garment comes with.
    """

    def __init__(
        self,
        photos: Sequence[AnnotatedPhoto],
        regions: TrainingRegions,
        config: HintConfig = DEFAULT.hints,
    ):
        self.photos, self.regions, self.config = photos, regions, config

    def __call__(self, index: int, rng: np.random.Generator) -> Region:
        """Return the region.

        Raises:
            BadPhotoError: when its photo cannot be read.
        """
        candidate = self.regions.candidates[index]
        photo = self.photos[candidate.photo]
        image = photo.image()
        hint = self._read_hint(candidate, image.shape[:2])
        if candidate.garment is None:
            parts = read_parts(photo)
            region = Region(image, None, hint, candidate.label, parts=parts)
        else:
            region = self._load_garment(candidate, photo, image, hint, rng)
        bodies = list(self.regions.bodies.get(candidate.photo, ()))
        return replace(region, body=choose_body(bodies, region.mask_or_hint > 0.5))

    def _load_garment(
        self,
        candidate: Candidate,
        photo: AnnotatedPhoto,
        image: NDArray[np.uint8],
        hint: NDArray[np.float32] | None,
        rng: np.random.Generator,
    ) -> Region:
        """Return an annotated garment's region, altered to another class at times."""
        garments, foreground = photo.garments(), photo.foreground()
        assert candidate.garment is not None
        garment, label = garments[candidate.garment], candidate.label
        parts = read_parts(photo, garments, foreground)
        if (
            label == SHORT_SLEEVE_TOP
            and rng.random() < self.config.sleeveless_probability
        ):
            vest = self._cut_sleeves(image, garment.mask, foreground, rng)
            if vest is not None:
                return vest
        editable = EditableGarment(image, garment.mask, foreground, photo.skin, parts)
        if candidate.shortened:
            altered = shorten_top_sleeves(editable, garments, label, rng)
            label = class_of(garment)
        else:
            altered = swap_class(editable, garments, label, rng)
        if altered is not None:
            return altered
        if rng.random() < self.config.corrupt_probability:
            hint = None
        extend = self.config.below_probability
        if hint is None and foreground is not None and rng.random() < extend:
            hint = extend_mask_below(garment.mask, foreground, rng, self.config)
        # Other classes have other landmarks, which the refiner does not predict.
        points = garment.landmarks if label == SHORT_SLEEVE_TOP else None
        return Region(image, garment.mask, hint, label, points, foreground, parts)

    def _cut_sleeves(
        self,
        image: NDArray[np.uint8],
        mask: NDArray[np.bool_],
        foreground: NDArray[np.bool_] | None,
        rng: np.random.Generator,
    ) -> Region | None:
        """Return a top without its sleeves, if nobody wears it."""
        if foreground is None or (foreground & ~mask).mean() > self.config.max_beside:
            return None
        return make_sleeveless(image, mask, rng)

    def _read_hint(
        self, candidate: Candidate, shape: tuple[int, int]
    ) -> NDArray[np.float32] | None:
        """Return a candidate's first-stage mask (H, W) in [0, 1] at its photo's size."""
        if not candidate.proposal:
            return None
        small = Image.fromarray(self.regions.masks[candidate.proposal])
        return np.asarray(small.resize(shape[::-1]), np.float32) / np.float32(255)


def choose_body(
    bodies: Sequence[NDArray[np.float32]], mask: NDArray[np.bool_]
) -> NDArray[np.float32] | None:
    """Return the landmarks of the person whose torso a mask covers most; None for none.

    Args:
        bodies: float32 (33, 3) each, see `Region`.
        mask: bool (H, W).
    """
    shares = [torso_share(body, mask) for body in bodies]
    return bodies[int(np.argmax(shares))] if any(shares) else None


def region_augmenter(
    photos: Sequence[AnnotatedPhoto],
    seed: int,
    config: RefinerSamplesConfig = DEFAULT,
) -> Change:
    """Return a function that changes a view at random.

    It may swap the background, give the garment another cloth and add occluders, and it
    changes resolution and light. Backgrounds and occluders are cut out of the photos
    first, which takes seconds.

    Args:
        photos: whose pieces are used.
        seed: of the choice of pieces.
        config: probability of each change.
    """
    rng = np.random.default_rng(seed)
    pieces, cuts = (
        cut_backdrops(photos, config.backdrops, rng),
        cut_occluders(photos, config.cut_outs, rng),
    )
    change_quality = quality_augmenter(config.low_resolution_probability)

    def change(view: Region, rng: np.random.Generator) -> Region:
        image = view.image
        swap = 1.0 if view.cut else config.background_probability
        if view.foreground is not None and rng.random() < swap:
            image = swap_background(image, view.foreground > 0.5, pieces, rng)
        view = replace(view, image=image)
        if view.mask is not None and rng.random() < config.recolor_probability:
            view = recolor(view, pieces, rng, config.cloth)
        if view.mask is not None and rng.random() < config.occlude_probability:
            view = occlude(view, pieces, rng, cuts, config)
        return replace(view, image=change_quality(view.image, rng))

    return change


def quality_augmenter(
    low_resolution_probability: float,
) -> Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]]:
    """Return a function that changes an image's resolution at times, and its light.

    Args:
        low_resolution_probability: share of images whose resolution is reduced.
    """
    change_light = photometric_augmenter()

    def change(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        if rng.random() < low_resolution_probability:
            image = reduce_resolution(image, rng)
        return change_light(image, rng)

    return change


def extend_mask_below(
    mask: NDArray[np.bool_],
    foreground: NDArray[np.bool_],
    rng: np.random.Generator,
    config: HintConfig = DEFAULT.hints,
) -> NDArray[np.float32]:
    """Return a coarse first-stage mask that includes the skirt or apron below a garment.

    Args:
        mask: bool (H, W), the garment.
        foreground: bool (H, W), everything that is worn or held.
        rng: random generator.
        config: how far down the mask reaches, and its resolution.

    Returns:
        float32 (H, W) in [0, 1].
    """
    x1, y1, x2, y2 = box_or_frame(mask)
    end = y2 + int((y2 - y1) * rng.uniform(*config.below_height))
    both = mask.astype(np.float32)
    both[y2 - 1 : end, x1:x2] = foreground[y2 - 1 : end, x1:x2]
    picture = Image.fromarray(both)
    step = max(x2 - x1, end - y1) / config.below_cells
    grid = tuple(max(1, round(side / step)) for side in picture.size)
    coarse = picture.resize(grid, Image.Resampling.BOX)
    return np.asarray(coarse.resize(picture.size, Image.Resampling.BILINEAR))


def recolor(
    view: Region,
    pieces: Sequence[NDArray[np.uint8]],
    rng: np.random.Generator,
    config: RecolorConfig = DEFAULT.cloth,
) -> Region:
    """Give the garment another cloth under its own folds: plain, textured or camouflaged.

    With a color of its surroundings, the network cannot find the outline by color alone.
    At times only a panel changes, as of a raglan tee or a jersey.

    Args:
        view: with a mask.
        pieces: textures, uint8 (h, w, 3) each; may be empty.
        rng: random generator.
        config: which cloth, and how often on a panel alone.
    """
    assert view.mask is not None
    size, solid = len(view.image), view.mask > 0.5
    if not solid.any():
        return view
    grey = view.image.mean(axis=2, dtype=np.float32) + config.shading_offset
    folds = np.clip(grey / np.median(grey[solid]), *config.shading_range)[..., None]
    ys, xs = np.nonzero(~solid)
    kind = rng.random()
    if kind < config.surroundings and len(ys):
        cloth = view.image[ys, xs][rng.integers(len(ys))].astype(np.float32)
    elif kind < config.plain:
        cloth = rng.uniform(*config.plain_range, 3).astype(np.float32)
    else:
        cloth = draw_backdrop(size, pieces, rng).astype(np.float32)
    alpha = view.mask[..., None]
    if rng.random() < config.panel_probability:
        alpha = alpha * draw_panel(view.mask, rng, config)[..., None]
    image = view.image * (1 - alpha) + np.clip(cloth * folds, 0, 255) * alpha
    return replace(view, image=np.rint(image).astype(np.uint8))


def draw_panel(
    mask: NDArray[np.float32],
    rng: np.random.Generator,
    config: RecolorConfig = DEFAULT.cloth,
) -> NDArray[np.float32]:
    """Draw a panel of a garment that might be sewn of another cloth than the rest.

    It is both sides, both raglan sleeves, the shoulders, the lower part or one half, or
    the complement of one of these.

    Args:
        mask: float32 (S, S), not empty.
        rng: random generator.
        config: how often the complement is drawn.

    Returns:
        float32 (S, S) in {0, 1}.
    """
    x1, y1, x2, y2 = box_or_frame(mask)
    ys, xs = np.mgrid[: len(mask), : len(mask)].astype(np.float32)
    # Signed distance from the middle, share of the width; height below the top, share.
    across, down = (xs - x1) / (x2 - x1) - 0.5, (ys - y1) / (y2 - y1)
    down = down + rng.normal(0, 0.1) * across + rng.normal(0, 0.3) * across**2
    aside = np.abs(across) + rng.normal(0, 0.06) * np.cos(np.pi * down)
    panel = (
        aside > rng.uniform(0.15, 0.38),  # sides
        aside > rng.uniform(0.05, 0.2) + rng.uniform(0.2, 0.7) * down,  # raglan
        down < rng.uniform(0.15, 0.45),  # shoulders
        down > rng.uniform(0.45, 0.85),  # lower part
        across > rng.normal(0, 0.05),  # one half
    )[rng.integers(5)]
    inverted = rng.random() < config.invert_probability
    return (panel ^ inverted).astype(np.float32)


def occlude(
    view: Region,
    pieces: Sequence[NDArray[np.uint8]],
    rng: np.random.Generator,
    cuts: Sequence[CutOut] = (),
    config: RefinerSamplesConfig = DEFAULT,
) -> Region:
    """Draw an occluder in front of the garment and cut the true mask where it lies.

    Landmarks below it become hidden ones; the hint is cut as well at times.

    Args:
        view: with mask and hint.
        pieces: textures of drawn occluders, uint8 (h, w, 3) each; may be empty.
        rng: random generator.
        cuts: occluders cut out of photos.
        config: how often the hint is cut.
    """
    assert view.mask is not None and view.hint is not None
    x1, y1, x2, y2 = (float(v) for v in box_or_frame(view.mask))
    alpha, colors = draw_occluder(len(view.image), (x1, y1, x2, y2), pieces, rng, cuts)
    image, _ = apply_occluder(
        view.image, np.zeros((0, *alpha.shape), bool), alpha, colors
    )
    points = view.landmarks
    if points is not None:
        points = points.copy()
        xs, ys = np.clip(points[:, :2].astype(int), 0, len(alpha) - 1).T
        points[(alpha[ys, xs] > 0.5) & (points[:, 2] > 1), 2] = 1
    clear = 1 - alpha
    cut_hint = rng.random() < config.occlude_hint_probability
    hint = view.hint * clear if cut_hint else view.hint
    parts = view.parts
    if parts is not None:
        parts = np.where(alpha > 0.5, np.uint8(NO_PART), parts)
    return replace(
        view,
        image=image,
        mask=view.mask * clear,
        hint=hint,
        landmarks=points,
        parts=parts,
    )


def reduce_resolution(
    image: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Shrink a square image (S, S, 3) to 25 to 70 percent and enlarge it again."""
    size = len(image)
    small = int(size * rng.uniform(0.25, 0.7))
    picture = Image.fromarray(image).resize((small, small), Image.Resampling.BOX)
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))
