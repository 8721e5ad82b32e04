"""Configurations: architectures of the three networks, and the training recipe."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

# DeepFashion2's landmarks of a short sleeve top, in its order, once around the garment;
# left and right are as seen in an image of the front.
LANDMARK_NAMES = (
    "neck back middle",
    "neck left",
    "neck front left",
    "neck front middle",
    "neck front right",
    "neck right",
    "left shoulder",
    "left sleeve outer",
    "left cuff outer",
    "left cuff inner",
    "left sleeve inner",
    "left armpit",
    "left side upper",
    "left side lower",
    "hem left",
    "hem middle",
    "hem right",
    "right side lower",
    "right side upper",
    "right armpit",
    "right sleeve inner",
    "right cuff inner",
    "right cuff outer",
    "right sleeve outer",
    "right shoulder",
)
CHART_STRIDE = 4  # input pixels per cell of the chart network's output
# Classes of the refiner's human parsing head, an auxiliary task: the boundary of the skin
# tells sleeve lengths. "lower" are shorts, trousers and skirts; "accessory" includes hair
# and bags.
PART_NAMES = (
    "background",
    "skin",
    "top",
    "outwear",
    "lower",
    "dress",
    "accessory",
    "other",
)
# Classes of the semantic network, and the categories of DeepFashion2 that each joins:
# none for what is no garment.
CLOTHES: dict[str, tuple[int, ...]] = {
    "background": (),
    "skin": (),
    "other": (),
    "short sleeve top": (1,),
    "long sleeve top": (2,),
    "vest": (5, 6),
    "outwear": (3, 4),
    "shorts": (7,),
    "trousers": (8,),
    "skirt": (9,),
    "dress": (10, 11, 12, 13),
}
ANCHORS_PER_CELL = (2, 2, 6)  # of BlazePose's detector, for strides 8, 16 and 32
PRECISIONS = ("float32", "mixed_bfloat16")
# First backbone stage that is trained, by the name of a training stage's layers. "heads"
# freezes the whole backbone; `OUTLINES` also freezes what a refiner's class depends on.
OUTLINES = "outlines"
TRAINABLE_FROM = {"all": 1, "3+": 3, "4+": 4, "5+": 5, "heads": 6, OUTLINES: 6}


def _known_values(config: type, values: dict[str, Any]) -> dict[str, Any]:
    """Return parsed JSON as a config's arguments; unknown keys are an error."""
    known = {field.name for field in dataclasses.fields(config)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(f"expected keys among {sorted(known)}, got {unknown}")
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
    }


@dataclass(frozen=True)
class MaskRCNNConfig:
    """Architecture of a `MaskRCNN`. Sizes in pixels of the network's input."""

    backbone: str = "mobilenet_v2"  # or "resnet50", "resnet101"
    image_size: int = 320  # height and width of the input
    num_classes: int = 13  # DeepFashion2's categories, without background
    pyramid_channels: int = 96  # channels of P2..P6
    rpn_channels: int = 0  # of the RPN's shared convolution; 0: pyramid_channels
    anchor_levels: tuple[int, ...] = (3, 4, 5, 6)  # pyramid levels with anchors
    anchor_scale: float = 4.0  # anchor side / stride at the first octave
    anchor_octaves: tuple[float, ...] = (1.0, 1.41)  # relative sizes at each level
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)  # height / width
    pre_nms: int = 200  # proposals before non-maximum suppression
    proposals: int = 48  # proposals after it
    rpn_nms_threshold: float = 0.7  # IoU
    nms_threshold: float = 0.5  # IoU between final detections, over all classes
    max_detections: int = 8  # detections per image, padded
    prior_odds: float = 1.0  # prior odds of class 1, inference / training (prior shift)
    box_roi_size: int = 7  # RoIAlign cells per side for the box head
    mask_margin: float = 0.1  # expansion of a mask's box on each side, fraction of it
    mask_roi_size: int = 28  # RoIAlign cells per side for the mask head
    mask_output_size: int = 56  # 1 or 2 times mask_roi_size; the paper has 14 and 28
    canonical_size: float = 112.0  # RoIs of this side, pixels, are read from P3
    box_head_channels: int = 256
    mask_head_channels: int = 64
    mask_head_convs: int = 3
    class_agnostic: bool = True  # one box and one mask per RoI instead of one per class

    def __post_init__(self) -> None:
        """Reject sizes that do not fit together."""
        if self.image_size < 64 or self.image_size % 64:
            raise ValueError(
                f"expected image_size to be a multiple of 64, got {self.image_size}"
            )
        counts = (self.max_detections, self.proposals, self.pre_nms)
        if not 1 <= counts[0] <= counts[1] <= counts[2]:
            raise ValueError(
                "expected 1 <= max_detections <= proposals <= pre_nms, got "
                f"{counts[0]}, {counts[1]}, {counts[2]}"
            )
        if self.mask_output_size not in (self.mask_roi_size, 2 * self.mask_roi_size):
            raise ValueError(
                f"expected mask_output_size to be 1 or 2 times mask_roi_size "
                f"({self.mask_roi_size}), got {self.mask_output_size}"
            )

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an input: RGB."""
        return self.image_size, self.image_size, 3

    def save(self, path: Path) -> None:
        """Write the config as JSON to `path`."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "MaskRCNNConfig":
        """Build a config from parsed JSON; lists become tuples."""
        return cls(**_known_values(cls, values))


