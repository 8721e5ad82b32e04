"""Configurations of the generators and the shading network: frozen and validated."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PRECISIONS = ("float32", "mixed_bfloat16")
# User's photo (rgb), mask of S2, warped S1 (rgb), its validity and coordinates (x, y).
UNIVERSAL_CHANNELS = 10
# A garment's photo (rgb) and its mask.
SHADING_CHANNELS = 4


@dataclass(frozen=True)
class CycleGANConfig:
    """Recipe of one garment pattern's CycleGAN."""

    image_size: int = 256  # side of the square images, pixels, a multiple of 8
    input_channels: int = 3  # 3: rgb; 4: rgb and the garment mask
    texture: int = 0  # side of a learned texture of the print, texels; 0: none
    filters: int = 32  # channels of the generator's first layer
    blocks: int = 6  # residual blocks at a quarter of the size
    discriminator_filters: int = 32  # channels of the discriminator's first layer
    background: float = 0.0  # colour outside the garment, [-1, 1]; 0 is mid grey
    lambda_cycle: float = 10.0  # weight of the cycle error, mean |difference|
    lambda_identity: float = 5.0  # weight of the identity error; 0 skips its cost
    lambda_paired: float = 10.0  # weight of the paired target; 0: classic CycleGAN
    cycle_every: int = 4  # with a paired target, the other terms only each Nth step
    learning_rate: float = 2e-4  # Adam, generators
    discriminator_learning_rate: float = 2e-4  # Adam, discriminators
    beta_1: float = 0.5  # Adam, decay of the mean gradient
    decay_steps: int = 0  # steps until a cosine ends at rate 0; 0: constant rate
    pool_size: int = 50  # images of each image pool; 0: none
    precision: str = "float32"  # or "mixed_bfloat16", see PRECISIONS
    seed: int = 0  # of the initial weights and the image pools

    def __post_init__(self) -> None:
        """Reject values that cannot work."""
        _check_common(self)
        _check_minimum("discriminator_filters", self.discriminator_filters, 1)
        _check_choice("input_channels", self.input_channels, (3, 4))
        _check_minimum("blocks", self.blocks, 1)
        _check_minimum("cycle_every", self.cycle_every, 1)
        _check_minimum("pool_size", self.pool_size, 0)
        _check_minimum("texture", self.texture, 0)
        if not -1.0 <= self.background <= 1.0:
            raise ValueError(f"expected background in [-1, 1], got {self.background}")

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the input of generator_a2b."""
        channels = self.input_channels + 2 * bool(self.texture)
        return self.image_size, self.image_size, channels


@dataclass(frozen=True)
class UniversalConfig:
    """Recipe of the universal generator, whose exemplar is the warped S1."""

    image_size: int = 256  # side of the square images, pixels, a multiple of 8
    filters: int = 32  # channels of the first layer; a multiple of norm_groups
    blocks: int = 4  # residual blocks at an eighth of the size
    norm_groups: int = 8  # groups of the group normalization
    discriminator_filters: int = 32  # channels of the discriminator's first layer
    lambda_truth: float = 10.0  # weight of |out1 - truth| inside the mask
    lambda_slope: float = 10.0  # the same of differences between neighbouring pixels
    lambda_cycle: float = 2.0  # weight of the cycle error; 0 skips its cost
    lambda_identity: float = 2.0  # weight of the identity error; 0 skips its cost
    lambda_residual: float = 0.5  # weight of |residual| where the warp is valid
    lambda_variation: float = 0.02  # weight of the log gain's total variation
    lambda_adversarial: float = 0.0  # weight of the PatchGAN; 0: not built, fastest
    cycle_every: int = 4  # cycle, identity and adversarial each Nth step, times N
    learning_rate: float = 5e-4  # Adam, generator
    discriminator_learning_rate: float = 2e-4  # Adam, discriminator
    beta_1: float = 0.9  # Adam, decay of the generator's mean gradient
    decay_steps: int = 0  # steps until a cosine ends at rate 0; 0: constant rate
    precision: str = "float32"  # or "mixed_bfloat16", see PRECISIONS
    seed: int = 0  # of the initial weights

    def __post_init__(self) -> None:
        """Reject values that cannot work."""
        _check_common(self)
        _check_unet(self)
        _check_minimum("discriminator_filters", self.discriminator_filters, 1)
        _check_minimum("cycle_every", self.cycle_every, 1)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the generator's input."""
        return self.image_size, self.image_size, UNIVERSAL_CHANNELS


