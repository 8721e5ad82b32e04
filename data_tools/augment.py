"""Changes of colour and place for training, with imgaug. The only module that imports it.

imgaug 0.4.0 asks numpy for `np.sctypes`, which numpy 2 no longer has; the lines before
its import give it back.
"""

from collections.abc import Callable

import numpy as np

if not hasattr(np, "sctypes"):
    np.sctypes = {  # type: ignore[attr-defined]  # noqa: NPY201
        "int": [np.int8, np.int16, np.int32, np.int64],
        "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
        "float": [np.float16, np.float32, np.float64],
    }

try:
    import imgaug.augmenters as iaa
    from imgaug.augmentables.segmaps import SegmentationMapsOnImage
except ImportError as error:
    raise ImportError(
        "training needs imgaug: run `make install`, or "
        "`pip install 'tryon[train]' && pip install --no-deps imgaug==0.4.0`"
    ) from error


def photo_augmenter() -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """Return a function that changes light, colour and quality as cameras do.

    Returns:
        f(image uint8 (H, W, 3), rng) -> uint8 (H, W, 3).
    """
    some = iaa.SomeOf(
        (1, 4),
        [
            iaa.Multiply((0.45, 1.45), per_channel=0.3),
            iaa.GammaContrast((0.6, 1.7)),
            iaa.LinearContrast((0.6, 1.5)),
            iaa.AddToHueAndSaturation((-40, 40), per_channel=True),
            iaa.Grayscale((0.3, 1.0)),
            iaa.GaussianBlur((0.3, 1.8)),
            iaa.AdditiveGaussianNoise(scale=(2, 14), per_channel=True),
            iaa.JpegCompression(compression=(50, 90)),
        ],
        random_order=True,
    )
    # In a list of its own: imgaug seeds the members of a bare SomeOf, and not its choice.
    pipeline = iaa.Sometimes(0.8, [some])

    def augment(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        pipeline.seed_(int(rng.integers(2**31)))
        return np.asarray(pipeline(image=image))

    return augment


def cutout_augmenter() -> Callable[
    [np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]
]:
    """Return a function that mirrors, shifts, turns and scales a cut-out with its mask.

    Returns:
        f(image uint8 (H, W, 3), mask bool (H, W), rng) -> the same two, moved. What
        comes in from outside repeats the edge of the picture, and is not mask.
    """
    pipeline = iaa.Sequential(
        [
            iaa.Fliplr(0.5),
            iaa.Affine(
                scale=(0.88, 1.08),
                translate_percent={"x": (-0.06, 0.06), "y": (-0.06, 0.06)},
                rotate=(-6, 6),
                mode="edge",
            ),
            iaa.Sometimes(0.5, iaa.Multiply((0.88, 1.1))),
        ]
    )

    def augment(
        image: np.ndarray, mask: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        pipeline.seed_(int(rng.integers(2**31)))
        segments = SegmentationMapsOnImage(mask.astype(np.int32), shape=image.shape)
        moved, segments = pipeline(image=image, segmentation_maps=segments)
        return np.asarray(moved), segments.get_arr().astype(bool)

    return augment