@dataclass(frozen=True)
class RefinerConfig:
    """Architecture of the refiner. Sizes in pixels of its input."""

    backbone: str = "mobilenet_v2"  # see MaskRCNNConfig
    image_size: int = 256  # height and width of the view, a multiple of 64
    num_classes: int = 13  # DeepFashion2's categories, without background
    landmarks: int = len(LANDMARK_NAMES)  # of a short sleeve top
    widths: tuple[int, ...] = (32, 64, 96, 128, 128)  # decoder channels, strides 2 to 32
    class_width: int = 128  # channels of the class head
    parts: int = len(PART_NAMES)  # classes of the parsing head
    body_planes: int = 3  # inputs of `mrcnn.pose.body.draw_body`; 0: it gets no body

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an input: RGB, the detector's mask, the body."""
        return self.image_size, self.image_size, 4 + self.body_planes

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "RefinerConfig":
        """Build a config from parsed JSON; lists become tuples.

        Cards that do not name the body planes are of refiners without them.
        """
        return cls(**_known_values(cls, {"body_planes": 0} | values))


@dataclass(frozen=True)
class ChartConfig:
    """Architecture of the chart network. Sizes in pixels of its input."""

    backbone: str = "mobilenet_v2"
    image_size: int = 256  # height and width of the view, a multiple of 64
    widths: tuple[int, ...] = (64, 96, 128, 128)  # decoder channels, strides 4 to 32

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an input: RGB and the mask."""
        return self.image_size, self.image_size, 4

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ChartConfig":
        """Build a config from parsed JSON; lists become tuples."""
        return cls(**_known_values(cls, values))


@dataclass(frozen=True)
class MattingConfig:
    """Architecture of the matting network. Sizes in pixels of its input."""

    backbone: str = "mobilenet_v2"
    image_size: int = 320  # height and width of the view, a multiple of 64
    widths: tuple[int, ...] = (32, 64, 96, 128, 128)  # decoder channels, strides 2 to 32
    detail_width: int = 16  # channels at stride 1

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an input: RGB and the rough mask."""
        return self.image_size, self.image_size, 4

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "MattingConfig":
        """Build a config from parsed JSON; lists become tuples."""
        return cls(**_known_values(cls, values))


@dataclass(frozen=True)
class PoseConfig:
    """BlazePose's landmark network. Its architecture is fixed, like its weights."""

    image_size: int = 256  # height and width of the view

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an input: RGB."""
        return self.image_size, self.image_size, 3

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build a config from parsed JSON."""
        return cls(**_known_values(cls, values))


@dataclass(frozen=True)
class PersonDetectorConfig(PoseConfig):
    """BlazePose's detector, likewise; it sees the whole photo."""

    image_size: int = 224


@dataclass(frozen=True)
class SemanticConfig:
    """Architecture of the semantic network. Sizes in pixels of its input."""

    backbone: str = "blazepose"
    image_size: int = 256  # height and width of the view
    classes: int = len(CLOTHES)
    widths: tuple[int, ...] = (64, 96, 128, 192)  # decoder channels, strides 4 to 32

    def __post_init__(self) -> None:
        """Reject other backbones: the decoder needs BlazePose's own."""
        if self.backbone != "blazepose":
            raise ValueError(f"expected backbone 'blazepose', got {self.backbone!r}")

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an input: RGB."""
        return self.image_size, self.image_size, 3

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "SemanticConfig":
        """Build a config from parsed JSON; lists become tuples."""
        return cls(**_known_values(cls, values))


NetworkConfig: TypeAlias = (
    MaskRCNNConfig
    | RefinerConfig
    | ChartConfig
    | PoseConfig
    | SemanticConfig
    | MattingConfig
)


@dataclass(frozen=True)
class Stage:
    """One stage of a training run: what is trained, for how long."""

    layers: str  # a key of TRAINABLE_FROM
    steps: int
    learning_rate: float  # peak, after the warm-up; cosine decay to 2 % of it


@dataclass(frozen=True)
class TrainConfig:
    """Recipe of a training run: optimization, and sampling of the losses."""

    stages: tuple[Stage, ...] = (Stage("heads", 200, 1e-3), Stage("3+", 2000, 5e-4))
    batch_size: int = 8  # images
    warmup_steps: int = 50  # of each stage, at most a quarter of its steps
    weight_decay: float = 1e-4  # AdamW
    gradient_norm: float = 10.0  # gradients are clipped to this global norm
    ema: float = 0.0  # momentum of the weights' moving average, e.g. 0.999; 0: no average
    precision: str = "float32"  # or "mixed_bfloat16": the layers' dtype policy
    max_instances: int = 4  # ground-truth garments per image
    rpn_samples: int = 64  # anchors per image in the RPN losses
    rpn_positive_iou: float = 0.6  # minimum IoU of a positive anchor
    rpn_negative_iou: float = 0.3  # anchors below this IoU are negative
    roi_samples: int = 24  # proposals per image in the box head's losses
    roi_positives: int = 4  # maximum positive proposals among them; they have masks
    roi_positive_iou: float = 0.5  # minimum IoU of a positive proposal
    seed: int = 0

    def __post_init__(self) -> None:
        """Reject values outside their range."""
        if not 0 <= self.ema < 1:
            raise ValueError(f"expected ema in [0, 1), got {self.ema}")
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"expected precision in {PRECISIONS}, got {self.precision!r}"
            )
