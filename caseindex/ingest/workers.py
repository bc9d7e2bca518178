"""A pool of processes for work on hostile files: a time and a memory limit for each, and none of them takes another
down.

Results come in the order of the jobs, whatever the number of workers. At most ``window`` jobs are under way or
waiting for their turn, so memory does not grow with their number. A few jobs wait in the pipe of each worker, so that
it never idles; when it dies, exactly the job it was at is lost, the others go to the next one.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Final, Generic, TypeVar

import msgspec

from caseindex.errors import CaseindexError
from caseindex.ingest import decoder_messages, heap

J = TypeVar("J")
R = TypeVar("R")

#: Loaded once by the server that workers are forked from, so that a new worker starts in milliseconds and shares the
#: memory of the decoders' code with the others.
_PRELOAD: Final = (
    "caseindex.ingest.task",
    "caseindex.ingest.dicom",
    "caseindex.ingest.encapsulated_frames",
    "caseindex.ingest.raster",
    "cv2",
)
_STARTS_IN_A_ROW: Final = 5
_START_TIMEOUT_S: Final = 120.0
_JOBS_AHEAD: Final = 16  # per worker: one at work, the others in its pipe
_BYTES_AHEAD: Final = 32 << 10  # a socket takes several times this without a reader
_JOBS_IN_A_LIFE: Final = 20_000  # then it is replaced: native decoders leak


_MESSAGE_PACK: Final = b"m"  # the first byte of a message that is no pickle, which begins with 0x80


class WorkersCannotStart(CaseindexError):
    pass


@dataclass(frozen=True, slots=True)
class WorkLimits:
    """What one job may cost. ``memory_mb`` is beyond what the worker holds when it starts; 0: no limit."""

    timeout_s: float = 60.0
    memory_mb: int = 4096


@dataclass(frozen=True, slots=True)
class Lost:
    """Instead of a result: the job killed its worker (``reason`` is ``"worker_killed"``) or was stopped after the
    time limit (``"timeout"``)."""

    reason: str
    detail: str


@dataclass(eq=False, slots=True)
class _Worker(Generic[J]):
    process: Any
    pipe: Connection
    jobs: deque[tuple[int, J, bytes]] = field(default_factory=deque)  # number, job, pickle; the first is at work
    queued_bytes: int = 0  # in the pipe, behind the job that it is at
    taken: int = 0
    ready: bool = False
    since: float = 0.0  # when it began with the first of its jobs, or was started

    def has_room(self, size: int) -> bool:
        """Sending must never wait: an idle worker is reading, a busy one's pipe holds :data:`_BYTES_AHEAD`."""
        fits = not self.jobs or (len(self.jobs) < _JOBS_AHEAD and self.queued_bytes + size <= _BYTES_AHEAD)
        return fits and self.taken < _JOBS_IN_A_LIFE


