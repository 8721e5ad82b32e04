"""Try-on against rendered truth, beside simple baselines."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import color, metrics

from compositor import clean_mask
from data_tools.paint import TEE
from tryon.pipeline import TryOnPipeline, composite
from tryon.stages import Garment
from tryon.transfer import Frame, Painted
from tryon.types import Photo

Rows = list[tuple[str, dict[str, Any]]]


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
