"""Writes ``data/lemmas_ru.tsv``: the lemma of each Russian word in the lexicon's names and of its inflected forms that
reports use most, so that loading the lexicon and answering a query need no morphological analyser.

Run it after every change of ``lexicon.tsv``: ``python -m caseindex.reports.precompute``. A word that the file lacks is
only slower, never wrong; a test compares file and analyser.
"""

from __future__ import annotations

import re

from caseindex.records import Language
from caseindex.reports.russian import LEMMAS_FILE, analysed_lemma
from caseindex.reports.table import rows

_WORD = re.compile("[а-яё]+")


def lemmas() -> dict[str, str]:
    """Each word of the Russian names in lower case, ``ё`` as ``е``, with its lemma."""
    words = {
        word.replace("ё", "е")
        for row in rows()
        for name in row.names[Language.RUSSIAN]
        for word in _WORD.findall(name.lower())
    }
    return {word: analysed_lemma(word) for word in sorted(words)}


def main() -> None:
    LEMMAS_FILE.write_text("".join(f"{word}\t{lemma}\n" for word, lemma in lemmas().items()), encoding="utf-8")


if __name__ == "__main__":
    main()
