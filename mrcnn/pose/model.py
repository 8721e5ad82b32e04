"""BlazePose in Keras: a network that finds people, and one that reads a body's landmarks.

Both share one kind of encoder, inverted residuals as in MobileNetV2. Layers are numbered
in the order of the published model files, whose weights have no names.

References:
    Bazarevsky et al., "BlazePose: On-device Real-time Body Pose Tracking", CVPR workshop
    2020; Sandler et al., "MobileNetV2", CVPR 2018 (inverted residuals).
"""

from dataclasses import dataclass

import keras
from keras import layers, ops

from mrcnn.config import ANCHORS_PER_CELL, PersonDetectorConfig, PoseConfig

RAW_LANDMARKS = 39  # 33 of the body, two that place the next view, four unused
_RAW_VALUES = 5  # of a landmark: x, y, z, visibility, presence

_PREFIX = "conv"  # of a numbered layer's name


@dataclass(frozen=True)
class _Block:
    """An inverted residual."""

    expanded: int  # channels between its two 1x1 convolutions
    size: int  # of the depthwise kernel
    stride: int
    width: int  # channels of its output


def _encoder(widths: tuple[int, int, int, int]) -> tuple[_Block, ...]:
    """Return the blocks behind the stem, by the widths of strides 8, 16, 16 and 32."""
    a, b, c, d = widths
    return (
        *(_Block(64, 3, 2, 24), _Block(144, 3, 1, 24)),
        *(_Block(144, 5, 2, a), _Block(6 * a, 5, 1, a)),
        *(_Block(6 * a, 3, 2, b), _Block(6 * b, 3, 1, b), _Block(6 * b, 3, 1, b)),
        *(_Block(6 * b, 5, 1, c), _Block(6 * c, 5, 1, c), _Block(6 * c, 5, 1, c)),
        *(_Block(6 * c, 5, 2, d), *[_Block(6 * d, 5, 1, d)] * 3),
    )


_POSE_BLOCKS = _encoder((32, 64, 88, 144))
_DETECTOR_BLOCKS = _encoder((40, 80, 112, 192))


