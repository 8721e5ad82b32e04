"""Loss terms: free functions of tensors that return float32 scalars.

Images are (B, H, W, 3) in [-1, 1], masks (B, H, W, 1) in {0, 1}, scores (B, h, w, 1) of a
PatchGAN. The cycle, identity and paired losses are all `masked_l1`.
"""

from __future__ import annotations

from typing import Any

from keras import ops


def masked_l1(first: Any, second: Any, mask: Any) -> Any:
    """Return the mean of |first - second| over pixels and channels inside the mask.

    Args:
        first: (B, H, W, C).
        second: (B, H, W, C).
        mask: (B, H, W, 1), weights in [0, 1].

    Returns:
        Scalar; 0 when the mask is empty.
    """
    channels = first.shape[-1]
    total = ops.sum(ops.abs(first - second) * mask)
    return total / (ops.maximum(ops.sum(mask), 1.0) * channels)


def masked_mean(values: Any, mask: Any) -> Any:
    """Return each image's mean over the pixels inside its mask.

    Args:
        values: (B, H, W, 1).
        mask: (B, H, W, 1), weights in [0, 1].

    Returns:
        (B, 1, 1, 1); 0 where the mask is empty.
    """
    total = ops.sum(values * mask, axis=(1, 2, 3), keepdims=True)
    return total / ops.maximum(ops.sum(mask, axis=(1, 2, 3), keepdims=True), 1.0)


def patch_weights(mask: Any, scores: Any) -> Any:
    """Downsample a mask to the grid of the discriminator's scores.

    Args:
        mask: (B, H, W, 1).
        scores: (B, h, w, 1), h dividing H and w dividing W.

    Returns:
        (B, h, w, 1): fraction of each cell inside the mask.
    """
    factors = (mask.shape[1] // scores.shape[1], mask.shape[2] // scores.shape[2])
    return ops.average_pool(mask, factors, strides=factors)


def lsgan_generator_loss(fake_scores: Any, weights: Any) -> Any:
    """Return the generator's least-squares loss: fakes should score 1.

    Args:
        fake_scores: (B, h, w, 1).
        weights: (B, h, w, 1) from `patch_weights`.

    Returns:
        Scalar, weighted mean of (score - 1) squared.

    References:
        Mao et al., Least Squares Generative Adversarial Networks, ICCV 2017.
    """
    return _weighted_mean(ops.square(fake_scores - 1.0), weights)


def lsgan_discriminator_loss(
    real_scores: Any, fake_scores: Any, real_weights: Any, fake_weights: Any
) -> Any:
    """Return the discriminator's least-squares loss: reals should score 1, fakes 0.

    Args:
        real_scores: (B, h, w, 1).
        fake_scores: (B, h, w, 1).
        real_weights: (B, h, w, 1) from `patch_weights`.
        fake_weights: (B, h, w, 1) from `patch_weights`.

    Returns:
        Scalar, half the sum of both errors.
    """
    real = _weighted_mean(ops.square(real_scores - 1.0), real_weights)
    fake = _weighted_mean(ops.square(fake_scores), fake_weights)
    return 0.5 * (real + fake)


def total_variation(values: Any, mask: Any) -> Any:
    """Return the mean |difference| of neighbours that are both inside the mask.

    Args:
        values: (B, H, W, C), for example the log gain.
        mask: (B, H, W, 1).

    Returns:
        Scalar: mean over horizontal plus mean over vertical neighbours.
    """
    across = masked_l1(
        values[:, :, 1:], values[:, :, :-1], mask[:, :, 1:] * mask[:, :, :-1]
    )
    down = masked_l1(values[:, 1:], values[:, :-1], mask[:, 1:] * mask[:, :-1])
    return across + down


def _weighted_mean(values: Any, weights: Any) -> Any:
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1e-3)
