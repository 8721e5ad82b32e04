"""Training batches whose rows are drawn with weights, every step from its own seed."""

from collections.abc import Sequence

import keras
import numpy as np


class WeightedBatches(keras.utils.PyDataset):
    """Batches of rows that a subclass makes in `row`.

    Args:
        weights: relative sampling probability of each index.
        batch_size: rows per step.
        steps: batches per epoch.
        seed: of all random numbers.
        workers: threads that make batches.
        epoch: number of the epoch; every epoch has other rows.
    """

    def __init__(
        self,
        weights: Sequence[float],
        batch_size: int,
        steps: int,
        seed: int = 0,
        workers: int = 1,
        epoch: int = 0,
    ):
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=16)
        relative = np.asarray(weights, np.float64)
        self.probabilities = relative / relative.sum()
        self.batch_size, self.steps = batch_size, steps
        self.seed, self.epoch = seed, epoch

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self.steps

    def __getitem__(self, index: int):
        """Return one batch: the inputs dict of the trainer in a tuple."""
        rng = np.random.default_rng([self.seed, self.epoch, index])
        count, weights = len(self.probabilities), self.probabilities
        indices = rng.choice(count, self.batch_size, p=weights)
        rows = [self.row(int(i), rng) for i in indices]
        return ({name: np.stack([row[name] for row in rows]) for name in rows[0]},)

    def row(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return the arrays of one row, by the names of the trainer's inputs."""
        raise NotImplementedError
