"""With which letters what a pattern matches may begin: by them a list of hundreds of cues is looked up at each word."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LOOK_BEHIND = re.compile(r"\(\?<[!=](?:[^()\\]|\\.)*\)|\\b")  # "(?<!not )excluded"
_MARK = re.compile(r"\\.|\[(?:[^\]\\]|\\.)*\]|[()|]")  # what is escaped or in a class is none
_OPTIONAL = re.compile(r"\?|\*|\{0,\d*\}")


def first_letters(pattern: str) -> frozenset[str] | None:
    """The letters, of a pattern in lower case; ``None`` where they cannot be told.

    >>> sorted(first_letters("(?:is|are )?no(?:t|ne)?") or ())
    ['a', 'i', 'n']
    """
    found: set[str] = set()
    for branch in _branches(pattern):
        letters = _of_branch(branch)
        if letters is None:
            return None
        found |= letters
    return frozenset(found)


def _of_branch(pattern: str) -> frozenset[str] | None:
    while match := _LOOK_BEHIND.match(pattern):
        pattern = pattern[match.end() :]
    if not pattern:
        return None
    if pattern.startswith("(?:"):
        end = next(position for position, letter, depth in _marks(pattern) if letter == ")" and not depth)
        letters, rest = first_letters(pattern[3:end]), pattern[end + 1 :]
    elif pattern[0].isalnum() or pattern[0] in " -/":
        letters, rest = frozenset(pattern[0]), pattern[1:]
    else:
        return None
    optional = _OPTIONAL.match(rest)
    if letters is None or optional is None:
        return letters
    others = _of_branch(rest[optional.end() :])
    return None if others is None else letters | others


def _branches(pattern: str) -> Iterator[str]:
    """The alternatives of a pattern, split at each "|" outside of brackets."""
    begin = 0
    for position, letter, depth in _marks(pattern):
        if letter == "|" and not depth:
            yield pattern[begin:position]
            begin = position + 1
    yield pattern[begin:]


def _marks(pattern: str) -> Iterator[tuple[int, str, int]]:
    """(place, mark, brackets that are open behind it) of the brackets and bars of a pattern."""
    depth = 0
    for match in _MARK.finditer(pattern):
        depth += {"(": 1, ")": -1}.get(match.group(), 0)
        yield match.start(), match.group(), depth
