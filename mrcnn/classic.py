"""Start from weights of the classic Keras Mask R-CNN, as `mask_rcnn_coco.h5`.

Its layers are ours by other names. What differs is folded into the weights: colours in
another order, batch normalizations of the heads, two objectness logits for each anchor,
box deltas with y first and in other units, and anchors half a cell to the upper left.
(The pooling of its stem pads one side alone, which moves its features by a pixel or two
of the image; training makes up for that.)

References:
    Abdulla, "Mask R-CNN for object detection and instance segmentation on Keras and
    TensorFlow", github.com/matterport/Mask_RCNN, 2017.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from mrcnn.boxes import BOX_VARIANCE, RPN_VARIANCE
from mrcnn.config import MaskRCNNConfig
from mrcnn.weights import WeightsError, first_line, read_shapes

if TYPE_CHECKING:
    import keras

    from mrcnn.model import MaskRCNN

Arrays = list[np.ndarray]
Weights = Mapping[str, np.ndarray]  # by "layer/weight", as "conv1/kernel"
_EPSILON = 1e-3  # of its batch normalizations
_VARIANCE = np.array([0.1, 0.1, 0.2, 0.2])  # of its box deltas, RPN and heads alike
_XY_FIRST = [1, 0, 3, 2]  # its deltas are dy, dx, log h, log w
_ANCHOR_SCALE = 8.0  # anchor side / stride
_RATIOS = (2.0, 1.0, 0.5)  # height / width of its anchors, in its order
_BRANCHES = {"2a": 1, "2b": 2, "2c": 3, "1": 0}  # its names of a block's layers, and ours
_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
_MAX_VARIANCE = 1e4  # that a weight may be; float16 ends at 65504
_MAX_VALUES = 1 << 28  # of a file; mask_rcnn_coco.h5 has 64 million


@dataclasses.dataclass(frozen=True)
class Adopted:
    """What a network took from a classic file.

    Attributes:
        taken: names of the layers that have its weights now.
        anew: names of those that the file lacks, or has in another shape.
    """

    taken: tuple[str, ...]
    anew: tuple[str, ...]


def is_classic(path: Path) -> bool:
    """Tell whether a file has the layout, by the names of its layers.

    Raises:
        FileNotFoundError, WeightsError: see `read_shapes`.
    """
    layers = {name.partition("/")[0] for name in _shapes(path)}
    return bool(layers & {"fpn_c5p5", "mrcnn_mask"})


def classic_config(config: MaskRCNNConfig, path: Path) -> MaskRCNNConfig:
    """Return a config whose layers fit those of a classic file.

    Args:
        config: of the network to train; input size and classes stay.
        path: of the file.

    Raises:
        FileNotFoundError, WeightsError: the file cannot be read, or its backbone is
            another.
    """
    shapes = _shapes(path)
    backbone = "resnet101" if "res4g_branch2a/kernel" in shapes else "resnet50"
    if config.backbone != backbone:
        raise WeightsError(
            f"{path}: has the backbone {backbone}; start with --backbone {backbone}"
        )
    pyramid, rpn, box, mask = (
        shapes.get(f"{layer}/kernel")
        for layer in (
            "fpn_p2",
            "rpn_conv_shared",
            "mrcnn_class_conv1",
            "mrcnn_mask_conv1",
        )
    )
    found: dict[str, Any] = {
        "pyramid_channels": pyramid and pyramid[-1],
        "rpn_channels": rpn and rpn[-1],
        "box_head_channels": box and box[-1],
        "box_roi_size": box and box[0],
        "mask_head_channels": mask and mask[-1],
    }
    return dataclasses.replace(
        config,
        anchor_levels=(2, 3, 4, 5, 6),
        anchor_scale=_ANCHOR_SCALE,
        anchor_octaves=(1.0,),
        anchor_ratios=_RATIOS,
        mask_roi_size=14,
        mask_output_size=28,
        mask_head_convs=4,
        **{name: value for name, value in found.items() if value},
    )


def load_classic(model: "MaskRCNN", path: Path) -> Adopted:
    """Load what fits from a classic file; other layers keep their weights.

    Args:
        model: of `classic_config`; layers of another shape start anew.
        path: of the file.

    Raises:
        FileNotFoundError, WeightsError: the file cannot be read, or nothing fits.
    """
    weights = _read(path)
    taken: list[str] = []
    anew: list[str] = []
    for name, layer, convert in _layers(model):
        try:
            arrays = convert(weights)
        except KeyError:
            arrays = []
        own = layer.get_weights()
        if [a.shape for a in arrays] == [a.shape for a in own]:
            layer.set_weights(arrays)
            taken.append(name)
        else:
            anew.append(name)
    if not taken:
        raise WeightsError(f"{path}: none of its layers fits the network")
    return Adopted(tuple(taken), tuple(anew))


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    return {_key(name): shape for name, shape in read_shapes(path)}


def _key(name: str) -> str:
    """Return "conv1/kernel" of "conv1/conv1/kernel:0", whatever model it lies in."""
    *_, layer, weight = ("", *name.split("/"))
    return f"{layer}/{weight.removesuffix(':0')}"


def _read(path: Path) -> dict[str, np.ndarray]:
    names = read_shapes(path)
    if sum(np.prod(shape, dtype=float) for _, shape in names) > _MAX_VALUES:
        raise WeightsError(f"{path}: expected weights, got more than a network has")
    try:
        with h5py.File(path, "r") as file:
            return {_key(n): np.asarray(file[n][()], np.float32) for n, _ in names}
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise WeightsError(f"{path}: is damaged ({first_line(error)})") from error


Convert = Callable[[Weights], Arrays]
Row = tuple[str, "keras.layers.Layer", Convert]


def _layers(model: "MaskRCNN") -> Iterator[Row]:
    """Yield each layer with its name, and what makes its weights of the file's."""
    yield from _backbone_layers(model.backbone)
    pyramid = model.feature_pyramid
    for level in (2, 3, 4, 5):
        lateral = pyramid.get_layer(f"lateral{level}")
        yield f"lateral{level}", lateral, _plain(f"fpn_c{level}p{level}")
        yield f"p{level}", pyramid.get_layer(f"p{level}"), _plain(f"fpn_p{level}")
    yield "rpn conv", model.rpn.conv, _plain("rpn_conv_shared")
    yield "rpn objectness", model.rpn.objectness, _objectness
    yield "rpn deltas", model.rpn.deltas, _rpn_deltas
    yield from _head_layers(model)


