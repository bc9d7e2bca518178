"""The words that deny, doubt or place in the past what stands near them: ``data/cues.tsv``.

Kinds: ``negation``, ``uncertain``, ``differential`` (uncertain, over a whole list), ``historical``, ``family``;
``affirm`` and ``stop`` end the reach of the others, ``now`` that of the past and of the family; ``pseudo`` looks like a negation and is none ("no change in"). A cue
acts on what follows (``pre``), on what precedes (``post``) or on ``both``. After NegEx (Chapman et al. 2001) and ConText
(Harkema et al. 2009), written anew for the three languages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from caseindex.records import Language
from caseindex.reports.scope.first_letters import first_letters
from caseindex.reports.text import chinese

CUES_FILE = Path(__file__).parents[1] / "data" / "cues.tsv"


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


class _Cues(NamedTuple):
    pattern: re.Pattern[str]
    meanings: dict[str, tuple[CueKind, bool, bool]]  # group -> kind, before, after


@lru_cache(maxsize=len(Language))
def _compiled(language: Language) -> _Cues:
    """One alternation, longer patterns first."""
    patterns: dict[str, tuple[CueKind, bool, bool]] = {}
    for line in CUES_FILE.read_text(encoding="utf-8").splitlines()[1:]:
        code, kind, direction, pattern = line.split("\t")
        if code != language.value:
            continue
        before, after = direction in ("pre", "both"), direction in ("post", "both")
        known = patterns.get(pattern)
        if known is not None:
            before, after = before or known[1], after or known[2]
        patterns[pattern] = CueKind(kind), before, after
    meanings: dict[str, tuple[CueKind, bool, bool]] = {}
    words = sorted(patterns.keys() - {r"\?"}, key=lambda pattern: (-len(pattern), pattern))
    if language is Language.CHINESE:
        whole = _either(words, patterns, meanings)
    else:
        whole = rf"(?<![\w-])(?:{_by_first_letter(words, patterns, meanings)})(?!\w)"
    if r"\?" in patterns:
        whole += "|" + _either([r"\?"], patterns, meanings)
    return _Cues(re.compile(whole), meanings)


def _either(
    words: Sequence[str],
    patterns: Mapping[str, tuple[CueKind, bool, bool]],
    meanings: dict[str, tuple[CueKind, bool, bool]],
) -> str:
    """One alternation of ``words``; the groups that tell which one has matched are noted in ``meanings``."""
    named = []
    for pattern in words:
        name = f"c{len(meanings)}"
        meanings[name] = patterns[pattern]
        # The empty group stands at the end: in front it would hide the first letter, by which `re` skips an
        # alternative at once.
        named.append(f"(?:{pattern})(?P<{name}>)")
    return "|".join(named)


def _by_first_letter(
    words: Sequence[str],
    patterns: Mapping[str, tuple[CueKind, bool, bool]],
    meanings: dict[str, tuple[CueKind, bool, bool]],
) -> str:
    """An alternation of alternations, one for each first letter: a word is tried against a few cues only."""
    begins = {pattern: first_letters(pattern) for pattern in words}
    letters = sorted({letter for first in begins.values() for letter in first or ()})
    parts = []
    for letter in letters:
        fitting = [pattern for pattern in words if begins[pattern] is None or letter in (begins[pattern] or ())]
        parts.append(f"(?={re.escape(letter)})(?:{_either(fitting, patterns, meanings)})")
    others = [pattern for pattern in words if begins[pattern] is None]
    if others:
        parts.append(f"(?=[^{re.escape(''.join(letters))}])(?:{_either(others, patterns, meanings)})")
    return "|".join(parts)


@lru_cache(maxsize=4096)  # reports repeat their sentences
def find_cues(text: str, language: Language) -> tuple[Cue, ...]:
    """The cues of a sentence by place; none overlaps another."""
    cues = _compiled(language)
    found = []
    lower = chinese.simplified(text) if language is Language.CHINESE else text.lower().replace("ё", "е")
    for match in cues.pattern.finditer(lower):
        kind, before, after = cues.meanings[match.lastgroup or ""]
        found.append(Cue(kind, before, after, match.start(), match.end()))
    return tuple(found)
