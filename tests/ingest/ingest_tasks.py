"""Stand-ins for the work of a decoding worker, by the name of the file."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

from caseindex.errors import InputRejected
from caseindex.ingest import task
from caseindex.ingest.task import Job, Outcome, take


def must_not_run(job: Job) -> Outcome:
    raise AssertionError(f"{job.found} was opened again")


def reject_only(job: Job) -> Outcome:
    return take(job) if isinstance(job.found, InputRejected) else must_not_run(job)


def hostile(job: Job) -> Outcome:
    name = job.found.item if isinstance(job.found, InputRejected) else job.found.file
    if name == "crash.png":
        os.kill(os.getpid(), signal.SIGSEGV)
    if name == "hang.png":
        time.sleep(600)
    if name in ("memory.png", "bug.png"):

        def broken(*_: object) -> None:
            raise MemoryError if name == "memory.png" else KeyError("Ivanov^Ivan")

        kept, task.decode = task.decode, broken
        try:
            return take(job)
        finally:
            task.decode = kept
    return take(job)


def breaks_off(job: Job) -> Outcome:
    kept = task.decode

    def some(*arguments: object):
        yield from kept(*arguments)
        raise InputRejected("x", "undecodable_pixels", "the second frame is truncated")

    task.decode = some
    try:
        return replace(take(job))
    finally:
        task.decode = kept