def _backbone_layers(backbone: "keras.Model") -> Iterator[Row]:
    for layer in backbone.layers:
        if not layer.weights:
            continue
        name = _classic_name(layer.name)
        if hasattr(layer, "epsilon"):
            yield layer.name, layer, _norm(name, layer.epsilon)
        elif name == "conv1":
            yield layer.name, layer, _first_conv
        else:
            yield layer.name, layer, _plain(name)


def _classic_name(name: str) -> str:
    """Return the classic name of a ResNet's layer.

    Example:
        >>> _classic_name("conv4_block2_3_bn"), _classic_name("conv1_conv")
        ('bn4b_branch2c', 'conv1')
    """
    if name.startswith("conv1_"):
        return "bn_conv1" if name.endswith("_bn") else "conv1"
    found = re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", name)
    if found is None:
        return name
    stage, block, position, kind = found.groups()
    branch = next(b for b, index in _BRANCHES.items() if index == int(position))
    prefix = "res" if kind == "conv" else "bn"
    return f"{prefix}{stage}{chr(ord('a') + int(block) - 1)}_branch{branch}"


def _head_layers(model: "MaskRCNN") -> Iterator[Row]:
    box, mask, agnostic = model.box_head, model.mask_head, model.config.class_agnostic
    for number in (1, 2):
        convert = _folded(f"mrcnn_class_conv{number}", f"mrcnn_class_bn{number}", 2)
        yield f"dense{number}", box.get_layer(f"dense{number}"), convert
    yield "classes", box.get_layer("classes"), _plain("mrcnn_class_logits")
    yield "deltas", box.get_layer("deltas"), _none if agnostic else _box_deltas
    for number in range(1, model.config.mask_head_convs + 1):
        convert = _folded(f"mrcnn_mask_conv{number}", f"mrcnn_mask_bn{number}", 4)
        yield f"mask conv{number}", mask.get_layer(f"conv{number}"), convert
    if model.config.mask_output_size != model.config.mask_roi_size:
        yield "mask up", mask.get_layer("up"), _plain("mrcnn_mask_deconv")
    yield "masks", mask.get_layer("masks"), _none if agnostic else _masks


