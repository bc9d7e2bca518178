"""Hard negatives for images made of their own reports: the same text with one error planted by rule.

Side exchanged, finding left out, put in, turned into its contrary, or replaced by another: texts that share nearly every
word with the true one, so that the shared space has to tell them by what they state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from caseindex.records import Polarity
from caseindex.reports.planting import TextError, planted
from caseindex.reports.statements import statements
from caseindex.train.text_views import View, ViewMaker

REPLACED = "replaced"
KINDS = (*(kind.value for kind in TextError), REPLACED)


def wrong_texts(text: str, findings: Mapping[str, float], generator: np.random.Generator) -> dict[str, str]:
    """By kind (:data:`KINDS`), the text with such an error; without the kinds that it offers no place for.

    ``findings``: concept -> how often it is put in. The same state of the generator gives the same texts.
    """
    known = statements(text)
    out: dict[str, str] = {}
    for kind in TextError:
        made = planted(text, kind, generator, known=known, findings=findings)
        if made is not None:
            out[kind.value] = made.text
    if TextError.OMITTED.value in out:
        shorter = out[TextError.OMITTED.value]
        others = {name: weight for name, weight in findings.items() if name not in {one.finding for one in known}}
        made = planted(shorter, TextError.INSERTED, generator, findings=others)
        if made is not None:
            out[REPLACED] = made.text
    return {kind: wrong for kind, wrong in out.items() if wrong != text}


class TextNegatives:
    """For each text the wrong ones made of it, as views; all made once, and drawn from in training."""

    def __init__(
        self,
        texts: Sequence[str],
        used: Sequence[int],
        maker: ViewMaker,
        *,
        seed: int,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """``used``: the places in ``texts`` to make them for: those of the training side."""
        counts = Counter(
            finding
            for place in used
            for finding in {one.finding for one in statements(texts[place]) if one.polarity is Polarity.PRESENT}
        )
        findings = {name: float(count) for name, count in sorted(counts.items())}
        self.views: dict[int, tuple[View, ...]] = {}
        for place in used:
            generator = np.random.default_rng([seed, place, 0x9E])
            wrong = wrong_texts(texts[place], findings, generator)
            self.views[place] = tuple(maker.view(text) for text in wrong.values())
            if on_progress:
                on_progress(1, len(used))

    def draw(self, text: int, count: int, generator: np.random.Generator) -> list[View]:
        """At most ``count`` of different kinds."""
        own = self.views.get(text, ())
        if not own:
            return []
        chosen = generator.choice(len(own), min(count, len(own)), replace=False)
        return [own[int(place)] for place in chosen]
