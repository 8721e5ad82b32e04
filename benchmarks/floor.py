"""Lower bound of a pair's time: its networks' arithmetic at the machine's peak rate."""

import math
import time
from pathlib import Path
from unittest import mock

import numpy as np
import openvino

from benchmarks import single
from benchmarks.timing import Times
from mrcnn.runtime import OpenVinoNetwork

SIDE = 2048  # of the matrices whose product measures the rate


class CountedNetwork(OpenVinoNetwork):
    """A network that counts its arithmetic, summed over all instances.

    Args:
        folder: see `OpenVinoNetwork`.
    """

    total = 0  # floating-point operations

    def __init__(self, folder: Path):
        super().__init__(folder)
        self._each = operations(openvino.Core().read_model(folder / "network.xml"))

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Run the network."""
        CountedNetwork.total += self._each * len(images)
        return super().__call__(images)


def operations(network: openvino.Model) -> int:
    """Return the floating-point operations of a network's convolutions and products.

    A multiply-add counts as two. Other operations are few.
    """
    return sum(2 * _products(node) for node in network.get_ops())


def _products(node: openvino.Node) -> int:
    """Return the number of multiply-adds of a node."""
    kind = node.get_type_name()
    if kind not in ("Convolution", "GroupConvolution", "MatMul"):
        return 0
    outputs = math.prod(node.output(0).shape)
    left, right = (list(value.shape) for value in node.input_values())
    if kind == "MatMul":
        return outputs * left[-2 if node.get_attributes()["transpose_a"] else -1]
    # Weights are (out, in, height, width), with one more axis before for groups.
    return outputs * math.prod(right[-3:])


def pair_operations() -> int:
    """Return the floating-point operations of the example pair at 768x1024."""
    with mock.patch("mrcnn.runtime.OpenVinoNetwork", CountedNetwork):
        pipeline = single.load_pipeline("openvino")
    CountedNetwork.total = 0
    pipeline(*single.example_pair(single.PAIR_SIZES["768x1024"]))
    return CountedNetwork.total


def matrix_seconds(work: int, repeats: int) -> Times:
    """Return the time of as much arithmetic in products of large float32 matrices."""
    one = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
    seconds = []
    for turn in range(repeats + 1):
        start = time.perf_counter()
        one @ one
        if turn:  # the first one allocates
            seconds.append((time.perf_counter() - start) * work / (2 * SIDE**3))
    return Times(seconds)
