"""Work for the pool in the tests: functions that a worker process can import."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import numpy as np


def double(job: int) -> int:
    return 2 * job


def misbehave(job: str) -> str:
    if job == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if job == "exit":
        os._exit(3)
    if job == "hang":
        time.sleep(600)
    if job == "memory":
        try:
            return f"got {np.ones(3 << 30, np.uint8).nbytes}"
        except MemoryError:
            return "refused"
    if job.startswith("slow"):
        time.sleep(0.02)
    return f"{job} done"


def long_answer(job: bytes) -> bytes:
    return job * 4


def speak(job: str) -> str:
    """Prints past Python, as a C library does, and gives what a rejection would tell of it."""
    from caseindex.ingest.decoder_messages import drain

    if job == "flood":
        for _ in range(100):
            with contextlib.suppress(BlockingIOError):
                os.write(2, b"noise\n" * 10_000)
    elif job:
        os.write(2, job.encode())
    return drain()
