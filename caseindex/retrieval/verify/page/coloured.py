"""The report's text as safe HTML, each sentence in the colour of its worst statement."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from caseindex.retrieval.verify.verdict import Ruling, StatementRuling

_WORST = (Ruling.DOUBTFUL, Ruling.FITS)  # what is undecided has no colour


def coloured(text: str, statements: Sequence[StatementRuling]) -> Markup:
    """``text`` escaped; sentences of doubtful statements in <span class="doubtful">, of borne-out ones in
    <span class="fits">. Nothing of the text becomes markup."""
    of: dict[tuple[int, int], list[Ruling]] = {}
    for one in statements:
        of.setdefault((one.statement.start, one.statement.end), []).append(one.ruling)
    html, position = Markup(), 0
    for (start, end), rulings in sorted(of.items()):
        if start < position or end > len(text):
            continue
        worst = next((ruling for ruling in _WORST if ruling in rulings), None)
        html += escape(text[position:start])
        part = escape(text[start:end])
        html += Markup('<span class="{}">{}</span>').format(worst.value, part) if worst is not None else part
        position = end
    return html + escape(text[position:])