@dataclass(frozen=True)
class ShadingConfig:
    """Recipe of the shading network, which separates shading from print."""

    image_size: int = 256  # side of the square images, pixels, a multiple of 8
    filters: int = 16  # channels of the first layer; a multiple of twice norm_groups
    blocks: int = 6  # residual blocks at an eighth of the size
    norm_groups: int = 8  # groups of the group normalization
    lambda_light: float = 1.0  # weight of the error of log shading, up to a constant
    lambda_slope: float = 10.0  # the same of differences between neighbouring pixels
    learning_rate: float = 1e-3  # Adam
    beta_1: float = 0.9  # Adam, decay of the mean gradient
    decay_steps: int = 0  # steps until a cosine ends at rate 0; 0: constant rate
    precision: str = "float32"  # or "mixed_bfloat16", see PRECISIONS
    seed: int = 0  # of the initial weights

    def __post_init__(self) -> None:
        """Reject values that cannot work."""
        _check_common(self)
        _check_unet(self)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the network's input."""
        return self.image_size, self.image_size, SHADING_CHANNELS


UNetConfig = UniversalConfig | ShadingConfig
Config = CycleGANConfig | UNetConfig
_CONFIGS = (CycleGANConfig, UniversalConfig, ShadingConfig)


def to_dict(config: Config) -> dict[str, Any]:
    """Turn a config into plain values for JSON.

    Args:
        config: any config of this room.

    Returns:
        Field names and values; `kind` holds the class name.
    """
    return {"kind": type(config).__name__, **dataclasses.asdict(config)}


def from_dict(values: Mapping[str, Any]) -> Config:
    """Build a config from `to_dict`'s result.

    Args:
        values: field names and values, and `kind`. Missing fields take defaults.

    Returns:
        The config.

    Raises:
        ValueError: unknown kind or field; names the nearest field.
    """
    kinds = {cls.__name__: cls for cls in _CONFIGS}
    fields = dict(values)
    kind = fields.pop("kind", None)
    if kind not in kinds:
        raise ValueError(f"expected kind in {sorted(kinds)}, got {kind!r}")
    known = [field.name for field in dataclasses.fields(kinds[kind])]
    for name in fields:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"expected a field of {kind}, got {name!r}{hint}")
    return kinds[kind](**fields)


def _check_common(config: Config) -> None:
    _check_minimum("image_size", config.image_size, 16)
    if config.image_size % 8:
        raise ValueError(
            f"expected image_size in multiples of 8, got {config.image_size}"
        )
    _check_minimum("filters", config.filters, 1)
    _check_minimum("decay_steps", config.decay_steps, 0)
    _check_choice("precision", config.precision, PRECISIONS)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name.startswith("lambda_") and not value >= 0:
            raise ValueError(f"expected {field.name} >= 0, got {value}")
        if field.name.endswith("learning_rate") and not value > 0:
            raise ValueError(f"expected {field.name} > 0, got {value}")


def _check_unet(config: UNetConfig) -> None:
    _check_minimum("blocks", config.blocks, 1)
    _check_minimum("norm_groups", config.norm_groups, 1)
    if config.filters % (2 * config.norm_groups):
        raise ValueError(
            f"expected filters in multiples of {2 * config.norm_groups} "
            f"(twice norm_groups), got {config.filters}"
        )


def _check_minimum(name: str, value: int, minimum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected {name} as int, got {type(value).__name__}")
    if value < minimum:
        raise ValueError(f"expected {name} >= {minimum}, got {value}")


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise ValueError(f"expected {name} in {choices}, got {value!r}")
