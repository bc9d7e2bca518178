"""Byte pairs as ruCLIP's `bpe.model` holds them: the format and the arithmetic of YouTokenToMe (github.com/VKCOM/
YouTokenToMe, version 1.0.6), rebuilt. The file is text: counts, characters with their ids, merges in order, special ids."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from pathlib import Path

from caseindex.errors import ModelDamaged, ModelNotFound

#: The mark in front of each word (U+2581).
WORD = 0x2581
_BLANKS = " \t\n\v\f\r" + chr(WORD)  # of the C locale; a no-break space belongs to a word
MAX_BYTES = 64 * 2**20


class YouTokenToMe:
    """Texts -> ids. ``unknown``, ``padding``, ``begin``, ``end``: the special ids (-1 where the file has none).

    A run of characters that the vocabulary lacks is one unknown.
    """

    def __init__(
        self, characters: dict[int, int], merges: Sequence[tuple[int, int, int]], special: tuple[int, int, int, int]
    ) -> None:
        self._characters = characters
        self._rank = {(x, y): rank for rank, (x, y, _) in enumerate(merges)}
        self._merged = [z for _, _, z in merges]
        self.unknown, self.padding, self.begin, self.end = special
        named = [*characters.values(), *self._merged, *special]
        self.size = max(named) + 1
        self._known: dict[str, tuple[int, ...]] = {}

    def ids(self, text: str) -> list[int]:
        """Without special ids."""
        out: list[int] = []
        for word in text.translate(_TO_SPACE).split(" "):
            if word:
                if len(self._known) > 100_000:
                    self._known.clear()
                if word not in self._known:
                    self._known[word] = tuple(self._word(word))
                out += self._known[word]
        return out

    def _word(self, word: str) -> list[int]:
        units: list[int | None] = [self._characters[WORD]]  # None: a run of unknown characters
        for letter in word:
            known = self._characters.get(ord(letter))
            if known is not None or units[-1] is not None:
                units.append(known)
        after: list[int] = [*range(1, len(units)), -1]
        before: list[int] = [*range(-1, len(units) - 1)]
        queue: list[tuple[int, int]] = []

        def consider(place: int) -> None:
            left, right = units[place], units[after[place]]
            if left is not None and right is not None and (left, right) in self._rank:
                heapq.heappush(queue, (self._rank[left, right], place))

        for place in range(len(units) - 1):
            consider(place)
        alive = [True] * len(units)
        while queue:  # the earliest merge of the file first, then the leftmost place
            rank, place = heapq.heappop(queue)
            following = after[place]
            left, right = units[place], units[following] if following >= 0 else None
            if not alive[place] or left is None or right is None or self._rank.get((left, right)) != rank:
                continue
            units[place], alive[following] = self._merged[rank], False
            after[place] = after[following]
            if after[place] >= 0:
                before[after[place]] = place
                consider(place)
            if before[place] >= 0:
                consider(before[place])
        return [self.unknown if unit is None else unit for unit, kept in zip(units, alive, strict=True) if kept]


_TO_SPACE = str.maketrans(dict.fromkeys(_BLANKS, " "))


def read_bpe(path: Path) -> YouTokenToMe:
    """Raises :class:`~caseindex.errors.ModelNotFound`, or :class:`~caseindex.errors.ModelDamaged` for a file whose
    counts, ids or merges contradict each other."""
    if not path.is_file():
        raise ModelNotFound(path, "no such file", "A ruCLIP folder holds config.json, bpe.model and model.safetensors")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES} bytes")
        return parse_bpe(path.read_text("ascii"))
    except (ValueError, OSError) as error:
        raise ModelDamaged(path, f"not a vocabulary of byte pairs ({error})", "Copy it again") from error


def parse_bpe(content: str) -> YouTokenToMe:
    """Raises ``ValueError``."""
    numbers = [int(word) for word in content.split()]
    if len(numbers) < 2:
        raise ValueError("it is empty")
    letters, rules = numbers[0], numbers[1]
    if letters < 1 or rules < 0 or len(numbers) != 2 + 2 * letters + 3 * rules + 4:
        raise ValueError("its counts contradict its length")
    middle = 2 + 2 * letters
    characters = dict(zip(numbers[2:middle:2], numbers[3:middle:2], strict=True))
    rest = numbers[middle:-4]
    merges = list(zip(rest[0::3], rest[1::3], rest[2::3], strict=True))
    if WORD not in characters:
        raise ValueError("the mark of a word's beginning is missing")
    if min(min(characters.values()), *(min(rule) for rule in merges), 0) < 0:
        raise ValueError("an id below zero")
    unknown, padding, begin, end = numbers[-4:]
    return YouTokenToMe(characters, merges, (unknown, padding, begin, end))
