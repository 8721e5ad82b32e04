"""Cases of one pair: warm, cold, and the networks of other methods."""

import dataclasses
import importlib.util
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from benchmarks.timing import Case, Times
from mrcnn.config import MaskRCNNConfig
from tryon.pipeline import TryOnPipeline
from tryon.types import Photo

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PAIR_SIZES = {"768x1024": (768, 1024), "12 megapixels": (3000, 4000)}  # width, height
# The usual setting of Mask R-CNN: ResNet101, FPN of 256, 1024x1024, 1000 proposals.
CLASSIC = MaskRCNNConfig(
    backbone="resnet101",
    image_size=1024,
    pyramid_channels=256,
    anchor_levels=(2, 3, 4, 5, 6),
    anchor_scale=8.0,
    anchor_octaves=(1.0,),
    pre_nms=6000,
    proposals=1000,
    max_detections=100,
    mask_roi_size=14,
    mask_output_size=28,
    canonical_size=224.0,
    box_head_channels=1024,
    mask_head_channels=256,
    mask_head_convs=4,
    class_agnostic=False,
)
TINY = dataclasses.replace(
    CLASSIC, backbone="mobilenet_v2", image_size=64, pre_nms=50, proposals=8,
    max_detections=2, pyramid_channels=8, box_head_channels=8, mask_head_channels=8,
)  # fmt: skip
STEPS = 30  # of a diffusion model's sampling


Span = tuple[float, float]  # start and end, seconds


class TimedNetwork:
    """A predictor that records when it is running.

    Args:
        network: the predictor.
        spans: gets a span for each call; networks may share it.
    """

    def __init__(self, network, spans: list[Span]):
        self._network, self._spans = network, spans

    def __getattr__(self, name: str):
        return getattr(self._network, name)

    def __call__(self, *inputs):
        """Run the network."""
        start = time.perf_counter()
        outputs = self._network(*inputs)
        self._spans.append((start, time.perf_counter()))
        return outputs


def covered(spans: Iterable[Span]) -> float:
    """Return the seconds that are in at least one span.

    Both photos of a pair are processed concurrently, and networks wait for each other:
    the sum of their times would be too large.
    """
    total, end = 0.0, -math.inf
    for start, stop in sorted(spans):
        total += max(stop - max(start, end), 0.0)
        end = max(end, stop)
    return total


def example_pair(size: tuple[int, int]) -> tuple[Photo, Photo]:
    """Return the example photos at a size (width, height)."""
    photos = []
    for name in ("me.jpg", "tee.jpg"):
        with Image.open(EXAMPLES / name) as picture:
            photos.append(Photo(np.asarray(picture.convert("RGB").resize(size))))
    return photos[0], photos[1]


def load_pipeline(runtime: str, spans: list[Span] | None = None) -> TryOnPipeline:
    """Load the shipped models in a runtime; `spans` gets the times networks run."""
    with mock.patch.dict(os.environ, {"TRYON_RUNTIME": runtime}):
        pipeline = TryOnPipeline.from_pretrained()
    if spans is not None:
        segmenter, transfer = pipeline.segmenter, pipeline.transfer
        for holder, name in (
            (segmenter, "predictor"), (segmenter, "refiner"), (segmenter, "charts"),
            (transfer, "predictor"), (transfer, "shading"),
        ):  # fmt: skip
            setattr(holder, name, TimedNetwork(getattr(holder, name), spans))
    return pipeline


def pair_cases(spans: list[Span]) -> dict[str, Case]:
    """Return a warm pair at each size, and the same with Keras only."""
    auto, keras = load_pipeline("auto", spans), load_pipeline("keras")
    cases: dict[str, Case] = {}
    for name, size in PAIR_SIZES.items():
        user, shop = example_pair(size)
        cases[f"pair, {name}"] = partial(auto, user, shop)
        cases[f"pair, {name}, Keras alone"] = partial(keras, user, shop)
    return cases


def networks_seconds(cases: dict[str, Case], spans: list[Span], repeats: int) -> Times:
    """Return the time that networks run in a pair, at 768x1024."""
    seconds = []
    for _ in range(repeats):
        spans.clear()
        cases["pair, 768x1024"]()
        seconds.append(covered(spans))
    return Times(seconds)


def cold_case() -> Case:
    """Return a whole `tryon run` process on the example pair."""
    folder = tempfile.TemporaryDirectory()
    command = [sys.executable, "-m", "tryon", "run", "-o", f"{folder.name}/out.png"]
    command += ["--user", str(EXAMPLES / "me.jpg"), "--shop", str(EXAMPLES / "tee.jpg")]

    def run() -> None:
        assert folder.name  # keeps the folder as long as the case exists
        subprocess.run(command, check=True, capture_output=True, cwd=EXAMPLES.parent)

    return run


def classic_case(config: MaskRCNNConfig = CLASSIC) -> Case:
    """Return a Mask R-CNN of the usual setting on both photos, random weights."""
    from mrcnn.model import MaskRCNN

    model = MaskRCNN(config)
    model.compile(jit_compile=False)
    views = np.zeros((1, *config.input_shape), np.float32)
    return lambda: [model.predict_on_batch(views) for _ in range(2)]


def diffusion_case(tiny: bool = False) -> Case | str:
    """Return one step of a UNet as large as Stable Diffusion 1.5's, random weights.

    Returns:
        The case, or the reason why it is skipped.
    """
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed"
    from benchmarks.diffusion import unet_step

    return unet_step((32, 64), 1) if tiny else unet_step((320, 640, 1280, 1280), 8)
