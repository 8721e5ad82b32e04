"""Image pool: a history of generated images for the discriminators."""

from __future__ import annotations

import numpy as np


class ImagePool:
    """History of fakes that a discriminator is trained on, besides the newest.

    Args:
        size: images in the pool; 0 returns every batch unchanged.
        seed: of all random numbers.

    References:
        Shrivastava et al., Learning from Simulated and Unsupervised Images through
        Adversarial Training, CVPR 2017; used so by Zhu et al., ICCV 2017.
    """

    def __init__(self, size: int = 50, seed: int = 0) -> None:
        """Start empty."""
        if size < 0:
            raise ValueError(f"expected size >= 0, got {size}")
        self.size = size
        self._rng = np.random.default_rng(seed)
        self._images: list[np.ndarray] = []

    def __len__(self) -> int:
        """Return the number of images in the pool."""
        return len(self._images)

    def query(self, images: np.ndarray) -> np.ndarray:
        """Exchange about half of a batch for older fakes, once the pool is full.

        Args:
            images: (B, ...), new fakes.

        Returns:
            (B, ...) same shape and dtype.
        """
        return np.stack([self._exchange(image) for image in images])

    def _exchange(self, image: np.ndarray) -> np.ndarray:
        if len(self._images) < self.size:
            self._images.append(image.copy())
            return image
        if not self.size or self._rng.random() < 0.5:
            return image
        index = int(self._rng.integers(self.size))
        older = self._images[index]
        self._images[index] = image.copy()
        return older
