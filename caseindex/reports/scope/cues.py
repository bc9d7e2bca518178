"""The words that deny, doubt or place in the past what stands near them: ``data/cues.tsv``.

Kinds: ``negation``, ``uncertain``, ``differential`` (uncertain, over a whole list), ``historical``, ``family``;
``affirm`` and ``stop`` end the reach of the others, ``now`` that of the past and of the family; ``pseudo`` looks like a negation and is none ("no change in"). A cue
acts on what follows (``pre``), on what precedes (``post``) or on ``both``. After NegEx (Chapman et al. 2001) and ConText
(Harkema et al. 2009), written anew for the three languages.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from caseindex.records import Language
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
    meanings = {}
    words: list[str] = []
    marks: list[str] = []
    for number, pattern in enumerate(sorted(patterns, key=lambda pattern: -len(pattern))):
        name = f"c{number}"
        meanings[name] = patterns[pattern]
        # The empty group at the end tells which one matched; in front it would hide the first letter, by which `re`
        # skips an alternative at once.
        (marks if pattern == r"\?" else words).append(f"(?:{pattern})(?P<{name}>)")
    whole = "|".join(words)
    if language is not Language.CHINESE:
        whole = rf"(?<![\w-])(?:{whole})(?!\w)"
    return _Cues(re.compile("|".join([whole, *marks])), meanings)


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
