"""`caseindex bench verify`: how many planted errors of reports are found on this archive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from caseindex.cli.figures import span_text
from caseindex.cli.options import ArchiveOption, FormatOption, VerifyModelOption
from caseindex.cli.output import emit, say
from caseindex.cli.stages import stages

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog="Examples: caseindex bench verify; caseindex bench verify --plot similarity.png --format json; caseindex train "
    "pair --hold-out patients.txt && caseindex bench verify --hold-out patients.txt"
)
def verify(
    hold_out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Patient ids, one a line, to test on; default: three tenths, whom a pair model has not seen.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the planted errors.")] = 0,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also the similarity matrix as a picture (PNG, SVG, PDF).", show_default=False
        ),
    ] = None,
    archive: ArchiveOption = None,
    model: VerifyModelOption = None,
    format: FormatOption = None,
) -> None:
    """Plant errors into true reports and measure how many are found: AUROC, sensitivity, false alarms.

    The errors: another patient's report (of any, or of the same kind of image), side exchanged, a finding inserted, left
    out, or turned into its contrary. Tested patients have no part in what is fitted. Beside it: the similarity matrix of
    images and reports, its mean diagonal, and recall at fixed pools. Intervals are 95%, by drawing patients.
    """
    from caseindex.index.archive import Archive
    from caseindex.retrieval.verify.benchmark import bench_verify
    from caseindex.train.patient_list import read_patient_ids

    held = read_patient_ids(hold_out)
    with stages({"planting errors": "reports", "reading reports": "reports"}) as advance:
        found = bench_verify(Archive.find(archive), model, hold_out=held, seed=seed, on_progress=advance)
    if plot is not None:
        from caseindex.evaluation.similarity_plot import plot_similarity

        plot_similarity(found.matrix, plot, title="Images against reports of tested patients")
        say(f"caseindex: wrote {plot}")
    emit(found.document, _rows(found.document), format=format)


def _rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for kind, figures in document["kinds"].items():
        for name, one in figures.items():
            if isinstance(one, dict):
                rows.append({"error": kind, "figure": name, **_spanned(one), "of": figures["planted"]})
    for one in document["false_alarms"]:
        got = one["got"]
        asked = f"false alarms, {one['asked']:.0%} asked for"
        rows.append({"error": "", "figure": asked, **_spanned(got), "of": document["cases"]})
    for space, part in document["retrieval"].items():
        rows.append({"error": "", "figure": f"mean diagonal ({space})", "value": f"{part['mean_diagonal']:.3f}"})
        for pool in part["pools"]:
            for name, one in pool.items():
                if isinstance(one, dict):
                    rows.append({"error": "", "figure": f"{name} ({space})", **_spanned(one), "of": pool["pool"]})
    return rows


def _spanned(one: dict[str, Any] | None) -> dict[str, Any]:
    if one is None or one["value"] is None:
        return {"value": "too few patients", "95% interval": ""}
    span = (one["low"], one["high"]) if one["low"] is not None else None
    return {"value": f"{one['value']:.3f}", "95% interval": span_text(span)}