class WorkerPool(Generic[J, R]):
    """Runs ``work(job)`` for each job in ``workers`` processes. ``work`` is a function that pickle can name, as are
    jobs and results. ``result``: the type of the results where it is a dataclass, which travels several times cheaper
    as MessagePack than through pickle. A context manager; leaving it ends the processes."""

    def __init__(
        self,
        work: Callable[[J], R],
        workers: int,
        limits: WorkLimits | None = None,
        *,
        window: int = 0,
        result: type[R] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        self._work = work
        self._result = result
        self._decoder = None if result is None else msgspec.msgpack.Decoder(result)
        self._count = workers
        self._limits = limits or WorkLimits()
        self._window = window or max(128, 4 * workers * _JOBS_AHEAD)
        self._clock = clock
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        self._context: Any = multiprocessing.get_context(method)
        if method == "forkserver":
            self._context.set_forkserver_preload(list(_PRELOAD))
        self._workers: list[_Worker[J]] = []
        self._again: deque[tuple[int, J, bytes]] = deque()
        self._failed_starts = 0

    def __enter__(self) -> WorkerPool[J, R]:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.pipe.close()  # an idle worker ends at the end of its pipe
        for worker in self._workers:
            worker.process.join(0.2)
            if worker.process.is_alive():
                worker.process.kill()
            worker.process.join()
            worker.process.close()
        self._workers.clear()

    def run(self, jobs: Iterable[J]) -> Generator[tuple[J, R | Lost], None, None]:
        """(job, result) in the order of ``jobs``, which is consumed as there is room."""
        source = enumerate(jobs)
        waiting: dict[int, J] = {}
        done: dict[int, R | Lost] = {}
        following = 0
        exhausted = False
        while True:
            while True:
                if not self._again and not exhausted and len(waiting) < self._window:
                    entry = next(source, None)
                    if entry is None:
                        exhausted = True
                    else:
                        waiting[entry[0]] = entry[1]
                        self._again.append((*entry, pickle.dumps(entry[1], pickle.HIGHEST_PROTOCOL)))
                worker = self._free(len(self._again[0][2])) if self._again else None
                if worker is None:
                    break
                self._send(worker, *self._again.popleft())
            if not waiting and exhausted:
                return
            for number, result in self._collect():
                done[number] = result
            while following in done:
                result = done.pop(following)
                yield waiting.pop(following), result
                following += 1

    def _free(self, size: int) -> _Worker[J] | None:
        """The worker with room for a message of ``size`` bytes that has least to do; a new one where there are fewer
        than asked for."""
        for worker in [worker for worker in self._workers if worker.taken >= _JOBS_IN_A_LIFE and not worker.jobs]:
            self._workers.remove(worker)
            worker.pipe.close()
            worker.process.join()
        free = min(
            (worker for worker in self._workers if worker.has_room(size)),
            key=lambda worker: len(worker.jobs),
            default=None,
        )
        return self._start() if len(self._workers) < self._count and (free is None or free.jobs) else free

    def _start(self) -> _Worker[J]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve,
            args=(theirs, self._work, self._limits.memory_mb, self._result is not None),
            name="caseindex-decoder",
            daemon=True,
        )
        with _interrupts_held_back():
            process.start()
        theirs.close()
        worker: _Worker[J] = _Worker(process, ours, since=self._clock())
        self._workers.append(worker)
        return worker

    def _send(self, worker: _Worker[J], number: int, job: J, message: bytes) -> None:
        if not worker.jobs:
            if worker.ready:
                worker.since = self._clock()
        else:
            worker.queued_bytes += len(message)
        worker.jobs.append((number, job, message))
        worker.taken += 1
        with contextlib.suppress(OSError):  # it died; _collect() sees to that
            worker.pipe.send_bytes(message)

    def _collect(self) -> list[tuple[int, R | Lost]]:
        """Waits until a worker has said something, died or run out of time, and takes what there is."""
        results: list[tuple[int, R | Lost]] = []
        readable = wait([worker.pipe for worker in self._workers], timeout=self._time_left())
        for worker in list(self._workers):
            alive = True
            if worker.pipe in readable:
                alive = self._receive(worker, results)
            if alive and self._is_late(worker):
                # What it finished in the meantime counts; only then is it judged.
                alive = self._receive(worker, results)
                if alive and self._is_late(worker):
                    worker.process.kill()
                    worker.process.join()
                    self._retire(worker, results, timed_out=True)
                    continue
            if not alive:
                worker.process.join()
                self._retire(worker, results, timed_out=False)
        return results

    def _receive(self, worker: _Worker[J], results: list[tuple[int, R | Lost]]) -> bool:
        """Takes all messages; false at the end of the pipe."""
        try:
            while worker.pipe.poll():
                message = self._unpack(worker.pipe.recv_bytes())
                if message is None:
                    worker.ready = True
                    self._failed_starts = 0
                else:
                    number, _, _ = worker.jobs.popleft()
                    if worker.jobs:
                        worker.queued_bytes -= len(worker.jobs[0][2])
                    results.append((number, message))
                worker.since = self._clock()
        except (EOFError, OSError):
            return False
        return True

    def _unpack(self, message: bytes) -> R | None:
        if message[:1] == _MESSAGE_PACK and self._decoder is not None:
            return self._decoder.decode(memoryview(message)[1:])
        found: R | None = pickle.loads(message)  # noqa: S301 - of our own worker, as Connection.recv does
        return found

    def _retire(self, worker: _Worker[J], results: list[tuple[int, R | Lost]], *, timed_out: bool) -> None:
        self._workers.remove(worker)
        worker.pipe.close()
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS_IN_A_ROW:
                raise WorkersCannotStart(
                    "decoding workers",
                    f"the last {self._failed_starts} ended before they began, with status {worker.process.exitcode}",
                    "See the messages above; raise [limits] worker_memory_mb in archive.toml if memory is short",
                )
        elif worker.jobs:
            number, _, _ = worker.jobs.popleft()
            if timed_out:
                lost = Lost("timeout", f"not done after {self._limits.timeout_s:g} s")
            else:
                lost = Lost("worker_killed", _ending(worker.process.exitcode))
            results.append((number, lost))
        self._again.extendleft(reversed(worker.jobs))
        worker.process.close()

    def _is_late(self, worker: _Worker[J]) -> bool:
        return self._deadline(worker) <= self._clock()

    def _deadline(self, worker: _Worker[J]) -> float:
        if not worker.ready:
            return worker.since + _START_TIMEOUT_S
        return worker.since + self._limits.timeout_s if worker.jobs else float("inf")

    def _time_left(self) -> float | None:
        first = min((self._deadline(worker) for worker in self._workers), default=float("inf"))
        return None if first == float("inf") else max(0.0, first - self._clock()) + 0.001


