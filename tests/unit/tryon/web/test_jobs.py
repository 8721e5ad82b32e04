"""The queue: bounds, order, cancelling, time limits, what is kept."""

import gc
import threading
import weakref

import pytest

from tryon.web.config import ServeConfig
from tryon.web.dresser import Dressed
from tryon.web.errors import ApiError
from tryon.web.jobs import Jobs


@pytest.fixture
def make():
    made = []

    def build(**config):
        made.append(Jobs(ServeConfig(**{"workers": 1, **config})))
        return made[-1]

    yield build
    for jobs in made:
        jobs.close()


def start(jobs, work):
    job = jobs.create(jobs.reserve())
    jobs.submit(job, work)
    return job


def dressed(size=1):
    return Dressed(b"x" * size, "image/png", {})


def test_a_job_tells_its_stages(make):
    jobs, seen = make(), []

    def work(enter):
        for stage in ("segment", "write"):
            enter(stage)
            seen.append((job.status, job.stage))
        return dressed()

    ready = threading.Event()
    job = start(jobs, lambda enter: ready.wait(5) and work(enter))
    ready.set()
    assert job.future.result(5) == dressed()
    assert seen == [("processing", "segment"), ("processing", "write")]
    assert (job.status, jobs.taken) == ("completed", 0)


def test_an_error_reaches_who_waits(make):
    jobs = make()
    job = start(jobs, lambda enter: 1 // 0)
    assert isinstance(job.future.exception(5), ZeroDivisionError)
    assert (job.status, jobs.taken) == ("failed", 0)


def test_the_queue_is_bounded_and_says_when_to_come_again(make):
    jobs, hold = make(max_queue=3), threading.Event()
    held = [start(jobs, lambda enter: hold.wait(5)) for _ in range(3)]
    with pytest.raises(ApiError, match="busy") as caught:
        jobs.reserve()
    assert caught.value.retry_after == 6  # three, of two seconds each at first
    assert [jobs.position(job) for job in held[1:]] == [0, 1]
    hold.set()
    for job in held:
        job.future.result(5)
    jobs.reserve().release()


def test_a_waiting_job_leaves_the_queue_when_it_is_cancelled(make):
    jobs, hold, ran = make(), threading.Event(), []
    first = start(jobs, lambda enter: hold.wait(5))
    second = start(jobs, ran.append)
    second.cancel()
    assert (second.status, jobs.taken) == ("failed", 1)
    hold.set()
    first.future.result(5)
    jobs.close()
    assert ran == []


def test_a_running_job_ends_before_its_next_stage(make):
    jobs, hold, began = make(), threading.Event(), threading.Event()

    def work(enter):
        began.set()
        hold.wait(5)
        enter("write")

    job = start(jobs, work)
    began.wait(5)
    job.cancel()
    hold.set()
    assert job.future.exception(5).name == "cancelled"


def test_a_job_that_was_cancelled_before_its_pictures_came(make):
    jobs = make()
    job = jobs.create(jobs.reserve())
    assert job.status == "starting"
    job.cancel()
    jobs.submit(job, lambda enter: dressed())
    jobs.close()
    assert (job.status, jobs.taken) == ("failed", 0)
    other = make()
    job = other.create(other.reserve())
    job.cancel()
    other.fail(job, ValueError())
    assert (job.status, other.taken) == ("failed", 0)


def test_a_time_limit_ends_a_job(make):
    jobs = make(job_seconds=-1.0)
    job = start(jobs, lambda enter: dressed())
    assert job.future.exception(5).name == "timeout"


def test_results_are_forgotten(make):
    jobs = make(keep_seconds=-1.0)
    job = start(jobs, lambda enter: dressed())
    job.future.result(5)
    jobs.keep(job)
    assert jobs.find(job.id) is job
    jobs.sweep()
    with pytest.raises(ApiError, match="not_found"):
        jobs.find(job.id)


def test_the_oldest_results_are_forgotten_when_they_are_too_many(make):
    jobs = make(max_result_bytes=25)
    done = [start(jobs, lambda enter: dressed(10)) for _ in range(3)]
    for job in done:
        job.future.result(5)
        jobs.keep(job)
    jobs.sweep()
    with pytest.raises(ApiError, match="not_found"):
        jobs.find(done[0].id)
    assert [jobs.find(job.id) for job in done[1:]] == done[1:]


def test_a_result_is_freed_with_its_job_without_the_collector(make):
    class Large(bytes):
        pass

    jobs, gone = make(), []
    job = start(jobs, lambda enter: Large(b"x"))
    job.future.result(5)
    jobs.close()
    gc.disable()
    try:
        reference = weakref.ref(job)
        del job
        gone.append(reference() is None)
    finally:
        gc.enable()
    assert gone == [True]


def test_closing_finishes_what_runs(make):
    jobs, hold, began = make(), threading.Event(), threading.Event()
    running = start(jobs, lambda enter: began.set() or hold.wait(5))
    waiting = start(jobs, lambda enter: dressed())
    began.wait(5)
    threading.Timer(0.05, hold.set).start()
    jobs.close()
    assert running.future.result(0) is True
    assert waiting.status == "failed"
    with pytest.raises(ApiError, match="stopping"):
        jobs.reserve()


def test_it_is_drained_when_all_is_fetched_or_old(make):
    jobs = make()
    assert jobs.is_drained(10)
    job = start(jobs, lambda enter: dressed())
    jobs.keep(job)
    job.future.result(5)
    assert not jobs.is_drained(10)
    assert jobs.is_drained(-1)
    job.is_fetched = True
    assert jobs.is_drained(10)
