"""Questions for normal studies: "normal chest X-ray", "норма головного мозга", 正常胸片.

A report says so in a sentence of its own ("no acute abnormality"), which the lexicon knows as one concept; a question puts
the word beside the place or the examination. Both are read here as that concept, in that place.
"""

from __future__ import annotations

import re
from typing import Final

NORMAL: Final = "normal"
_WORDS: Final = re.compile(
    r"\b(?:normal|unremarkable|healthy|норм[аыеу]|нормальн\w+|здоров\w+)\b|正常|健康", re.IGNORECASE
)
#: What an examination looks at, where its name says so.
_PLACES: Final = {"chest_xray": "chest", "fluorography": "chest", "mammography": "breast"}


def asks_for_normal(text: str) -> bool:
    """
    >>> asks_for_normal("нормальная рентгенограмма"), asks_for_normal("abnormal gait")
    (True, False)
    """
    return _WORDS.search(text) is not None


def without_the_word(text: str) -> str:
    """``text`` without its words for "normal", as long as before."""
    return _WORDS.sub(lambda found: " " * len(found[0]), text)


def place_of(examination: str) -> str | None:
    """The anatomy that a modality of the lexicon is about, or ``None`` where it may be any."""
    return _PLACES.get(examination)
