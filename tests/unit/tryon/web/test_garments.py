"""Garments are detected once, for all threads, and forgotten in time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tryon.batch.garment_cache import Key, size_of
from tryon.errors import Refusal
from tryon.stages import DetectedGarment, work_image
from tryon.types import GarmentMask, Instance, Photo
from tryon.web.garments import Garments


def garment():
    photo = Photo(np.zeros((100, 100, 3), np.uint8))
    instance = Instance(1, "short sleeve top", 0.9, (0, 0, 9, 9), 0.5)
    detection = GarmentMask(np.ones((100, 100), bool), (instance,), 0, 0.9)
    return DetectedGarment(photo, work_image(photo), detection)


def key(name):
    return Key(name, "user", "user")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_two_threads_wait_for_one_detection():
    garments, began, hold, calls = (
        Garments(1 << 30, 60),
        threading.Event(),
        threading.Event(),
        [],
    )

    def detect():
        calls.append(1)
        began.set()
        hold.wait(5)
        return garment()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(garments.find, key("a"), detect)
        began.wait(5)
        second = pool.submit(garments.find, key("a"), detect)
        hold.set()
        assert first.result(5) is second.result(5)
    assert calls == [1]


def test_a_refusal_is_remembered_and_raised_anew():
    garments, calls = Garments(1 << 30, 60), []

    def detect():
        calls.append(1)
        raise Refusal("too_small", "photo: small")

    for _ in range(2):
        with pytest.raises(Refusal, match="too_small: photo: small"):
            garments.find(key("a"), detect)
    assert calls == [1]


def test_any_other_error_is_not_remembered():
    garments = Garments(1 << 30, 60)
    with pytest.raises(ZeroDivisionError):
        garments.find(key("a"), lambda: 1 // 0)
    assert len(garments) == 0
    assert garments.find(key("a"), garment)


def test_the_oldest_go_when_memory_is_short():
    garments = Garments(2 * size_of(garment()), 60)
    for name in "abcd":
        garments.find(key(name), garment)
    assert len(garments) == 2
    found = garments.find(key("d"), garment)
    assert garments.find(key("d"), garment) is found


def test_the_newest_is_kept_however_large():
    garments = Garments(0, 60)
    garments.find(key("a"), garment)
    assert len(garments) == 1


def test_what_nobody_asks_for_is_forgotten():
    clock = Clock()
    garments = Garments(1 << 30, 60, clock)
    garments.find(key("a"), garment)
    garments.find(key("b"), garment)
    clock.now = 50
    garments.find(key("b"), garment)
    clock.now = 100
    garments.sweep()
    assert len(garments) == 1
