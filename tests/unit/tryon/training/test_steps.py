"""What is said of a training's steps, by a clock that the test turns."""

import pytest

from tryon.training.steps import Steps, StepsConfig, format_time


def watch(seconds, done=0, total=100, interval=60.0):
    """Return what is said when each step ends at one of the seconds."""
    told = []
    clock = iter([0.0, *seconds]).__next__
    steps = Steps(told.append, StepsConfig(interval), clock)
    steps.begin(done, total)
    for _ in seconds:
        steps()
    assert steps.done == done + len(seconds)
    return told


def test_time_is_told_from_the_second_step_on_and_then_each_minute():
    assert watch([30 + 2 * k for k in range(66)]) == [
        "training 100 steps",
        "step 2 of 100, about 3:16 left",
        "step 32 of 100, about 2:16 left",
        "step 62 of 100, about 1:16 left",
    ]


def test_a_run_that_goes_on_says_from_where():
    assert watch([9, 10], done=40) == [
        "resumed after step 40 of 100",
        "step 42 of 100, about 0:58 left",
    ]
    assert watch([], done=100) == ["all 100 steps were done before"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3600, "1:00:00"), (1e5, "27:46:40")],
)
def test_times_are_short(seconds, text):
    assert format_time(seconds) == text