class _Numbered:
    """Makes convolutions that are named by their number, in the order they are made."""

    def __init__(self) -> None:
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"{_PREFIX}{self.count:03d}"

    def conv(self, x, width: int, activation=None, size: int = 1, dtype=None):
        """A convolution that keeps the resolution."""
        convolve = layers.Conv2D(
            width,
            size,
            padding="same",
            activation=activation,
            dtype=dtype,
            name=self.name(),
        )
        return convolve(x)

    def head(self, x, width: int):
        """A convolution over all of 2x2 cells, with float32 output."""
        return layers.Conv2D(width, 2, dtype="float32", name=self.name())(x)

    def depthwise(self, x, size: int = 3, activation: str | None = "relu6"):
        convolve = layers.DepthwiseConv2D(
            size, padding="same", activation=activation, name=self.name()
        )
        return convolve(x)

    def shrink(self, x, size: int = 3, activation: str | None = "relu6"):
        """A depthwise convolution of stride 2, padded on all four sides alike."""
        padded = layers.ZeroPadding2D(size // 2)(x)
        convolve = layers.DepthwiseConv2D(
            size, 2, activation=activation, name=self.name()
        )
        return convolve(padded)

    def stem(self, images):
        """Return features (B, S/2, S/2, 16) of images (B, S, S, 3)."""
        padded = layers.ZeroPadding2D(1)(images)
        x = layers.Conv2D(24, 3, 2, activation="relu6", name=self.name())(padded)
        return self.conv(self.depthwise(x), 16)

    def project(self, x, expanded, block: _Block):
        """Return a block's output from its input and its expanded input."""
        convolve = self.shrink if block.stride == 2 else self.depthwise
        out = self.conv(convolve(expanded, block.size), block.width)
        same = block.stride == 1 and x.shape[-1] == block.width
        return layers.Add()([out, x]) if same else out

    def residual(self, x, activation: str | None = "relu6"):
        """Return x plus a separable convolution of it."""
        out = self.conv(self.depthwise(x, activation=activation), x.shape[-1])
        return layers.ReLU(6.0)(layers.Add()([x, out]))

    def residual_half(self, x):
        """Return half the resolution: the maximum plus a separable convolution."""
        convolve = layers.DepthwiseConv2D(
            3, 2, padding="same", activation="relu6", name=self.name()
        )
        out = self.conv(convolve(x), x.shape[-1])
        return layers.ReLU(6.0)(layers.Add()([layers.MaxPooling2D(2)(x), out]))

    def lateral(self, x, width: int, activation: str | None = "relu6"):
        """Return features for the decoder."""
        return self.conv(self.depthwise(x, activation=activation), width, "relu6")


def build_pose_network(config: PoseConfig | None = None) -> keras.Model:
    """Build the network that reads a body's landmarks from a view of it.

    Args:
        config: S is its `image_size`.

    Returns:
        A model from views (B, S, S, 3), RGB 0..255, to a dict, all float32: `landmarks`
        (B, 39, 5) with x and y in pixels of the view, z in the same unit, and logits of
        visibility and presence; `person` (B, 1), the probability that there is one;
        `masks` (B, S, S) logits of a person's pixels; `heatmaps` (B, S/4, S/4, 39)
        logits.
    """
    config, make = config or PoseConfig(), _Numbered()
    views = keras.Input((config.image_size, config.image_size, 3), name="views")
    sides, top = _encode(make, views / 255.0, _POSE_BLOCKS, (8, 48, 48, 48))
    # === Decoder ===
    x = make.lateral(top, 48)
    for side in reversed(sides[1:]):
        x = layers.Add()([_double(x), side])  # at last (B, S/4, S/4, 48)
    fine = layers.Add()([_double(make.lateral(x, 8)), sides[0]])
    for _ in range(2):
        fine = make.residual(fine)
    fine = _double(fine)  # (B, S, S, 8)
    for _ in range(2):
        fine = make.residual(fine)
    masks = make.conv(fine, 1, size=3, dtype="float32")
    heatmaps = make.conv(x, RAW_LANDMARKS, dtype="float32")
    # === Head ===
    x = make.lateral(top, 288)
    for residuals in (4, 5):
        x = make.residual_half(x)
        for _ in range(residuals):
            x = make.residual(x)
    landmarks = make.head(x, RAW_LANDMARKS * _RAW_VALUES)  # (B, 1, 1, 195)
    make.head(x, RAW_LANDMARKS * 3)  # landmarks in metres, which nothing needs
    outputs = {
        "landmarks": layers.Reshape((RAW_LANDMARKS, _RAW_VALUES))(landmarks),
        "person": layers.Reshape((1,))(ops.sigmoid(make.head(x, 1))),
        "masks": ops.squeeze(masks, -1),
        "heatmaps": heatmaps,
    }
    return keras.Model(views, outputs, name="pose")


def build_person_detector(config: PersonDetectorConfig | None = None) -> keras.Model:
    """Build the network that finds people in a photo.

    Args:
        config: S is its `image_size`.

    Returns:
        A model from photos (B, S, S, 3), RGB 0..255, to a dict, both float32: `boxes`
        (B, N, 12), a face's box and four points as offsets from N anchors, pixels; and
        `scores` (B, N) logits. For the anchors see `mrcnn.pose.inference`.
    """
    config, make = config or PersonDetectorConfig(), _Numbered()
    photos = keras.Input((config.image_size, config.image_size, 3), name="photos")
    x = photos / 127.5 - 1.0
    sides, x = _encode(make, x, _DETECTOR_BLOCKS, (0, 0, 96, 192), side_activation=None)
    pyramid = [x]
    for side in reversed(sides):
        x = layers.Add()([side, make.conv(_double(x), side.shape[-1], "relu6")])
        for _ in range(2):
            x = make.residual(x, activation=None)
        pyramid.insert(0, x)
    scores: list = []
    boxes: list = []
    for level, anchors in zip(pyramid, ANCHORS_PER_CELL, strict=True):
        cells = _unpack(level)
        for values, width in ((scores, 1), (boxes, 12)):
            raw = make.conv(make.shrink(cells, activation=None), anchors * width)
            values.append(layers.Reshape((-1, width), dtype="float32")(raw))
    outputs = {
        "scores": ops.squeeze(ops.concatenate(scores, axis=1), -1),
        "boxes": ops.concatenate(boxes, axis=1),
    }
    return keras.Model(photos, outputs, name="person_detector")


def convolutions(network: keras.Model) -> dict[int, keras.layers.Layer]:
    """Return a network's convolutions by their number in the model file, from 1 on."""
    found = (layer for layer in network.layers if layer.name.startswith(_PREFIX))
    return {int(layer.name.removeprefix(_PREFIX)): layer for layer in found}


def _encode(
    make: _Numbered,
    images,
    blocks: tuple[_Block, ...],
    side_widths: tuple[int, ...],
    side_activation: str | None = "relu6",
):
    """Run an encoder.

    Args:
        make: makes its layers.
        images: (B, S, S, 3), scaled as the network expects.
        blocks: those behind the stem.
        side_widths: channels of the decoder's inputs with strides 2, 4, 8 and 16; 0 for
            none.
        side_activation: of their depthwise convolutions.

    Returns:
        The decoder's inputs, and features (B, S/32, S/32, C).
    """
    x, sides, widths = make.stem(images), [], iter(side_widths)
    for block in blocks:
        expanded = make.conv(x, block.expanded, "relu6")
        width = next(widths) if block.stride == 2 else 0
        if width:
            sides.append(make.lateral(x, width, side_activation))
        x = make.project(x, expanded, block)
    expanded = make.conv(x, 6 * x.shape[-1], "relu6")
    return sides, make.depthwise(expanded)


def _double(x):
    return layers.UpSampling2D(2, interpolation="bilinear")(x)


def _unpack(x):
    """Return (B, 2 h, 2 w, C / 4) from (B, h, w, C): each cell becomes 2x2 pixels."""
    height, width, channels = x.shape[1:]
    cells = ops.reshape(x, (-1, height, width, 2, 2, channels // 4))
    rows = ops.transpose(cells, (0, 1, 3, 2, 4, 5))
    return ops.reshape(rows, (-1, 2 * height, 2 * width, channels // 4))
