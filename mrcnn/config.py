"""The numbers of the network and of its training, each in one place."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

# DeepFashion2's categories; the label of CLASS_NAMES[i] is i + 1, 0 is background.
CLASS_NAMES = (
    "short sleeve top",
    "long sleeve top",
    "short sleeve outwear",
    "long sleeve outwear",
    "vest",
    "sling",
    "shorts",
    "trousers",
    "skirt",
    "short sleeve dress",
    "long sleeve dress",
    "vest dress",
    "sling dress",
)
# DeepFashion2's landmarks of a short sleeve top, in its order, once around the garment;
# left and right are those of a picture that shows the front.
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
CHART_STRIDE = 4  # pixels of the chart network's view a cell of its chart
# What the refiner tells apart in a view (human parsing): where skin begins tells sleeves.
# Lower are shorts, trousers and skirts; accessories are hair and bags as well.
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
PRECISIONS = ("float32", "mixed_bfloat16")
# First backbone stage that moves, by the name of a training stage; "heads" moves none,
# `OUTLINES` also leaves alone all that a refiner names the class by.
OUTLINES = "outlines"
TRAINABLE_FROM = {"all": 1, "3+": 3, "4+": 4, "5+": 5, "heads": 6, OUTLINES: 6}


def _known_values(config: type, values: dict[str, Any]) -> dict[str, Any]:
    """Return parsed JSON as a config's arguments, or refuse what it does not know."""
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
    num_classes: int = len(CLASS_NAMES)  # without background
    pyramid_channels: int = 96  # width of P2..P6
    anchor_levels: tuple[int, ...] = (3, 4, 5, 6)  # pyramid levels the RPN looks at
    anchor_scale: float = 4.0  # anchor side / stride at the first octave
    anchor_octaves: tuple[float, ...] = (1.0, 1.41)  # sizes per level
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)  # height / width
    pre_nms: int = 200  # proposals that enter the suppression
    proposals: int = 48  # proposals that leave it
    rpn_nms_threshold: float = 0.7  # IoU
    nms_threshold: float = 0.5  # IoU between final detections, over all classes
    max_detections: int = 8
    prior_odds: float = 1.0  # how much likelier class 1 is in use than it was in training
    box_roi_size: int = 7  # RoIAlign cells a side for the box head
    mask_margin: float = 0.1  # masks are drawn on boxes larger by this share each side
    mask_roi_size: int = 28  # RoIAlign cells a side for the mask head
    mask_output_size: int = 56  # 1 or 2 times mask_roi_size; 14 and 28: the paper
    canonical_size: float = 112.0  # RoIs of this side are read from P4 - 1
    box_head_channels: int = 256
    mask_head_channels: int = 64
    mask_head_convs: int = 3
    class_agnostic: bool = True  # one box and one mask per RoI, not one per class

    def __post_init__(self) -> None:
        """Refuse sizes that cannot work together."""
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

    backbone: str = "mobilenet_v2"
    image_size: int = 256  # height and width of the view, a multiple of 64
    num_classes: int = len(CLASS_NAMES)  # without background
    landmarks: int = len(LANDMARK_NAMES)  # of a short-sleeve top
    widths: tuple[int, ...] = (32, 64, 96, 128, 128)  # decoder, strides 2 to 32
    class_width: int = 128
    parts: int = len(PART_NAMES)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an input: RGB and the first mask."""
        return self.image_size, self.image_size, 4

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "RefinerConfig":
        """Build a config from parsed JSON; lists become tuples."""
        return cls(**_known_values(cls, values))


@dataclass(frozen=True)
class ChartConfig:
    """Architecture of the chart network. Sizes in pixels of its input."""

    backbone: str = "mobilenet_v2"
    image_size: int = 256  # height and width of the view, a multiple of 64
    widths: tuple[int, ...] = (64, 96, 128, 128)  # decoder, strides 4 to 32

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an input: RGB and the mask."""
        return self.image_size, self.image_size, 4

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ChartConfig":
        """Build a config from parsed JSON; lists become tuples."""
        return cls(**_known_values(cls, values))


NetworkConfig: TypeAlias = MaskRCNNConfig | RefinerConfig | ChartConfig


@dataclass(frozen=True)
class Stage:
    """One stretch of a training run."""

    layers: str  # heads, 3+, 4+, 5+ or all: the first backbone stage that moves
    steps: int
    learning_rate: float  # peak, after the warm-up; cosine to 2 % of it


@dataclass(frozen=True)
class TrainConfig:
    """The recipe of a training run; the defaults are the recipe that works."""

    stages: tuple[Stage, ...] = (Stage("heads", 200, 1e-3), Stage("3+", 2000, 5e-4))
    batch_size: int = 8
    warmup_steps: int = 50
    weight_decay: float = 1e-4
    gradient_norm: float = 10.0  # global clip
    ema: float = 0.0  # momentum of the weights' moving average, as 0.999; 0: none is kept
    precision: str = "float32"  # or "mixed_bfloat16": what the layers compute in
    max_instances: int = 4  # ground-truth garments kept in one picture
    rpn_samples: int = 64  # anchors in the RPN losses of one picture
    rpn_positive_iou: float = 0.6
    rpn_negative_iou: float = 0.3
    roi_samples: int = 24  # proposals in the box head's losses of one picture
    roi_positives: int = 4  # of these, at most so many with a garment (and a mask)
    roi_positive_iou: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that make no recipe."""
        if not 0 <= self.ema < 1:
            raise ValueError(f"expected ema in [0, 1), got {self.ema}")
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"expected precision in {PRECISIONS}, got {self.precision!r}"
            )
