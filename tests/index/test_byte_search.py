from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caseindex.index import byte_search
from caseindex.index.byte_search import ByteSearch


@given(st.lists(st.binary(min_size=8, max_size=20), min_size=1, max_size=6), st.binary(max_size=40), st.data())
def test_finds_what_is_there_and_nothing_else(patterns: list[bytes], filler: bytes, data: st.DataObject) -> None:
    parts = data.draw(st.lists(st.sampled_from([*patterns, filler, *[pattern[:-1] for pattern in patterns]])))
    text = b"".join(parts)
    assert ByteSearch(patterns).within(text) == {pattern for pattern in patterns if pattern in text}


def test_across_the_chunks_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_search, "_CHUNK", 64)
    file = tmp_path / "f"
    for offset in range(130):
        file.write_bytes(b"." * offset + b"needle in the hay" + b"." * 50)
        assert ByteSearch([b"needle in the hay", b"not there."]).within_file(file) == {b"needle in the hay"}


def test_short_patterns_are_refused() -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        ByteSearch([b"short"])
