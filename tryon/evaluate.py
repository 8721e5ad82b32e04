"""The figures of docs/models.md, on any data of the same form."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import color, metrics

from compositor import clean_mask
from data_tools.annotations import SHORT_SLEEVE_TOP, AnnotatedPhoto
from data_tools.folders import read_folder
from data_tools.paint import TEE
from mrcnn.detections import mask_iou
from mrcnn.evaluate import average_precision, boundary_f
from tryon.pipeline import TryOnPipeline, composite
from tryon.segment import Segmenter
from tryon.stages import Garment
from tryon.transfer import Frame, Painted
from tryon.types import Photo

Rows = list[tuple[str, dict[str, Any]]]
CLOSE_UPS = {"waist": 0.7, "chest": 0.25}  # of the shirt's height that stays in view


def evaluate_segmentation(
    segmenter: Segmenter, folder: Path, tell: Callable[[str], None]
) -> Rows:
    """Measure a segmenter on the val split of a folder.

    Args:
        segmenter: what `tryon run` uses, both looks.
        folder: `read_folder` knows it.
        tell: called with each photo's name.

    Returns:
        For each source ("people", "shop", ...) a row of figures; people also as
        close-ups, cropped to the waist and to the chest.
    """
    photos = read_folder(folder, "val")
    rows: Rows = []
    for source in sorted({photo.source for photo in photos}):
        chosen = [photo for photo in photos if photo.source == source]
        if source.endswith("-other"):
            rows.append((source, _false_finds(segmenter, chosen, tell)))
            continue
        views = [(photo.image(), _truth(photo)) for photo in chosen]
        views = [view for view in views if view[1].any()]
        rows.append((source, _measure(segmenter, views, tell, source)))
        if source == "people":
            for name, share in CLOSE_UPS.items():
                close = [close_up(*view, share) for view in views]
                row = _measure(segmenter, close, tell, name)
                rows.append((f"{source}, to the {name}", row))
    return rows


def _truth(photo: AnnotatedPhoto) -> NDArray[np.bool_]:
    masks = [g.mask for g in photo.garments() if g.label == SHORT_SLEEVE_TOP]
    size = photo.image().shape[:2]
    return np.any(masks, axis=0) if masks else np.zeros(size, bool)


def close_up(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], share: float
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Crop a photo from above the head to below the waist, or to the chest alone.

    Args:
        image: uint8 (H, W, 3).
        mask: the shirt, bool (H, W).
        share: of the shirt's height; above .5 the whole shirt with surroundings of that
            share stays, below it the crop cuts into the shirt by that share at each side.
    """
    ys, xs = np.nonzero(mask)
    height, width = ys.max() - ys.min() + 1, xs.max() - xs.min() + 1
    around = (share * height, share * width)
    if share < 0.5:
        around = (-share * height * 0.5, -share * width * 0.5)
    rows = slice(max(0, int(ys.min() - around[0])), int(ys.max() + around[0] + 1))
    columns = slice(max(0, int(xs.min() - around[1])), int(xs.max() + around[1] + 1))
    return image[rows, columns], mask[rows, columns]


def _measure(
    segmenter: Segmenter,
    views: list[tuple[NDArray[np.uint8], NDArray[np.bool_]]],
    tell: Callable[[str], None],
    name: str,
) -> dict[str, Any]:
    ious, edges, found_masks, found_scores, misses = [], [], [], [], 0
    for image, truth in views:
        tell(name)
        found = segmenter(image)
        mask = np.zeros(truth.shape, bool) if found is None else found.mask
        misses += found is None
        ious.append(mask_iou(mask, truth))
        edges.append(boundary_f(mask, truth))
        found_masks.append([] if found is None else [mask])
        found_scores.append([] if found is None else [found.instance.score])
    precision = average_precision([[t] for _, t in views], found_masks, found_scores)
    return {
        "photos": len(views),
        "IoU mean": float(np.mean(ious)),
        "IoU median": float(np.median(ious)),
        "IoU p10": float(np.percentile(ious, 10)),
        "boundary F": float(np.mean(edges)),
        **precision,
        "misses": misses,
    }


def _false_finds(
    segmenter: Segmenter, photos: list[AnnotatedPhoto], tell: Callable[[str], None]
) -> dict[str, Any]:
    finds = 0
    for photo in photos:
        tell(photo.image_path.name)
        finds += segmenter(photo.image()) is not None
    return {"photos": len(photos), "false finds": finds}


