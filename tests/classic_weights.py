"""Small files in the layout of the classic Keras Mask R-CNN, with random values."""

import h5py
import numpy as np

WIDTH, RPN, HEAD, MASK = 8, 12, 16, 6  # channels, other than those of COCO's weights


def classic_values(classes=81, seed=0):
    """Return arrays by "layer/weight": stem, first block of stage 2, pyramid, heads."""
    rng = np.random.default_rng(seed)
    values = {}

    def conv(name, *shape, transposed=False):
        values[f"{name}/kernel"] = rng.normal(0, 0.2, shape)
        outputs = shape[-2] if transposed else shape[-1]
        values[f"{name}/bias"] = rng.normal(0, 0.2, outputs)

    def norm(name, width):
        for part in ("gamma", "moving_variance"):
            values[f"{name}/{part}"] = rng.uniform(0.5, 2, width)
        for part in ("beta", "moving_mean"):
            values[f"{name}/{part}"] = rng.normal(0, 1, width)

    conv("conv1", 7, 7, 3, 64)
    norm("bn_conv1", 64)
    shapes = ((1, 1, 64, 64), (3, 3, 64, 64), (1, 1, 64, 256), (1, 1, 64, 256))
    for branch, shape in zip(("2a", "2b", "2c", "1"), shapes, strict=True):
        conv(f"res2a_branch{branch}", *shape)
        norm(f"bn2a_branch{branch}", shape[-1])
    for level, channels in zip((2, 3, 4, 5), (256, 512, 1024, 2048), strict=True):
        conv(f"fpn_c{level}p{level}", 1, 1, channels, WIDTH)
        conv(f"fpn_p{level}", 3, 3, WIDTH, WIDTH)
    conv("rpn_model/rpn_conv_shared", 3, 3, WIDTH, RPN)
    conv("rpn_model/rpn_class_raw", 1, 1, RPN, 6)
    conv("rpn_model/rpn_bbox_pred", 1, 1, RPN, 12)
    conv("mrcnn_class_conv1", 7, 7, WIDTH, HEAD)
    conv("mrcnn_class_conv2", 1, 1, HEAD, HEAD)
    norm("mrcnn_class_bn1", HEAD)
    norm("mrcnn_class_bn2", HEAD)
    conv("mrcnn_class_logits", HEAD, classes)
    conv("mrcnn_bbox_fc", HEAD, 4 * classes)
    for number in range(1, 5):
        conv(f"mrcnn_mask_conv{number}", 3, 3, WIDTH if number == 1 else MASK, MASK)
        norm(f"mrcnn_mask_bn{number}", MASK)
    conv("mrcnn_mask_deconv", 2, 2, MASK, MASK, transposed=True)
    conv("mrcnn_mask", 1, 1, MASK, classes)
    return {name: value.astype(np.float32) for name, value in values.items()}


def write_classic(path, values):
    """Write the arrays as Keras 2 did: a group for each layer, within it its weights."""
    with h5py.File(path, "w") as file:
        for name, value in values.items():
            *_, layer, weight = name.split("/")
            group = name.split("/")[0]
            file[f"{group}/{layer}/{weight}:0"] = value
    return path
