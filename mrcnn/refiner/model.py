"""The refiner: mask, class and landmarks of a detection, from a view of its own.

Mask R-CNN predicts a mask from a few cells of a feature pyramid over the whole photo. The
refiner gets the surroundings of the detection at full input size, with its mask as a
hint, and predicts a finer mask, DeepFashion2's landmarks (as the head of Match R-CNN, on
finer features) and the class anew.
"""

import keras
from keras import layers, ops

from mrcnn.backbone import build_backbone, preprocess
from mrcnn.config import RefinerConfig
from mrcnn.decoder import conv, decode

# The outputs at inference: mask, class, landmark coordinates, landmark visibility, parts.
INFERENCE_OUTPUTS = ("masks", "classes", "places", "seen", "parts")


def build_refiner(config: RefinerConfig) -> keras.Model:
    """Build the refiner.

    Args:
        config: architecture; S is its `image_size`, K its `landmarks`.

    Returns:
        A model from views (B, S, S, 4 + P), RGB, the detector's mask and P planes of
        `draw_body`, all 0..255, to a dict, all float32: `masks` (B, S/2, S/2) logits;
        `classes` (B, 1 + classes) logits; `heatmaps` (B, S/4, S/4, K) logits over the
        cells for each landmark; `places` (B, K, 2), the expected x and y of each landmark
        as fractions of the view; `seen` (B, K) logits that a landmark is visible; `parts`
        (B, S/4, S/4, P) logits of `PART_NAMES`. Heatmaps are needed in training alone,
        see `inference_model`.

    References:
        Cai and Vasconcelos, "Cascade R-CNN", CVPR 2018; Ge et al., "DeepFashion2",
        CVPR 2019 (Match R-CNN); Sun et al., "Integral Human Pose Regression", ECCV 2018;
        Gong et al., "Look into Person", CVPR 2017 (human parsing).
    """
    # === Layers ===
    size = config.image_size
    backbone = build_backbone(config.backbone, size, include_c1=True)
    # === Functional model ===
    views = keras.Input(config.input_shape, name="views")
    hints = views[..., 3:] / 255.0
    stages = backbone(preprocess(views[..., :3], config.backbone), training=False)
    levels = decode(stages, hints, config.widths)
    logits = conv(1, 3, "mask_logits", None)(levels[0])  # (B, S/2, S/2, 1)
    heatmaps, visibility = _landmark_head(levels[1], config.landmarks)
    half = (size // 2, size // 2)
    outputs = {
        "masks": layers.Reshape(half, dtype="float32", name="masks")(logits),
        "classes": _class_head(stages[-1], levels[3], hints, config),
        "heatmaps": heatmaps,
        "places": soft_argmax(heatmaps),
        "seen": visibility,
        "parts": _part_head(levels[1], config.parts),
    }
    return keras.Model(views, outputs, name="refiner")


def inference_model(refiner: keras.Model) -> keras.Model:
    """Return a refiner with only the outputs that `refine` uses, sharing its weights."""
    outputs = {name: refiner.output[name] for name in INFERENCE_OUTPUTS}
    return keras.Model(refiner.input, outputs, name=refiner.name)


def class_layers(refiner: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers above the backbone that a refiner's class depends on."""
    decoder = ("lateral5", "lateral4", "merge4a", "merge4b")
    return [
        layer
        for layer in refiner.layers
        if layer.name in decoder or layer.name.startswith("class")
    ]


def _class_head(top, level, hints, config: RefinerConfig):
    """Return class logits, from features pooled over the view and over each hint."""
    parts = layers.AveragePooling2D(16, name="hint_part")(hints)
    wide = conv(config.class_width, 1, "class_lateral")(top)
    deep = layers.Concatenate(name="class_join")(
        [layers.UpSampling2D(2, name="class_up")(wide), level]
    )
    deep = conv(config.class_width, 3, "class_conv")(deep)  # (B, S/16, S/16, W)
    whole = layers.GlobalAveragePooling2D(name="class_whole")(deep)
    hinted = [
        ops.sum(deep * part, axis=(1, 2)) / (ops.sum(part, axis=(1, 2)) + 1e-3)
        for part in ops.split(parts, parts.shape[-1], axis=-1)
    ]
    x = layers.Concatenate(name="class_features")([whole, *hinted])
    x = layers.Dropout(0.2, name="class_dropout", seed=3)(x)
    return layers.Dense(config.num_classes + 1, dtype="float32", name="classes")(x)


def _part_head(level, count: int):
    """Return logits (B, S/4, S/4, P) of human parsing."""
    x = conv(level.shape[-1], 3, "part_conv")(level)
    return layers.Conv2D(count, 1, dtype="float32", name="parts")(x)


def _landmark_head(level, count: int):
    """Return heatmap logits, and visibility logits from features under the heatmaps."""
    width = level.shape[-1]
    x = conv(width, 3, "landmark_conv1")(level)
    x = conv(width, 3, "landmark_conv2")(x)
    heatmaps = layers.Conv2D(count, 1, dtype="float32", name="heatmaps")(x)
    rows, columns = heatmaps.shape[1:3]
    flat = ops.reshape(heatmaps, (-1, rows * columns, count))
    probabilities = ops.stop_gradient(ops.softmax(flat, axis=1))
    cells = ops.cast(ops.reshape(x, (-1, rows * columns, width)), "float32")
    features = ops.einsum("bpk,bpc->bkc", probabilities, cells)  # (B, K, W)
    seen = layers.Dense(count, dtype="float32", name="seen")(features)  # (B, K, K)
    return heatmaps, ops.einsum("bkk->bk", seen)


def soft_argmax(heatmaps):
    """Return the expected coordinates of each landmark.

    Args:
        heatmaps: logits (B, h, w, K).

    Returns:
        float32 (B, K, 2), x and y as fractions of the view, 0 to 1.

    Convention:
        A cell's centre is (index + .5) / size.

    References:
        Sun et al., "Integral Human Pose Regression", ECCV 2018.
    """
    height, width, count = heatmaps.shape[1:]
    flat = ops.reshape(ops.cast(heatmaps, "float32"), (-1, height * width, count))
    probabilities = ops.reshape(ops.softmax(flat, axis=1), (-1, height, width, count))
    xs = (ops.arange(width, dtype="float32") + 0.5) / width
    ys = (ops.arange(height, dtype="float32") + 0.5) / height
    x = ops.einsum("bhwk,w->bk", probabilities, xs)
    y = ops.einsum("bhwk,h->bk", probabilities, ys)
    return ops.stack([x, y], axis=-1)