def evaluate_tryon(
    pipeline: TryOnPipeline, folder: Path, tell: Callable[[str], None]
) -> Rows:
    """Measure try-on against truth on rendered triples A, C, C_shop of the val split.

    The rendered person in tee A puts on tee C, which has A's very cut and folds; the
    render of C is the truth. Beside the pipeline stand two baselines: the unchanged
    photo, and the shirt in the mean colour of the shop's garment.

    Returns:
        A row for each method: SSIM and CIEDE2000 inside the shirt, CIEDE2000 in its rim,
        and the share of changed pixels outside the matte; refusals are counted.
    """
    sums: dict[str, list[dict[str, float]]] = {"ours": [], "copy": [], "flat colour": []}
    refused = 0
    for stem in find_triples(folder):
        tell(stem)
        results = _try_triple(pipeline, folder / stem)
        refused += not results
        for name, values in results.items():
            sums[name].append(values)
    rows: Rows = []
    for name, done in sums.items():
        if done:
            means = {k: float(np.mean([v[k] for v in done])) for k in done[0]}
            rows.append((name, {"pairs": len(done), **means, "refused": refused}))
    return rows


def find_triples(folder: Path) -> list[str]:
    """Return the names pNNN of val people who wear A and C, sorted.

    Raises:
        FileNotFoundError: when there are none.
    """
    names = [path.name[:4] for path in sorted(folder.glob("p30?_C.jpg"))]
    if not names:
        raise FileNotFoundError(f"expected rendered people p300 to p309 in {folder}")
    return names


def _try_triple(pipeline: TryOnPipeline, stem: Path) -> dict[str, dict[str, float]]:
    from tryon.errors import Refusal
    from tryon.images import read_photo

    def path(ending: str) -> Path:
        return stem.with_name(stem.name + ending)

    user, shop = read_photo(path("_A.jpg")), read_photo(path("_C_shop.jpg"))
    truth = read_photo(path("_C.jpg")).image
    labels = read_label_map(path("_C.labels.png"))
    try:
        person, garment = (
            pipeline.find(user, "user", None),
            pipeline.find(shop, "shop", None),
        )
    except Refusal:
        return {}
    out1 = pipeline.transfer(person, garment)
    flat = _flat_colour(person, garment)
    images = {
        "ours": composite(person, out1),
        "copy": user.image,
        "flat colour": composite(person, flat),
    }
    tee = clean_mask(labels == TEE)
    outside = person.full_alpha == 0
    return {
        name: compare(image, truth, user, tee, outside) for name, image in images.items()
    }


def read_label_map(path: Path) -> NDArray[np.uint8]:
    """Read a rendered label map (H, W)."""
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture)


def _flat_colour(person: Garment, garment: Garment) -> Painted:
    colour = garment.work[garment.alpha > 0.9].mean(axis=0, dtype=np.float32)
    frame = Frame.around(person.box, 2)
    return Painted(np.broadcast_to(colour, (2, 2, 3)).astype(np.float32), frame)


def compare(
    image: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    user: Photo,
    tee: NDArray[np.bool_],
    outside: NDArray[np.bool_],
) -> dict[str, float]:
    """Compare a result with the truth.

    Args:
        image: the result, uint8 (H, W, 3).
        truth: the render it should be.
        user: the photo it was made from.
        tee: the true shirt, bool (H, W).
        outside: where the matte was 0.
    """
    from scipy import ndimage

    difference = color.deltaE_ciede2000(color.rgb2lab(image), color.rgb2lab(truth))
    _, similarity = metrics.structural_similarity(
        image, truth, channel_axis=-1, full=True, data_range=255
    )
    rim = ndimage.binary_dilation(tee, iterations=3) & ~ndimage.binary_erosion(
        tee, iterations=3
    )
    changed = (image != user.image).any(axis=-1) & outside
    return {
        "SSIM inside": float(similarity.mean(axis=-1)[tee].mean()),
        "dE inside": float(difference[tee].mean()),
        "dE rim": float(difference[rim].mean()),
        "changed outside": float(changed.mean()),
    }


def progress_total(folder: Path, kind: str) -> int:
    """Return about how many photos an evaluation looks at."""
    if kind == "tryon":
        return len(find_triples(folder))
    photos = read_folder(folder, "val")
    close = sum(photo.source == "people" for photo in photos) * len(CLOSE_UPS)
    return len(photos) + close


def format_rows(rows: Rows) -> Iterator[str]:
    """Format rows as lines of text, one table for each set of columns."""
    last: list[str] = []
    for name, values in rows:
        if list(values) != last:
            last = list(values)
            yield f"{'':<22}" + "".join(f"{column:>14}" for column in last)
        cells = (
            f"{v:>14.3f}" if isinstance(v, float) else f"{v:>14}" for v in values.values()
        )
        yield f"{name:<22}" + "".join(cells)
