"""`caseindex info`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from caseindex.cli.options import ArchiveOption, FormatOption
from caseindex.cli.output import emit

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog="Example: caseindex info --archive /data/neuro-archive --format json")
def info(archive: ArchiveOption = None, format: FormatOption = None) -> None:
    """Show what is in the archive: patients, studies, series, images, reports, embeddings by model, size on disk."""
    from dataclasses import asdict

    from caseindex.index.archive import Archive
    from caseindex.index.overview import overview

    found = asdict(overview(Archive.find(archive)))
    rows = [{"what": name, "value": value} for name, value in _flat(found)]
    emit(found, rows, format=format, wrap=("value",), table=_table(found))


def _flat(found: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """(name, number or text) of everything, `models.search.name` for what is nested."""
    for name, value in found.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield above + name, value


def _table(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What a person reads: models by purpose, no fingerprints, sizes in MB."""
    models = found["models"]
    purposes = {purpose: models[purpose]["name"] for purpose in ("search", "identity", "verify")}
    shown = {**found, "models": purposes, "trained models": models["trained"] or "none"}
    shown["embeddings"] = found["embeddings"] or "none"
    shown["indexes"] = found["indexes"] or "none"
    shown["size"] = f"{shown.pop('bytes') / 1e6:,.1f} MB"
    return [{"what": name, "value": value} for name, value in shown.items() if value != {}]
