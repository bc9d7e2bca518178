"""Report text as safe HTML with the matched words marked, whole or as an excerpt around the matches."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

Span = tuple[int, int]

_MARK_OPEN, _MARK_CLOSE = Markup("<mark>"), Markup("</mark>")
_BREAKS = "\n.!?;。！？；"


def merged(spans: Sequence[Span]) -> list[Span]:
    """Overlapping and touching spans as one, in order; empty ones left out.

    >>> merged([(5, 9), (0, 3), (2, 6)])
    [(0, 9)]
    """
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def marked(text: str, spans: Sequence[Span], start: int = 0, end: int | None = None) -> Markup:
    """``text[start:end]`` escaped, with ``spans`` (offsets in ``text``) in <mark>. Nothing of the text becomes markup.

    >>> str(marked("a <b> c", [(2, 5)]))
    'a <mark>&lt;b&gt;</mark> c'
    """
    end = len(text) if end is None else end
    html, position = Markup(), start
    for a, b in merged(spans):
        a, b = max(a, start), min(b, end)
        if a >= b:
            continue
        html += escape(text[position:a]) + _MARK_OPEN + escape(text[a:b]) + _MARK_CLOSE
        position = b
    return html + escape(text[position:end])


def excerpt(text: str, spans: Sequence[Span], length: int = 620) -> tuple[Markup, bool]:
    """(the part of the text to show, whether something was left out): whole sentences around the marks, the earliest
    first, until ``length`` characters; the beginning where nothing is marked."""
    if len(text) <= length * 1.25:
        return marked(text.strip(), [(a - _lead(text), b - _lead(text)) for a, b in spans]), False
    wanted = merged([_sentence(text, a, b, length // 2) for a, b in merged(spans)]) or [
        _sentence(text, 0, min(length, len(text)), length)
    ]
    parts: list[Span] = []
    room = length
    for start, end in wanted:
        if room <= 0:
            break
        if end - start > max(room, 80):
            end = start + max(room, 80)
            while end > start + 60 and text[end - 1].isalnum():  # not in the middle of a word
                end -= 1
        parts.append((start, end))
        room -= end - start
    html = Markup()
    for start, end in parts:
        if html or text[:start].strip():
            html += Markup("… ") if not html else Markup(" … ")
        html += marked(text, spans, start, end)
    if text[parts[-1][1] :].strip():
        html += Markup(" …")
    return html, True


def _lead(text: str) -> int:
    return len(text) - len(text.lstrip())


def _sentence(text: str, start: int, end: int, reach: int) -> Span:
    """The sentence or sentences that hold the span, at most ``reach`` characters to each side."""
    a = start
    while a > 0 and start - a < reach and text[a - 1] not in _BREAKS:
        a -= 1
    b = end
    while b < len(text) and b - end < reach and text[b] not in _BREAKS:
        b += 1
    while a < start and text[a].isspace():
        a += 1
    return a, min(len(text), b + 1)
