"""One person under two ids: how many such doubled patients stand among the first of the audit's pairs of patients.

    python benchmarks/identity/two_ids.py [--trials 50] [--write] [--work FOLDER]

In each trial 8 patients with several images get a second id: half of their images, or one to all but one at random. All
pairs of patients are ranked as `audit` does before it looks at key points: by closeness (half the most similar pair of
images, half how well every image finds its like), and beside it by the most similar pair alone. The encoder is the
untrained one. Shares with 95% intervals, bootstrap over the doubled patients. Pairs of ids that the pack itself may hold
twice are left out; others that it really holds stand in the list as false ones.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.identity.archives import each
from benchmarks.identity.pack import DATA
from caseindex.evaluation.bootstrap import interval_of_mean
from caseindex.evaluation.cohort import with_cohort
from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from caseindex.retrieval.identity.gallery import load_gallery
from caseindex.retrieval.identity.two_ids import PersonPair, person_pairs

RESULTS = Path(__file__).with_name("results") / "two_ids.json"
DOUBLED = 8
FIRST = (8, 20, 50)
EVERY = 10_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, help="Keep the archives here, and use those that are there.")
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    found = {}
    for name, archive, same in each(options.work, options.data):
        gallery, _ = load_gallery(archive)
        found[name] = _measured(gallery.as_set(same), options.trials)
        print(name, json.dumps(found[name]), flush=True)
    if options.write:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _measured(data: IdentitySet, trials: int) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    ranks: dict[str, list[int]] = {"closeness": [], "most similar pair": []}
    owners: list[str] = []
    for trial in range(trials):
        persons, doubled = _doubled(data.persons, generator, at_random=trial % 2 == 1)
        seen = with_cohort(replace(data, persons=persons), Exclusions(same_study=True))
        pairs = person_pairs(seen, None, None, most=EVERY)
        place = {(pair.one, pair.two): rank for rank, pair in enumerate(pairs, 1)}
        alone = sorted(pairs, key=lambda pair: -_most_similar(seen, pair))
        place_alone = {(pair.one, pair.two): rank for rank, pair in enumerate(alone, 1)}
        for pair in doubled:
            ranks["closeness"].append(place.get(pair, EVERY))
            ranks["most similar pair"].append(place_alone.get(pair, EVERY))
            owners.append(str(pair[0]))
    return {
        "images": len(data),
        "patients": len(np.unique(data.persons[data.persons >= 0])),
        "doubled": len(owners),
        "by": {name: _shares(np.array(one), owners) for name, one in ranks.items()},
    }


def _doubled(
    persons: np.ndarray, generator: np.random.Generator, *, at_random: bool
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """(persons after some of the images of DOUBLED patients got new ids, the pairs of ids that are one person)."""
    after, next_id = persons.copy(), int(persons.max()) + 1
    names, counts = np.unique(persons[persons >= 0], return_counts=True)
    pairs = []
    for number, person in enumerate(generator.permutation(names[counts > 1])[:DOUBLED].tolist()):
        rows = generator.permutation(np.flatnonzero(persons == person))
        moved = int(generator.integers(1, len(rows))) if at_random else len(rows) // 2
        after[rows[:moved]] = next_id + number
        pairs.append((person, next_id + number))
    return after, pairs


def _most_similar(data: IdentitySet, pair: PersonPair) -> float:
    return float(data.similarities(np.array([pair.one_row]), np.array([pair.two_row]))[0, 0])


def _shares(ranks: np.ndarray, owners: list[str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for first in FIRST:
        span = interval_of_mean((ranks <= first).astype(float).tolist(), owners)
        out |= {f"first_{first}": span.value, f"first_{first}_interval": [span.low, span.high]}
    return out


if __name__ == "__main__":
    main()
