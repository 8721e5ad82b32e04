import keras
import numpy as np

from mrcnn.feature_pyramid import build_feature_pyramid


def test_five_levels_of_one_width():
    stages = [keras.Input((s, s, c)) for s, c in ((16, 4), (8, 6), (4, 8), (2, 10))]
    pyramid = build_feature_pyramid(stages, 12)
    inputs = [np.ones((1, *stage.shape[1:]), np.float32) for stage in stages]
    shapes = [level.shape for level in pyramid(inputs)]
    assert shapes == [(1, s, s, 12) for s in (16, 8, 4, 2, 1)]


def test_coarse_features_reach_fine_levels():
    stages = [keras.Input((s, s, 4)) for s in (16, 8, 4, 2)]
    pyramid = build_feature_pyramid(stages, 4)
    inputs = [np.zeros((1, *stage.shape[1:]), np.float32) for stage in stages]
    before = np.asarray(pyramid(inputs)[0])
    inputs[3] += 1.0
    assert np.abs(np.asarray(pyramid(inputs)[0]) - before).max() > 1e-3
