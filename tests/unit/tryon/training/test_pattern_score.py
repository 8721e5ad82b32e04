"""Patterns are scored on held-out people."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from cyclegan.config import CycleGANConfig
from tryon.stages import DetectedGarment, prepare
from tryon.training.pattern import (
    crop_garments,
    on_plateau,
    read_scores,
    render_targets,
)
from tryon.training.pattern_score import PatternJudge, cycle_error, split_users
from tryon.types import GarmentMask, Instance, Photo

SIZE = 64
RED, BLUE = (200, 40, 40), (30, 40, 200)


def garment(colour):
    mask = np.zeros((SIZE, SIZE), bool)
    mask[12:52, 16:48] = True
    image = np.full((SIZE, SIZE, 3), 120, np.uint8)
    image[mask] = colour
    find = Instance(1, "short sleeve top", 0.9, (16, 12, 48, 52), float(mask.mean()))
    detection = GarmentMask(mask, (find,), 0, 0.9)
    return prepare(DetectedGarment(Photo(image), image, detection))


class Paints:
    """A generator whose output has one colour; without one it returns its input."""

    def __init__(self, colour=None):
        self.colour = colour

    def predict_on_batch(self, batch):
        if self.colour is None:
            return batch
        plain = np.array(self.colour, np.float32) / 127.5 - 1
        return np.broadcast_to(plain, batch.shape).copy()


def model(there=None, back=None):
    first, second = Paints(there), Paints(back)
    return SimpleNamespace(
        config=CycleGANConfig(image_size=SIZE),
        generator_a2b=first,
        generator_b2a=second,
        generate=lambda s2, mask, _: np.where(mask > 0, first.predict_on_batch(s2), 0),
        reconstruct=lambda s2, mask, _: np.where(
            mask > 0, second.predict_on_batch(s2), 0
        ),
    )


def judge(user, found):
    return PatternJudge([user], garment(BLUE), lambda image: found)


def test_the_patterns_colours_in_the_shirts_shape_score_one():
    user = garment(RED)
    figures = judge(user, user.detection)(model(BLUE, RED))
    assert figures["held_out_style"] < 3
    assert figures["held_out_shape"] == 1
    assert figures["held_out_cycle"] < 4
    assert figures["held_out_score"] > 0.9


def test_no_change_scores_zero():
    user = garment(RED)
    figures = judge(user, user.detection)(model())
    assert figures["held_out_score"] == pytest.approx(0, abs=0.02)
    assert figures["held_out_style"] > 20


def test_a_result_without_a_detection_scores_zero():
    figures = judge(garment(RED), None)(model(BLUE))
    assert figures["held_out_shape"] == figures["held_out_score"] == 0


def test_the_cycle_error_is_in_grey_levels():
    user = garment(RED)
    error = cycle_error(model(BLUE, (100, 40, 40)), user)
    assert error == pytest.approx(100 / 3, abs=2)


def test_every_sixth_is_held_out():
    train, held = split_users(list(range(13)))
    assert held == [5, 11]
    assert train == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 12]
    assert split_users([1, 2]) == ([1, 2], [])
    nobody = PatternJudge([], garment(BLUE), lambda image: None)
    assert nobody(model()) == {}


def test_a_plateau_is_counted_from_the_best_epoch():
    assert not on_plateau([], 1)
    assert not on_plateau([0.1, 0.3, 0.2], 2)
    assert on_plateau([0.1, 0.3, 0.2, 0.3], 2)
    assert not on_plateau([0.1, 0.3, 0.2, 0.4], 2)


def test_scores_come_from_the_log(tmp_path):
    assert read_scores(tmp_path) == []
    with (tmp_path / "log.csv").open("w", newline="") as file:
        rows = [("epoch", "held_out_score"), (1, 0.25), (2, ""), (3, 0.5)]
        csv.writer(file).writerows(rows)
    assert read_scores(tmp_path) == [0.25, 0.5]


def test_the_paired_target_is_the_transfer_in_the_users_frame():
    """Fine checks of the result are averaged, not picked at random."""
    users, shop = [garment((200, 30, 30)), garment((30, 30, 200))], garment((9, 200, 9))
    pairs = []

    class Checks:
        def draw(self, ys, xs):
            light = (np.rint(ys).astype(int)[:, None] + np.rint(xs).astype(int)) % 2
            return np.repeat(light[..., None] * np.float32(255), 3, axis=-1)

    def transfer(user, shop):
        pairs.append((user, shop))
        return Checks()

    config = CycleGANConfig(image_size=16)
    targets = render_targets(users, [shop], config, transfer)
    assert pairs == [(users[0], shop), (users[1], shop)]
    assert [image.shape for image in targets.images] == [(16, 16, 3)] * 2
    inputs = crop_garments(users, config)
    rows = zip(inputs.masks, targets.masks, targets.images, strict=True)
    for mask, target_mask, image in rows:
        np.testing.assert_array_equal(mask, target_mask)
        assert np.abs(image[mask].mean() - 127.5) < 20
        assert image[mask].std() < 80, "straight through the frame it would be 127"
