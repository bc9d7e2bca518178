"""Where the past, or the family's history, that an English sentence tells of is over."""

from __future__ import annotations

import re

from caseindex.reports.scope.english_clauses import says_how_much

_WITH = re.compile(r"\bwith\b", re.IGNORECASE)  # "status post evacuation with expected pneumocephalus"
# "h/o lung cancer, new headache, r/o metastases"
_ASKS_NOW = re.compile(
    r"[,;.]\s*(?:new|now|presents?|possible|probable|likely|suspected|r/o|\?|query|rule out|to (?:rule out|exclude)|(?:evaluat\w+|eval|assess\w*|look|looking) (?:for|of))",
    re.IGNORECASE,
)
# "given the history of melanoma, a metastasis ..."
_OPENS_ANEW = re.compile(r",\s*(?:an?|the|there|these|this|new|currently?|now)\s(?:[\w-]+\s)*$", re.IGNORECASE)
_PERSONAL = re.compile(r"\b(?:personal|own|patient(?:'s)?) (?:\w+ )?(?:history|hx)\b", re.IGNORECASE)


def past_is_over(between: str) -> bool:
    """Whether what stands ``between`` words of the past and a finding leads back to this examination."""
    return any(pattern.search(between) for pattern in (_WITH, _OPENS_ANEW, _ASKS_NOW))


def is_of_the_patient(text: str, family: int, start: int) -> bool:
    """Whether the family's history, told up to ``family``, is over at ``start``: "family history of stroke, personal history of
    a fibroadenoma", "family history of cancer, simple breast cyst"."""
    comma = text.rfind(",", family, start)
    if _PERSONAL.search(text, family, start):
        return True
    return comma >= 0 and says_how_much(text, comma + 1)