def _plain(name: str) -> Convert:
    """Kernel and bias as they are."""
    return lambda weights: [weights[f"{name}/{part}"] for part in ("kernel", "bias")]


def _none(weights: Weights) -> Arrays:
    """Nothing: one box and one mask for all classes have no counterpart."""
    del weights
    return []


def _first_conv(weights: Weights) -> Arrays:
    """Its input is RGB, ours BGR; the mean is subtracted from both."""
    kernel, bias = _plain("conv1")(weights)
    return [kernel[:, :, ::-1], bias]


def _norm(name: str, epsilon: float) -> Convert:
    """A batch normalization; the variance makes up for another epsilon.

    Large variances are shared with gamma: weights ship in float16.
    """

    def convert(weights: Weights) -> Arrays:
        gamma, beta, mean, variance = (weights[f"{name}/{part}"] for part in _NORM)
        excess = np.maximum((variance + _EPSILON) / _MAX_VARIANCE, 1)
        variance = (variance + _EPSILON) / excess - epsilon
        parts = (gamma / np.sqrt(excess), beta, mean, variance)
        return [part.astype(np.float32) for part in parts]

    return convert


def _folded(conv: str, norm: str, rank: int) -> Convert:
    """A convolution with the batch normalization after it, as one kernel and bias.

    Args:
        conv: name of the convolution.
        norm: name of the batch normalization.
        rank: of our kernel; 2 is a dense layer over the flattened region.
    """

    def convert(weights: Weights) -> Arrays:
        kernel, bias = _plain(conv)(weights)
        gamma, beta, mean, variance = (weights[f"{norm}/{part}"] for part in _NORM)
        scale = gamma / np.sqrt(variance + _EPSILON)
        if rank == 2:
            kernel = kernel.reshape(-1, kernel.shape[-1])
        return [kernel * scale, (bias - mean) * scale + beta]

    return convert


def _objectness(weights: Weights) -> Arrays:
    """One logit of two: a softmax over both is the sigmoid of their difference."""
    return [a[..., 1::2] - a[..., ::2] for a in _plain("rpn_class_raw")(weights)]


def _rpn_deltas(weights: Weights) -> Arrays:
    kernel, bias = (
        _to_our_deltas(array, RPN_VARIANCE) for array in _plain("rpn_bbox_pred")(weights)
    )
    # Its anchors' centres lie on the cells' upper left corners, ours in their middle.
    # The distance is a constant share of an anchor's sides.
    if bias.size == 4 * len(_RATIOS):
        sides = np.array([(r**-0.5, r**0.5) for r in _RATIOS]) * _ANCHOR_SCALE
        bias = bias.reshape(-1, 4)
        bias[:, :2] -= 0.5 / sides / np.array(RPN_VARIANCE[:2])
    return [kernel, bias.reshape(-1)]


def _box_deltas(weights: Weights) -> Arrays:
    """Without those of the background, its first class."""
    arrays = _plain("mrcnn_bbox_fc")(weights)
    return [_to_our_deltas(array[..., 4:], BOX_VARIANCE) for array in arrays]


def _masks(weights: Weights) -> Arrays:
    return [array[..., 1:] for array in _plain("mrcnn_mask")(weights)]


def _to_our_deltas(array: np.ndarray, variance: tuple[float, ...]) -> np.ndarray:
    """Reorder the last axis, deltas of several boxes, and change their unit."""
    deltas = array.reshape(*array.shape[:-1], -1, 4) * (_VARIANCE / variance)
    deltas = deltas[..., _XY_FIRST]
    return deltas.reshape(array.shape).astype(np.float32)
