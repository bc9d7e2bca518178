"""With which two letters what a pattern matches may begin: by them a list of hundreds of cues is looked up at each word."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LOOK_BEHIND = re.compile(r"\(\?<[!=](?:[^()\\]|\\.)*\)|\\b")  # "(?<!not )excluded"
_MARK = re.compile(r"\\.|\[(?:[^\]\\]|\\.)*\]|[()|]")  # what is escaped or in a class is none
_LETTER = re.compile(r"[^\W_]|[ /-]")
# two letters that are both there: not "no?", "n{0,2}"
_PAIR = re.compile(rf"(?:{_LETTER.pattern}){{2}}(?![?*{{])")
_CLASS = re.compile(r"\[(-?[^]^\\-]+)]")  # "[-–:]"; of a range or all but some the letters are not told
_OPTIONAL = re.compile(r"\?|\*|\{0,\d*\}")


def openings(pattern: str) -> frozenset[str] | None:
    """The first two letters of what a pattern in lower case matches, or one letter where any may follow it; ``None`` where
    they cannot be told.

    >>> sorted(openings("(?:is|are )?no(?:t|ne)?|a (?:few|bit)") or ())
    ['a ', 'ar', 'is', 'no']
    """
    found: set[str] = set()
    for branch in _branches(pattern):
        pairs = _of_branch(branch)
        if pairs is None:
            return None
        found |= pairs
    return frozenset(found)


def _of_branch(pattern: str) -> frozenset[str] | None:
    while match := _LOOK_BEHIND.match(pattern):
        pattern = pattern[match.end() :]
    if not pattern:
        return None
    if pattern.startswith("(?:"):
        end = next(position for position, letter, depth in _marks(pattern) if letter == ")" and not depth)
        pairs, rest = openings(pattern[3:end]), pattern[end + 1 :]
    elif pair := _PAIR.match(pattern):
        return frozenset([pair.group()])
    elif _LETTER.match(pattern):
        pairs, rest = frozenset(pattern[0]), pattern[1:]
    elif a_class := _CLASS.match(pattern):
        pairs, rest = frozenset(a_class[1]), pattern[a_class.end() :]
    elif pattern.startswith(r"\d"):
        pairs, rest = frozenset("0123456789"), pattern[2:]
    else:
        return None
    optional = _OPTIONAL.match(rest)
    if pairs is None or optional is None:
        return pairs
    others = _of_branch(rest[optional.end() :])
    return None if others is None else pairs | others


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
