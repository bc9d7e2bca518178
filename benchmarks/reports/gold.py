"""Statements of the hand-annotated sentences (``tests/reports/statements_{en,ru,zh}.tsv``): F1 of finding, polarity and side.

    python benchmarks/reports/gold.py

155, 161 and 151 sentences in English, Russian and Chinese, written and annotated before any rule was run on them. The odd
ones were there to develop the rules; the even ones were held out until the rules were done, and what that one measurement
gave is kept in ``results/gold_first_run.json``; then they were looked at too. ``fresh``: 60 more in each language
(``tests/reports/fresh_{en,ru,zh}.tsv``), written after the first run and measured once, when the rules were done again.
``third``: 100 in each language by an annotator who had never seen the rules; their first measurement is kept there as
well, and then the causes of the errors were repaired. ``fourth`` (100) and ``fifth`` (80): the same again, twice. ``sixth`` (80), ``eighth`` and
``ninth`` (100 each): the same, by radiologists of an emergency hospital, of a polyclinic and children's hospital, of a stroke
and cancer centre, two fifths of the sentences hard on purpose. ``seventh`` (80): by one of a university hospital; kept shut
while the rules were developed on those three. ``tenth`` (120): by one who reports for many hospitals; ``eleventh`` (100): by one
of a general hospital, kept shut while the rules were developed on all the others; ``twelfth`` (120): by one of a city
hospital, kept shut in the same way, the eleventh among the developed ones; ``thirteenth`` (120): by one who also reads for small
clinics, after the English sentences of the twelfth were developed on (the Russian and Chinese ones of both were not);
``fourteenth`` (120, English): by one of a mixed practice, after those of the thirteenth were; ``fifteenth`` (120, English
160): after those of the fourteenth were (until then nothing of the twelfth to fifteenth in Russian and Chinese);
``sixteenth`` (140 Russian, 160 English): by radiologists of a regional and of a teaching hospital, after the Russian and English
of the fifteenth were; looked at by nobody before its first count.
Authors of the sixth and seventh marked what is of the past as present, not knowing the convention ("h" is uncertain, in the
family absent); that was put right before the first count.

A statement is
right where its finding, its polarity, its side and whether it is of the past are; F1 is over all statements of a
language. Of the right statements, those annotated with a place or a comparison tell how often these are right too.
Intervals: 95%, percentile bootstrap over sentences.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from caseindex.records import Language  # noqa: E402
from caseindex.reports.statements import statements  # noqa: E402
from tests.reports.gold import Counts, Expected, compare, is_there, read  # noqa: E402

LATER = (
    "fresh",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
)
HALVES = {"development": slice(0, None, 2), "held_out": slice(1, None, 2), "all": slice(None)}


def measure(sentences: list[tuple[str, list[Expected]]], language: Language, times: int = 1000) -> dict[str, Any]:
    """Figures of one half of one language."""
    total = Counts()
    rows = np.zeros((len(sentences), 3))  # right, wrong, missed
    for number, (text, expected) in enumerate(sentences):
        before = total.right, total.wrong, total.missed
        compare(expected, statements(text, language), total)
        rows[number] = np.subtract((total.right, total.wrong, total.missed), before)
    drawn = np.random.default_rng(0).integers(0, len(rows), (times, len(rows)))
    sums = rows[drawn].sum(1)
    low, high = np.percentile(2 * sums[:, 0] / (2 * sums[:, 0] + sums[:, 1] + sums[:, 2]), [2.5, 97.5])
    return {
        "sentences": len(sentences),
        "statements": total.right + total.missed,
        "precision": round(total.right / (total.right + total.wrong), 4),
        "recall": round(total.right / (total.right + total.missed), 4),
        "f1": round(total.f1, 4),
        "f1_interval": [round(float(low), 4), round(float(high), 4)],
        "places": [total.places_right, total.places],
        "comparisons": [total.changes_right, total.changes],
        "comparisons_made_in_vain": total.changes_wrong,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--result", type=Path, default=Path(__file__).parent / "results" / "gold.json")
    arguments = parser.parse_args()
    result = {
        language.value: {
            **{half: measure(read(language)[part], language) for half, part in HALVES.items()},
            **{name: measure(read(language, name), language) for name in LATER if is_there(name, language)},
        }
        for language in Language
    }
    arguments.result.parent.mkdir(parents=True, exist_ok=True)
    arguments.result.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
