import dataclasses
import json

import pytest

from data_tools.annotations import CATEGORIES
from mrcnn.config import MaskRCNNConfig, RefinerConfig


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"image_size": 100}, "multiple of 64, got 100"),
        ({"image_size": 0}, "multiple of 64, got 0"),
        ({"image_size": -64}, "multiple of 64, got -64"),
        ({"mask_roi_size": 14, "mask_output_size": 42}, "1 or 2 times"),
        ({"proposals": 300}, "max_detections <= proposals <= pre_nms"),
        ({"max_detections": 0}, "1 <= max_detections"),
        ({"proposals": 4}, "got 8, 4, 200"),
    ],
)
def test_sizes_that_cannot_work_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        MaskRCNNConfig(**values)


def test_a_saved_config_comes_back(tmp_path):
    config = MaskRCNNConfig(image_size=128, anchor_ratios=(1.0,))
    config.save(tmp_path / "config.json")
    values = json.loads((tmp_path / "config.json").read_text())
    assert MaskRCNNConfig.from_dict(values) == config


def test_an_unknown_key_is_refused():
    with pytest.raises(ValueError, match=r"got \['image_sise'\]"):
        MaskRCNNConfig.from_dict({"image_sise": 64})


def test_configs_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        MaskRCNNConfig().image_size = 64


def test_classes_are_deepfashion2s_categories():
    assert MaskRCNNConfig().num_classes == RefinerConfig().num_classes == len(CATEGORIES)
    assert CATEGORIES[0] == "short sleeve top"
    assert CATEGORIES[-1] == "sling dress"
