"""Small products on one thread: limited inside, given back outside, whoever else is inside meanwhile."""

from __future__ import annotations

import threading

import pytest
from threadpoolctl import threadpool_info

from caseindex.retrieval.verify.one_thread import _libraries, one_thread


def threads() -> list[int]:
    known = {library.filepath for library, _ in _libraries()}
    return [one["num_threads"] for one in threadpool_info() if one["filepath"] in known]


def test_one_thread_inside_and_all_outside() -> None:
    before = threads()
    assert before
    with one_thread():
        assert set(threads()) == {1}
    assert threads() == before


def test_two_that_overlap_leave_nothing_limited() -> None:
    before = threads()
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with one_thread():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with one_thread():
        thread.start()
        assert entered.wait(10)
    leave.set()
    thread.join()
    assert threads() == before


def test_an_error_gives_them_back_too() -> None:
    before = threads()
    with pytest.raises(ValueError, match="inside"), one_thread():
        raise ValueError("inside")
    assert threads() == before
