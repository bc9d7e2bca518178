"""The words that deny, doubt or place in the past what stands near them: ``data/cues.tsv``.

Kinds: ``negation``, ``uncertain``, ``differential`` (uncertain, over a whole list), ``historical``, ``family``;
``affirm`` and ``stop`` end the reach of the others, ``now`` that of the past and of the family; ``pseudo`` looks like a negation and is none ("no change in"). A cue
acts on what follows (``pre``), on what precedes (``post``) or on ``both``. After NegEx (Chapman et al. 2001) and ConText
(Harkema et al. 2009), written anew for the three languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from caseindex.records import Language
from caseindex.reports.scope.openings import openings
from caseindex.reports.text import chinese

CUES_FILE = Path(__file__).parents[1] / "data" / "cues.tsv"
_MARK = r"\?"


class CueKind(StrEnum):
    PSEUDO = "pseudo"
    NEGATION = "negation"
    UNCERTAIN = "uncertain"
    DIFFERENTIAL = "differential"
    HISTORICAL = "historical"
    FAMILY = "family"
    AFFIRM = "affirm"
    STOP = "stop"
    NOW = "now"


class Cue(NamedTuple):
    kind: CueKind
    before: bool  # acts on what follows it
    after: bool  # acts on what precedes it
    start: int
    end: int


Meaning = tuple[CueKind, bool, bool]  # kind, before, after
_WORD_START = re.compile(r"(?<![\w-])\S|\?")


class _Cues:
    """The cues of a language with spaces, by the two letters that they begin with; those of a pair are compiled when a
    text first has a word that begins with it, and a word is tried against a few cues only."""

    def __init__(self, patterns: Mapping[str, Meaning]) -> None:
        self._patterns = patterns
        self._words = sorted(patterns.keys() - {_MARK}, key=lambda pattern: (-len(pattern), pattern))
        self._begins = {pattern: openings(pattern) for pattern in self._words}
        self._compiled: dict[str, re.Pattern[str] | None] = {}
        self._meanings: dict[str, Meaning] = {}
        self._mark = re.compile(_either([_MARK], patterns, self._meanings)) if _MARK in patterns else None
        # Most pairs have no cues but the few that are found by one letter, and share those.
        self._any_of = lru_cache(maxsize=None)(self._compile_words)

    def find(self, lower: str) -> Iterator[Cue]:
        """The cues of a sentence in lower case."""
        end = 0
        for word in _WORD_START.finditer(lower):
            begin = word.start()
            if begin < end:
                continue
            pair = lower[begin : begin + 2]
            fitting = self._compiled[pair] if pair in self._compiled else self._compile(pair)
            match = fitting.match(lower, begin) if fitting is not None else None
            if match is not None:
                end = match.end()
                yield Cue(*self._meanings[match.lastgroup or ""], begin, end)

    def _compile(self, pair: str) -> re.Pattern[str] | None:
        """What the cues that may begin with ``pair`` match; ``None`` where there are none."""
        words = tuple(
            word
            for word in self._words
            if (begins := self._begins[word]) is None or pair in begins or pair[0] in begins
        )
        self._compiled[pair] = self._mark if pair[0] == _MARK[-1] else self._any_of(words) if words else None
        return self._compiled[pair]

    def _compile_words(self, words: tuple[str, ...]) -> re.Pattern[str]:
        return re.compile(rf"(?:{_either(words, self._patterns, self._meanings)})(?!\w)")


class _ChineseCues:
    """One alternation, longer patterns first."""

    def __init__(self, patterns: Mapping[str, Meaning]) -> None:
        self._meanings: dict[str, Meaning] = {}
        words = sorted(patterns.keys() - {_MARK}, key=lambda pattern: (-len(pattern), pattern))
        self._pattern = re.compile(_either([*words, _MARK] if _MARK in patterns else words, patterns, self._meanings))

    def find(self, text: str) -> Iterator[Cue]:
        for match in self._pattern.finditer(text):
            yield Cue(*self._meanings[match.lastgroup or ""], match.start(), match.end())


@lru_cache(maxsize=len(Language))
def _cues(language: Language) -> _Cues | _ChineseCues:
    patterns: dict[str, Meaning] = {}
    for line in CUES_FILE.read_text(encoding="utf-8").splitlines()[1:]:
        code, kind, direction, pattern = line.split("\t")
        if code != language.value:
            continue
        before, after = direction in ("pre", "both"), direction in ("post", "both")
        known = patterns.get(pattern)
        if known is not None:
            before, after = before or known[1], after or known[2]
        patterns[pattern] = CueKind(kind), before, after
    return _ChineseCues(patterns) if language is Language.CHINESE else _Cues(patterns)


def _either(words: Sequence[str], patterns: Mapping[str, Meaning], meanings: dict[str, Meaning]) -> str:
    """One alternation of ``words``; the groups that tell which one has matched are noted in ``meanings``."""
    named = []
    for pattern in words:
        name = f"c{len(meanings)}"
        meanings[name] = patterns[pattern]
        # The empty group stands at the end: in front it would hide the first letter, by which `re` skips an
        # alternative at once.
        named.append(f"(?:{pattern})(?P<{name}>)")
    return "|".join(named)


@lru_cache(maxsize=4096)  # reports repeat their sentences
def find_cues(text: str, language: Language) -> tuple[Cue, ...]:
    """The cues of a sentence by place; none overlaps another."""
    lower = chinese.simplified(text) if language is Language.CHINESE else text.lower().replace("ё", "е")
    return tuple(_cues(language).find(lower))
