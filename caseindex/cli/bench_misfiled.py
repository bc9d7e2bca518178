"""`caseindex bench misfiled`: how many misfiled images the audit finds, measured on some that are planted."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from caseindex.cli.figures import span_text
from caseindex.cli.options import ArchiveOption, FormatOption, IdentityModelOption, PlotOption
from caseindex.cli.output import emit, say
from caseindex.cli.possibly_same import PossiblySameOption, read_possibly_same
from caseindex.cli.stages import stages
from caseindex.cli.trained_on import TRAINED_ON, TrainedOnOption, unseen_images
from caseindex.errors import UsageError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog="Examples: caseindex bench misfiled; caseindex bench misfiled --rate 0.005 --repetitions 20 --format json; "
    "caseindex bench misfiled --prevalence 1e-4 --plot misfiled.png"
)
def misfiled(
    rate: Annotated[float, typer.Option(min=1e-6, max=0.2, help="Share of the images that is planted.")] = 0.01,
    repetitions: Annotated[int, typer.Option(min=1, help="Plantings, each of other images.")] = 10,
    prevalence: Annotated[
        float,
        typer.Option(min=1e-9, max=0.5, help="Share of misfiled examinations for which flags and PPV are worked out."),
    ] = 4e-5,
    geometry: Annotated[
        int, typer.Option(min=0, help="Candidates of each list whose key points are compared, as in the audit.")
    ] = 60,
    possibly_same: PossiblySameOption = None,
    trained_on: TrainedOnOption = False,
    seed: Annotated[int, typer.Option(help="Of the plantings and the bootstrap.")] = 0,
    plot: PlotOption = None,
    archive: ArchiveOption = None,
    model: IdentityModelOption = None,
    format: FormatOption = None,
) -> None:
    """Measure how many misfiled images the audit finds, on some that are filed wrongly on purpose.

    Whole examinations of patients who have others are given to other patients, in memory: the archive is not changed.
    What its own filing says is taken for true. Sensitivity at low false-alarm rates is of the scores of all images; the
    precision of the first flags is of the audit's list. Intervals are 95%, by drawing patients.
    """
    from caseindex.evaluation.misfiled_protocol import misfiled_document
    from caseindex.index.archive import Archive
    from caseindex.retrieval.identity.gallery import load_gallery
    from caseindex.retrieval.identity.planted import planted_repetitions

    if plot is not None and not plot.expanduser().absolute().parent.is_dir():
        raise UsageError(plot, "its folder does not exist", "Make the folder, or name another file")
    opened = Archive.find(archive)
    pairs = read_possibly_same(possibly_same)
    notes: list[str] = []
    with stages({"planting and looking": "repetitions"}) as advance:
        gallery, loaded = load_gallery(opened, model, on_progress=advance, notes=notes)
        among = None if trained_on else unseen_images(opened, gallery)
        found = planted_repetitions(
            opened,
            loaded,
            gallery,
            rate=rate,
            repetitions=repetitions,
            geometry=geometry,
            seed=seed,
            possibly_same=pairs,
            among=among,
            on_progress=advance,
        )
    for note in notes:
        say(f"caseindex: {note}")
    if not found:
        raise UsageError(
            "bench misfiled",
            "no examination can be planted: no patient has two of one kind, or there is nobody to give one to",
            "Ingest follow-up images of several patients",
        )
    document, scores = misfiled_document(
        gallery.as_set(pairs),
        found,
        prevalence=prevalence,
        left_out="" if among is None else TRAINED_ON,
        seed=seed,
    )
    named = {"name": gallery.model_name, "fingerprint": gallery.fingerprint}
    document = {**document, "model": named, "geometry": geometry}
    if plot is not None:
        from caseindex.evaluation.misfiled_plot import plot_misfiled

        plot_misfiled(document, scores, plot)
        say(f"caseindex: wrote {plot}")
    emit(document, _rows(document), format=format)


def _rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    spans = document["intervals"]
    times = document["repetitions"]
    of = f"{document['planted']} planted, {document['negatives']} filed right, in {times} repetitions"
    lists = f"{times} lists"
    rows = [("area under the ROC", document["auc"], spans.get("auc"), of)]
    for rate, value in document["tpr_at_fpr"].items():
        point, high = document["at_fpr"][rate], f"{float(rate):g}"
        beside = document["beside_planted"]["false_flags"][rate]
        usual = point["at_prevalence"]
        rare = f"{document['prevalence']:g} misfiled"
        rows += [
            (f"found, {high} of the others flagged", value, spans.get(f"tpr@{rate}"), of),
            (
                f"found and true patient named, {high}",
                document["named_at_fpr"][rate],
                spans.get(f"named@{rate}"),
                of,
            ),
            (f"false flags, {high}", float(point["false_flags"]), None, f"{beside} of patients given a planted one"),
            (f"flags per 1,000 studies, {high}", point["flags_per_1000_studies"], None, "as planted"),
            (f"flags per 1,000 studies, {high}", usual["flags_per_1000_studies"], None, rare),
            (f"share of flags that are right, {high}", point["ppv"], None, "as planted"),
            (f"share of flags that are right, {high}", usual["ppv"], spans.get(f"ppv@{rate}"), rare),
        ]
    for first, value in document["precision_of_first"].items():
        most = document["highest_precision_of_first"][first]
        rows.append(
            (f"right of the first {first} flags", value, spans.get(f"first_{first}"), f"{lists}, at most {most:.2f}")
        )
    return [
        {"figure": name, "value": _number(value), "95% interval": span_text(span), "of": what}
        for name, value, span, what in rows
    ]


def _number(value: float | None) -> str:
    if value is None or value != value:
        return "not measurable"
    return f"{value:.3f}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
