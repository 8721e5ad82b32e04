import dataclasses
import subprocess
import sys

import pytest

import cyclegan
from cyclegan.config import (
    CycleGANConfig,
    ShadingConfig,
    UniversalConfig,
    from_dict,
    to_dict,
)


@pytest.mark.parametrize("cls", [CycleGANConfig, UniversalConfig, ShadingConfig])
def test_config_goes_through_a_dict_and_back(cls):
    config = cls(image_size=64, seed=7)
    assert from_dict(to_dict(config)) == config


def test_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CycleGANConfig().seed = 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "CycleGANConfig", "filtres": 8}, "did you mean 'filters'"),
        ({"kind": "Other"}, "expected kind"),
        ({}, "expected kind"),
    ],
    ids=["typo", "other kind", "no kind"],
)
def test_from_dict_names_what_is_wrong(values, message):
    with pytest.raises(ValueError, match=message):
        from_dict(values)


@pytest.mark.parametrize(
    "values",
    [
        {"image_size": 60},
        {"image_size": 8},
        {"filters": 0},
        {"input_channels": 5},
        {"precision": "float16"},
        {"lambda_cycle": -1.0},
        {"learning_rate": 0.0},
        {"background": 2.0},
        {"pool_size": -1},
        {"cycle_every": 0},
    ],
    ids=str,
)
def test_cyclegan_config_refuses(values):
    with pytest.raises(ValueError, match="expected"):
        CycleGANConfig(**values)


def test_universal_config_refuses_filters_beside_the_groups():
    with pytest.raises(ValueError, match="multiples of 16"):
        UniversalConfig(filters=24)


def test_sizes_must_be_whole():
    with pytest.raises(TypeError, match="expected image_size as int"):
        CycleGANConfig(image_size=256.0)


def test_public_names():
    assert cyclegan.__all__ == ["CycleGANConfig", "ShadingConfig", "UniversalConfig"]


def test_importing_the_room_imports_no_keras():
    code = "import cyclegan, sys; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
