"""Words of a report as indices of a dictionary, in windows of 150: the input of the published text classifier."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from caseindex.records import Int64Array

WINDOW = 150
_WORD = re.compile(r"[^\W\d_]+|\d+")
_LEAST_REPORTS = 2  # a word of a single report is no word of the dictionary: it may be a name


class Words:
    """``vocabulary``: words in lower case; index 0 is no word, 1 an unknown one."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.vocabulary = tuple(vocabulary)
        self._index = {word: place + 2 for place, word in enumerate(self.vocabulary)}

    def __len__(self) -> int:
        return len(self.vocabulary) + 2

    @classmethod
    def of(cls, texts: Iterable[str], most: int) -> Words:
        """The ``most`` frequent words that at least two texts have."""
        reports: Counter[str] = Counter()
        for text in texts:
            reports.update(set(_words(text)))
        ranked = sorted(reports.items(), key=lambda item: (-item[1], item[0]))
        return cls([word for word, count in ranked[:most] if count >= _LEAST_REPORTS])

    def windows(self, texts: Sequence[str]) -> tuple[Int64Array, Int64Array]:
        """([windows, 150] indices, [windows] place of the text). A longer text has several windows, an empty one has
        one of zeros."""
        rows, owners = [], []
        for place, text in enumerate(texts):
            ids = [self._index.get(word, 1) for word in _words(text)]
            for start in range(0, max(1, len(ids)), WINDOW):
                row = np.zeros(WINDOW, np.int64)
                part = ids[start : start + WINDOW]
                row[: len(part)] = part
                rows.append(row)
                owners.append(place)
        return np.stack(rows), np.array(owners, np.int64)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace("ё", "е"))
