"""`caseindex bench identity`: how well images of one patient are found on this archive."""

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
    epilog="Examples: caseindex bench identity; caseindex bench identity --plot identity.png --format json; "
    "caseindex bench identity --queries 250 --gallery 15000"
)
def identity(
    queries: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Instead of every image: this many patients ask with one image for one other image of theirs.",
            show_default=False,
        ),
    ] = None,
    gallery: Annotated[
        int | None,
        typer.Option(
            min=1, help="With --queries: images in the gallery, one per patient.", show_default="all patients"
        ),
    ] = None,
    exclude_same_study: Annotated[
        bool, typer.Option("--exclude-same-study", help="Leave the other images of a query's study out of its gallery.")
    ] = False,
    keep_copies: Annotated[
        bool, typer.Option("--keep-copies", help="Let pixel-identical copies of a query count as answers.")
    ] = False,
    cosines: Annotated[
        bool,
        typer.Option(
            "--cosines",
            help="Rank by cosines, and not, as `match` does, against the strangers that each image resembles most.",
        ),
    ] = False,
    possibly_same: PossiblySameOption = None,
    trained_on: TrainedOnOption = False,
    seed: Annotated[int, typer.Option(help="Of the draws: queries, galleries, bootstrap.")] = 0,
    plot: PlotOption = None,
    archive: ArchiveOption = None,
    model: IdentityModelOption = None,
    format: FormatOption = None,
) -> None:
    """Measure how well images of one patient are found: top-n, MAP@R, and pairs at low false-alarm rates.

    By default every image of a patient with several asks for the others; images of all patients are the gallery. Only
    images of one kind (modality, view, body part) are compared. Intervals are 95%, by drawing patients.
    """
    from caseindex.evaluation.cohort import with_cohort
    from caseindex.evaluation.identity_protocol import identity_document, pair_search_document
    from caseindex.evaluation.identity_set import Exclusions
    from caseindex.index.archive import Archive
    from caseindex.retrieval.identity.gallery import load_gallery

    if gallery is not None and queries is None:
        raise UsageError("--gallery", "it belongs to --queries", "Give both, or neither")
    if queries is not None and plot is not None:
        raise UsageError("--plot", "it draws the protocol in which every image asks", "Leave --queries out")
    opened = Archive.find(archive)
    pairs = read_possibly_same(possibly_same)
    notes: list[str] = []
    with stages() as advance:
        loaded, _ = load_gallery(opened, model, on_progress=advance, notes=notes)
    for note in notes:
        say(f"caseindex: {note}")
    data = loaded.as_set(pairs)
    among = None if trained_on else unseen_images(opened, loaded)
    if among is not None:
        data = data.subset(among.nonzero()[0])
    left_out = "" if among is None else f", {TRAINED_ON}"
    exclusions = Exclusions(same_study=exclude_same_study, copies=not keep_copies)
    if not cosines:
        data = with_cohort(data, exclusions, filed=False)
    named: dict[str, Any] = {"similarity": "cosine" if data.cohort is None else "normalised by strangers"}
    named |= {"model": {"name": loaded.model_name, "fingerprint": loaded.fingerprint}}
    if queries is not None:
        document = {**pair_search_document(data, exclusions, queries=queries, gallery=gallery, seed=seed), **named}
        document["excluded"] += left_out
        if not document["queries"]:
            raise _nothing()
        emit(document, _rows(document, document["chance"]), format=format)
        return
    measured, scores = identity_document(data, exclusions, seed=seed)
    document = {**measured, **named, "kinds": _kinds(loaded, data.kinds)}
    document["excluded"] += left_out
    if not document["queries"]:
        raise _nothing()
    if plot is not None:
        from caseindex.evaluation.identity_plot import plot_identity

        plot_identity(document, scores, plot)
        say(f"caseindex: wrote {plot}")
    emit(document, _rows(document, None) + _pair_rows(document), format=format)


def _nothing() -> UsageError:
    return UsageError(
        "bench identity",
        "no patient has two images of one kind that may be compared",
        "Ingest follow-up images, or leave --exclude-same-study out",
    )


def _kinds(gallery: Any, kinds: Any) -> dict[str, int]:
    counted = {kind.words(): int((kinds == number).sum()) for number, kind in enumerate(gallery.kind_names)}
    return {words: count for words, count in counted.items() if count}


def _rows(document: dict[str, Any], chance: dict[str, float] | None) -> list[dict[str, Any]]:
    rows = [
        {
            "figure": f"found in the top {n}",
            "value": f"{value:.3f}",
            "95% interval": span_text(document["intervals"].get(f"top_{n}")),
            **({"chance": f"{chance[n]:.4f}"} if chance else {}),
        }
        for n, value in document["top_n"].items()
    ]
    of = f"{document['queries']} queries, gallery {document['gallery']}"
    return [{**row, "of": of} for row in rows]


def _pair_rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    of = f"{document['pairs']['genuine']} pairs of one patient, {document['pairs']['impostor']} of strangers"
    spans = document["intervals"]
    rows = [("MAP@R", document["map_at_r"], "map_at_r"), ("R-precision", document["r_precision"], "r_precision")]
    rows += [("pair AUC", document["pair_auc"], "pair_auc"), ("equal error rate", document["eer"], "eer")]
    rows += [
        (f"pairs recognised, {float(rate):g} of strangers taken", value, f"tpr@{rate}")
        for rate, value in document["tpr_at_fpr"].items()
    ]
    return [
        {
            "figure": name,
            "value": "too few strangers" if value is None else f"{value:.3f}",
            "95% interval": span_text(spans.get(key)),
            "of": of if key not in ("map_at_r", "r_precision") else f"{document['queries']} queries",
        }
        for name, value, key in rows
    ]
