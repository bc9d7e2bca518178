"""`caseindex audit`: what is probably filed wrongly."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caseindex.cli.naming import writable_page
from caseindex.cli.options import ArchiveOption, FormatOption, IdentityModelOption, PageLanguage, PageLanguageOption
from caseindex.cli.output import emit, say
from caseindex.cli.possibly_same import PossiblySameOption, read_possibly_same
from caseindex.cli.stages import stages
from caseindex.errors import ArchiveError

if TYPE_CHECKING:
    from caseindex.index.archive import Archive
    from caseindex.retrieval.identity.audit import Audit
    from caseindex.retrieval.identity.finding import Listed

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Kind(StrEnum):
    MISFILED = "misfiled"
    TWO_IDS = "two_ids"
    DUPLICATE_IMAGE = "duplicate_image"


@app.command(
    epilog="Examples: caseindex audit --html worklist.html; caseindex audit --kind misfiled --limit 20 --format csv; "
    "caseindex audit --decide decisions.jsonl"
)
def audit(
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also a page with the pictures side by side.", show_default=False),
    ] = None,
    decide: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Only store decisions: the file that the page saved, or CSV (decision, kind, image_uids, patient_ids).",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        list[Kind] | None, typer.Option(help="Kinds of finding; repeatable. Default: all.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Findings listed at most.")] = 100,
    min_probability: Annotated[float, typer.Option(min=0, max=1, help="Leave less probable findings out.")] = 0.0,
    prior: Annotated[
        float, typer.Option(min=1e-9, max=0.5, help="Share of images that are filed under the wrong patient.")
    ] = 4e-5,
    prior_two_ids: Annotated[
        float, typer.Option(min=1e-9, max=0.5, help="Share of patients who have a second id here.")
    ] = 1e-3,
    geometry: Annotated[
        int, typer.Option(min=0, help="Candidates of each kind whose key points are compared; 0: none.")
    ] = 60,
    all_findings: Annotated[bool, typer.Option("--all", help="Also findings that were decided before.")] = False,
    possibly_same: PossiblySameOption = None,
    language: PageLanguageOption = None,
    archive: ArchiveOption = None,
    model: IdentityModelOption = None,
    format: FormatOption = None,
) -> None:
    """List what is probably filed wrongly: images under the wrong patient, one person under two ids, copies.

    Most probable first, each with its reasons; the expected number of false alarms stands beside. Nothing is moved.
    Decisions (the page's buttons, then --decide FILE) keep findings off the next list and teach `train identity`.
    """
    from caseindex.index.archive import Archive
    from caseindex.retrieval.identity.audit import AuditSettings
    from caseindex.retrieval.identity.audit import audit as run
    from caseindex.retrieval.identity.finding import FindingKind
    from caseindex.retrieval.identity.gallery import load_gallery

    opened = Archive.find(archive)
    if decide is not None:
        _store(opened, decide, format)
        return
    if html is not None:
        writable_page(html)
    pairs = read_possibly_same(possibly_same)
    notes: list[str] = []
    settings = AuditSettings(
        prior=prior,
        two_ids_prior=prior_two_ids,
        kinds=tuple(FindingKind(one.value) for one in kind) if kind else tuple(FindingKind),
        limit=limit,
        least_probability=min_probability,
        verified=geometry,
        decided=all_findings,
    )
    with stages() as advance:
        gallery, loaded = load_gallery(opened, model, on_progress=advance, notes=notes)
        result = run(opened, loaded, gallery, settings, possibly_same=pairs, on_progress=advance)
    for note in (*notes, *result.notes):
        say(f"caseindex: {note}")
    say(f"caseindex: {result.images} images of {result.patients} patients compared; {result.why}")
    if html is not None:
        _write_page(opened, result, loaded.name, html, language)
    documents = [_document(item) for item in result.findings]
    emit(documents, [_row(item) for item in result.findings], format=format)


def _store(archive: Archive, file: Path, format: Any) -> None:
    from caseindex.index.decisions import take_decisions

    count = take_decisions(archive, file)
    say(f"caseindex: {count} decisions stored; the next `caseindex train identity` learns from them")
    emit({"decisions": count}, format=format)


def _write_page(archive: Archive, result: Audit, model: str, path: Path, language: PageLanguage | None) -> None:
    from caseindex.records import Language
    from caseindex.retrieval.identity.page.render import render_audit
    from caseindex.retrieval.page.pictures import thumbnail_or_source
    from caseindex.retrieval.picture import read_archived

    read = thumbnail_or_source(archive.thumbnails_dir, lambda image: read_archived(archive, image))
    text = render_audit(result, model, read, language=Language(language.value) if language else None)
    try:
        path.expanduser().write_text(text, "utf-8")
    except OSError as error:
        raise ArchiveError(path, error.strerror or str(error), "Name another file") from error
    say(f"caseindex: wrote {path}")


def _document(item: Listed) -> dict[str, Any]:
    from caseindex.retrieval.identity.reasons import written

    one = item.finding
    return {
        "rank": item.rank,
        "finding": one.key,
        "kind": one.kind.value,
        "probability": one.probability,
        "expected_false": item.expected_false,
        "score": round(one.score, 4),
        "patient_ids": list(one.patient_ids),
        "files": [image.file for image in one.images],
        "image_uids": [image.image_uid for image in one.images],
        "compared_with": [{"file": image.file, "patient_id": image.patient_id} for image in one.others],
        "suggested_patient_id": one.suggested_patient_id,
        "evidence": [{"code": reason.code, "text": written(reason), **reason.values} for reason in one.reasons],
        "decision": one.decided.decision.value if one.decided is not None else None,
    }


def _row(item: Listed) -> dict[str, Any]:
    from caseindex.retrieval.identity.page.render import chance
    from caseindex.retrieval.identity.reasons import written

    one = item.finding
    return {
        "rank": item.rank,
        "kind": one.kind.value,
        "probability": chance(one.probability) if one.probability is not None else "not known",
        "false so far": f"{item.expected_false:.1f}" if item.expected_false is not None else "",
        "patients": ", ".join(one.patient_ids),
        "files": ", ".join(image.file for image in one.images[:2]),
        "evidence": " ".join(written(reason) for reason in one.reasons),
    }
