"""A long report in pieces that a network of limited length can read: whole sections, else whole sentences."""

from __future__ import annotations

from collections.abc import Callable

from caseindex.reports.text.sections import sections
from caseindex.reports.text.sentences import sentences


def pieces(text: str, count: Callable[[str], int], limit: int) -> list[tuple[int, int]]:
    """(start, end) of consecutive pieces that together cover ``text``, each of at most ``limit`` tokens by ``count``.

    A piece ends at the end of a section where the sections fit, else of a sentence, else of a word; only a single word
    beyond the limit makes a longer piece. Short neighbouring sections share a piece. A text within the limit is one.
    """
    if limit < 1:
        raise ValueError(f"a piece has at least one token, not {limit}")
    if count(text) <= limit:
        return [(0, len(text))]
    found: list[tuple[int, int]] = []
    for start, end in _packed(text, _section_ends(text), 0, count, limit):
        if count(text[start:end]) <= limit:
            found.append((start, end))
            continue
        for first, last in _packed(text, _sentence_ends(text, start, end), start, count, limit):
            if count(text[first:last]) <= limit:
                found.append((first, last))
            else:
                found += _packed(text, _word_ends(text, first, last), first, count, limit)
    return found


def _packed(text: str, ends: list[int], start: int, count: Callable[[str], int], limit: int) -> list[tuple[int, int]]:
    """Neighbours together as long as they fit."""
    out: list[tuple[int, int]] = []
    begin, last, used = start, start, 0
    for end in ends:
        size = count(text[last:end])
        if last > begin and used + size > limit:
            out.append((begin, last))
            begin, used = last, 0
        last, used = end, used + size
    if last > begin:
        out.append((begin, last))
    return out


def _section_ends(text: str) -> list[int]:
    ends = [part.end for part in sections(text)]
    return [*ends[:-1], len(text)] if ends else [len(text)]


def _sentence_ends(text: str, start: int, end: int) -> list[int]:
    ends = [start + right for _, right in sentences(text[start:end])]
    return [*ends[:-1], end] if ends else [end]


def _word_ends(text: str, start: int, end: int) -> list[int]:
    import re

    ends = [start + match.end() for match in re.finditer(r"\s+|[㐀-鿿]|[^\s㐀-鿿]+", text[start:end])]
    return [*ends[:-1], end] if ends else [end]
