"""The pool: order, limits, and that one bad job costs exactly one job."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest
import worker_tasks  # beside this file

from caseindex.ingest.workers import Lost, WorkerPool, WorkLimits


def run(work, jobs, workers=2, limits=None, **options):
    with WorkerPool(work, workers, limits or WorkLimits(timeout_s=20, memory_mb=1024), **options) as pool:
        return list(pool.run(jobs))


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_jobs(workers):
    assert run(worker_tasks.double, range(500), workers) == [(job, 2 * job) for job in range(500)]


def test_no_jobs_no_results_and_no_processes():
    with WorkerPool(worker_tasks.double, 2) as pool:
        assert list(pool.run([])) == []
        assert pool._workers == []


def test_a_crash_costs_its_own_job_only():
    jobs = [f"job {number}" for number in range(60)]
    jobs[7] = jobs[30] = "crash"
    jobs[31] = "exit"
    results = run(worker_tasks.misbehave, jobs)
    assert [job for job, _ in results] == jobs
    lost = {place: result for place, (_, result) in enumerate(results) if isinstance(result, Lost)}
    assert {place: result.reason for place, result in lost.items()} == dict.fromkeys((7, 30, 31), "worker_killed")
    assert "SIGSEGV" in lost[7].detail
    assert "status 3" in lost[31].detail
    assert all(result == f"{job} done" for place, (job, result) in enumerate(results) if place not in lost)


def test_every_job_a_crash():
    results = run(worker_tasks.misbehave, ["crash"] * 12)
    assert [result.reason for _, result in results] == ["worker_killed"] * 12


def test_a_hang_is_ended_and_the_others_go_on():
    jobs = ["a", "hang", *[f"slow {number}" for number in range(40)]]
    started = time.monotonic()
    results = run(worker_tasks.misbehave, jobs, limits=WorkLimits(timeout_s=1.0, memory_mb=1024))
    assert time.monotonic() - started < 20
    assert isinstance(results[1][1], Lost)
    assert results[1][1].reason == "timeout"
    assert [result for _, result in results[2:]] == [f"{job} done" for job in jobs[2:]]


def test_memory_is_limited():
    results = run(worker_tasks.misbehave, ["memory", "after"], limits=WorkLimits(timeout_s=20, memory_mb=512))
    assert results == [("memory", "refused"), ("after", "after done")]


def test_a_parent_that_is_busy_is_no_timeout():
    with WorkerPool(worker_tasks.misbehave, 2, WorkLimits(timeout_s=0.6, memory_mb=1024)) as pool:
        results = pool.run([f"job {number}" for number in range(200)])
        seen = [next(results)]
        time.sleep(1.5)  # the results wait in the pipes meanwhile
        seen += results
    assert not any(isinstance(result, Lost) for _, result in seen)


def test_jobs_are_drawn_as_there_is_room():
    drawn = 0

    def jobs() -> Iterator[int]:
        nonlocal drawn
        for number in range(10_000):
            drawn += 1
            yield number

    with WorkerPool(worker_tasks.double, 2, window=50) as pool:
        results = pool.run(jobs())
        for _ in range(10):
            next(results)
        assert drawn <= 60 + 50


def test_long_messages_do_not_block_either_side():
    rng = random.Random(1)
    jobs = [rng.randbytes(rng.choice([10, 70_000, 2_000_000])) for _ in range(60)]
    assert [(len(job), len(result)) for job, result in run(worker_tasks.long_answer, jobs)] == [
        (len(job), 4 * len(job)) for job in jobs
    ]


def test_leaving_early_ends_the_processes():
    with WorkerPool(worker_tasks.misbehave, 2, WorkLimits(timeout_s=60, memory_mb=1024)) as pool:
        results = pool.run(["a", "hang", "hang", "b"])
        next(results)
        processes = [worker.process for worker in pool._workers]
    for process in processes:
        with pytest.raises(ValueError, match="closed"):
            process.is_alive()


def test_what_decoders_print_stays_in_the_worker(capfd):
    jobs = ["Corrupt JPEG data\nmore", "", "flood", "in /home/x/y.dcm: bad \x1b[31m"]
    assert [said for _, said in run(worker_tasks.speak, jobs, 1)] == ["Corrupt JPEG data", "", "noise", "in  bad  [31m"]
    assert capfd.readouterr().err == ""