def _ending(status: int | None) -> str:
    if status is not None and status < 0:
        try:
            return f"the worker was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"the worker was ended by signal {-status}"
    return f"the worker ended with status {status}"


def _pack(result: Any, message_pack: bool) -> bytes:
    if message_pack:
        with contextlib.suppress(TypeError, ValueError, OverflowError):  # lone surrogates, integers beyond 64 bits
            return _MESSAGE_PACK + msgspec.msgpack.encode(result)
    return pickle.dumps(result, pickle.HIGHEST_PROTOCOL)


def _serve(pipe: Connection, work: Callable[[Any], Any], memory_mb: int, message_pack: bool) -> None:
    """The life of a worker: jobs in, one result for each out, until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    _die_with_parent()
    _limit_memory(memory_mb)
    heap.keep_freed_memory()
    try:
        pipe.send_bytes(_pack(None, False))
        decoder_messages.capture()  # until here, what goes wrong is for the terminal
        while True:
            pipe.send_bytes(_pack(work(pipe.recv()), message_pack))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(0)


def _die_with_parent() -> None:
    """Where the kernel can: a worker stuck in a file does not outlive a parent that was killed."""
    if sys.platform == "linux":
        import threading

        parent_pipe = multiprocessing.parent_process()
        if parent_pipe is not None:
            # The forkserver is our parent in the eyes of the kernel, so PR_SET_PDEATHSIG would watch the wrong one.
            def watch() -> None:
                parent_pipe.join()
                os._exit(1)

            threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Ctrl-C at a terminal goes to all processes of the group: one that is still importing would print a stack trace.
    What is started in here never sees it; ours comes when it is over."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # started later, it would let interrupts in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _limit_memory(memory_mb: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: no such limit
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_mb > 0 and sys.platform == "linux":
        with open("/proc/self/statm", encoding="ascii") as file:
            held = int(file.read().split()[0]) * resource.getpagesize()
        limit = held + (memory_mb << 20)
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))
