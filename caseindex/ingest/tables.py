"""CSV tables as they come: any delimiter, character set and compression, streamed row by row."""

from __future__ import annotations

import csv
import gzip
import io
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caseindex.errors import InputRejected
from caseindex.ingest.charset import decode_text

_SAMPLE_BYTES: Final = 1 << 20
_MAX_CELL: Final = 16 << 20
_CODECS: Final = ("utf-8-sig", "utf-16", "cp1251", "gb18030", "koi8_r", "cp866", "iso8859_5", "cp1252", "latin_1")


@dataclass(frozen=True, slots=True)
class Row:
    """``number``: the line on which it ends, the header being line 1; ``cells``: stripped, by column name as given."""

    number: int
    cells: dict[str, str]


def header(path: Path) -> list[str]:
    """The column names of a table; empty where the file is no table or cannot be read."""
    try:
        with _opened(path) as (stream, delimiter):
            return [name.strip() for name in next(csv.reader(stream, delimiter=delimiter), [])]
    except (InputRejected, OSError, csv.Error, EOFError, zlib.error, UnicodeError):
        return []


def rows(path: Path, shown: str | None = None) -> Iterator[Row | InputRejected]:
    """The rows of a table, one at a time. A row that has more cells than the header is a ``bad_row``; a table that
    cannot be read (or not to its end) ends with one rejection of the table. ``shown``: how messages name it."""
    item = shown or str(path)
    try:
        with _opened(path) as (stream, delimiter):
            lines = _Lines(stream)
            reader = csv.reader(lines, delimiter=delimiter)
            names = [name.strip() for name in next(reader, [])]
            begins = reader.line_num + 1
            for cells in reader:
                if lines.exhausted:
                    yield InputRejected(
                        f"{item}:{begins}", "bad_row", "a quotation mark that is not closed; left out with all after it"
                    )
                elif len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
                    yield InputRejected(
                        f"{item}:{reader.line_num}", "bad_row", f"{len(cells)} cells under {len(names)} columns"
                    )
                elif any(cell.strip() for cell in cells):
                    yield Row(reader.line_num, {name: cell.strip() for name, cell in zip(names, cells, strict=False)})
                begins = reader.line_num + 1
    except InputRejected as error:
        yield InputRejected(item, error.code, error.detail)
    except (OSError, EOFError, zlib.error) as error:
        yield InputRejected(item, "unreadable", getattr(error, "strerror", None) or type(error).__name__)
    except csv.Error as error:
        yield InputRejected(item, "bad_row", f"not a CSV table from here on: {error}")


def column(names: Sequence[str], *candidates: str) -> str | None:
    """The first of ``names`` that is one of ``candidates``; case, spaces, ``_`` and ``-`` do not count."""
    known = {fold(name): name for name in reversed(names)}
    return next((known[fold(wanted)] for wanted in candidates if fold(wanted) in known), None)


def fold(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())


class _Lines:
    """The lines of a table. A row that the reader gives only after the last line was passed ends in open quotes."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._stream = stream
        self.exhausted = False

    def __iter__(self) -> Iterator[str]:
        yield from self._stream
        self.exhausted = True


@contextmanager
def _opened(path: Path) -> Iterator[tuple[io.TextIOWrapper, str]]:
    with _binary(path) as stream:
        sample = stream.read(_SAMPLE_BYTES)
    codec = _codec(sample)
    first = sample.decode(codec, "replace").split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    csv.field_size_limit(_MAX_CELL)
    with _binary(path) as stream, io.TextIOWrapper(stream, codec, errors="replace", newline="") as text:
        yield text, delimiter


def _binary(path: Path) -> gzip.GzipFile | io.BufferedReader:
    stream = open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))  # noqa: SIM115
    magic = stream.peek(2)[:2]
    if magic == b"\x1f\x8b":
        stream.close()
        return gzip.open(path, "rb")
    return stream


def _codec(sample: bytes) -> str:
    """The codec of a table by its first megabyte."""
    whole = sample if len(sample) < _SAMPLE_BYTES else sample[: sample.rfind(b"\n") + 1] or sample
    try:
        whole.decode("utf-8-sig")
        return "utf-8-sig"
    except UnicodeDecodeError:
        pass
    text = decode_text(whole)
    for codec in _CODECS[1:]:
        try:
            if whole.decode(codec) == text:
                return codec
        except UnicodeError:
            continue
    return "utf-8-sig"
