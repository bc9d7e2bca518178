"""`caseindex bench`: measure the answers on this archive."""

from __future__ import annotations

from typing import Final

import typer

from caseindex.cli.lazy_group import Command, LazyGroup

PROTOCOLS: Final[dict[str, Command]] = {
    "search": Command("caseindex.cli.bench_search", "Precision, recall, MAP@R and nDCG of the search."),
    "identity": Command("caseindex.cli.bench_identity", "How well images of one patient are found."),
    "verify": Command("caseindex.cli.bench_verify", "How many planted errors of reports are found."),
    "misfiled": Command("caseindex.cli.bench_misfiled", "How many misfiled images the audit finds."),
}


class Protocols(LazyGroup):
    table = PROTOCOLS


app = typer.Typer(
    cls=Protocols,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    epilog="Example: caseindex bench search --queries questions.tsv --format json",
)


@app.callback()
def bench() -> None:
    """Measure the answers on this archive, with confidence intervals."""
