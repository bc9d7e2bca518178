"""`caseindex match`: whose image is this?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caseindex.cli.options import ArchiveOption, FormatOption, IdentityModelOption
from caseindex.cli.output import emit, say
from caseindex.cli.stages import stages
from caseindex.cli.standard_input import given_file
from caseindex.errors import UsageError
from caseindex.retrieval.identity.rerank import ReRanking

if TYPE_CHECKING:
    from caseindex.encoders.calibration import Calibration
    from caseindex.encoders.model import Model
    from caseindex.index.archive import Archive
    from caseindex.index.comparable import Kind
    from caseindex.records import Image, PixelArray
    from caseindex.retrieval.identity.gallery import IdentityGallery
    from caseindex.retrieval.identity.match import Candidate, Look, Question
    from caseindex.retrieval.identity.pair import Pair

_COLUMNS = ("rank", "patient", "probability", "similarity", "key points", "images")
_ANSWERS = {"same": "one person", "different": "different persons", "undecided": "undecided"}

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog="Examples: caseindex match --image slice.dcm; caseindex match --image 1.2.840.99 -k 10 --format json; "
    "caseindex match --pair old.png new.png"
)
def match(
    image: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|UID", help="A file, or an image of the archive by UID or file name.", show_default=False
        ),
    ] = None,
    pair: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Two images instead: are they of one person?", show_default=False),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many patients.")] = 5,
    prior_here: Annotated[
        float,
        typer.Option(min=1e-9, max=1 - 1e-9, help="How probable it is, before looking, that the patient is here."),
    ] = 0.5,
    prior: Annotated[
        float, typer.Option(min=1e-9, max=1 - 1e-9, help="With --pair: that the two are of one person.")
    ] = 0.5,
    rerank: Annotated[ReRanking, typer.Option(help="A second look at the ranking.")] = ReRanking.NONE,
    views: Annotated[
        int, typer.Option(min=1, max=32, help="Embed this many slightly moved views of the image and average them.")
    ] = 1,
    geometry: Annotated[
        bool,
        typer.Option("--geometry/--no-geometry", help="Look for key points that agree with the candidates' images."),
    ] = True,
    exclude_same_study: Annotated[
        bool, typer.Option("--exclude-same-study", help="Leave images of the query's own study out.")
    ] = False,
    archive: ArchiveOption = None,
    model: IdentityModelOption = None,
    format: FormatOption = None,
) -> None:
    """Find the patients whose images are of the same person as this one, with calibrated probabilities.

    "Nobody here" is an answer, with a probability of its own. Only images of one kind (modality, view, body part) are
    compared; what is not, is declined and not guessed. An image of the archive leaves itself and its copies out.
    """
    from caseindex.evaluation.identity_set import Exclusions
    from caseindex.index.archive import Archive
    from caseindex.retrieval.identity.basis import basis
    from caseindex.retrieval.identity.gallery import load_gallery
    from caseindex.retrieval.identity.match import match as find
    from caseindex.retrieval.identity.pair import match_pair

    if (image is None) == (pair is None):
        raise UsageError("match", "one of --image and --pair is needed", "Give --image FILE, or --pair A B")
    opened = Archive.find(archive)
    named_files = [image] if image is not None else list(pair or ())
    for name in named_files:
        _exists(opened, name)
    notes: list[str] = []
    with stages() as advance:
        gallery, loaded = load_gallery(opened, model, on_progress=advance, notes=notes)
    for note in notes:
        say(f"caseindex: {note}")
    exclusions = Exclusions(same_study=exclude_same_study)
    questions = []
    for name in named_files:
        with given_file(name) as file:
            questions.append(_question(opened, gallery, loaded, str(file) if name == "-" else name, views))
    named = {"model": {"name": loaded.name, "fingerprint": loaded.fingerprint}}
    known = basis(opened, loaded, gallery, exclusions, pairs=pair is not None)
    if pair is not None:
        (one, kind), (two, other) = questions
        result = match_pair(one, two, (kind, other), gallery, known, prior=prior, geometry=geometry)
        document = {**_pair_document(pair, result, prior), **named, **_calibrated(known.evidence.pair)}
        emit(document, [_pair_row(result)], format=format)
        return
    asked, _ = questions[0]
    found = find(
        opened,
        loaded,
        gallery,
        asked,
        k=k,
        prior_here=prior_here,
        exclusions=exclusions,
        reranking=rerank,
        known=known,
        look=_looking(opened) if geometry or rerank is ReRanking.GEOMETRY else None,
    )
    archived = None if asked.row is None else _named(gallery.images[asked.row])
    document = {
        "query": {"image": image, "archived": archived, "k": k, "prior_here": prior_here, "rerank": rerank.value, "excluded": exclusions.words()},
        **named,
        "compared": found.compared,
        "candidates": [_document(candidate) for candidate in found.candidates],
        "nobody": found.nobody,
        "copies": [_named(copy) for copy in found.copies],
        "declined": found.declined,
        "why": found.why,
        **_calibrated(known.evidence.image),
    }  # fmt: skip
    say(f"caseindex: {found.compared} images compared; {found.declined or found.why}")
    rows = [_row(candidate) for candidate in found.candidates]
    for copy in found.copies:
        same = {"patient": copy.patient_id or "", "probability": "same pixels", "images": copy.file}
        rows.append({**dict.fromkeys(_COLUMNS, ""), **same})
    rows.append({**dict.fromkeys(_COLUMNS, ""), "patient": "nobody here", "probability": _chance(found.nobody)})
    emit(document, rows, format=format)


def _named(image: Image) -> dict[str, Any]:
    return {"image_uid": image.image_uid, "patient_id": image.patient_id, "file": image.file}


def _exists(archive: Archive, name: str) -> None:
    """Before the long work."""
    if name == "-" or Path(name).exists():
        return
    with archive.store.read() as reader:
        if reader.image(name) is not None or any(image.file == name for image in reader.images()):
            return
    raise UsageError(
        name, "neither a file nor an image of the archive", "Give a file, or a UID or file name of an image"
    )


def _question(archive: Archive, gallery: IdentityGallery, model: Model, name: str, views: int) -> tuple[Question, Kind]:
    from caseindex.index.comparable import kind_of
    from caseindex.ingest.decode import decode
    from caseindex.records import Report
    from caseindex.retrieval.identity.match import Question, question
    from caseindex.retrieval.identity.test_time import averaged
    from caseindex.retrieval.picture import read_archived, render_options

    row = gallery.row_of(name)
    if row is None and not Path(name).exists():
        row = next((place for place, image in enumerate(gallery.images) if image.file == name), None)
        if row is None:
            raise UsageError(name, "this image has no embedding", "Run `caseindex embed` with this model")
    if row is not None:
        image = gallery.images[row]
        picture = read_archived(archive, image)
        vector = averaged(model, picture, views) if views > 1 else gallery.vectors[row]
        kind = gallery.kind_names[int(gallery.kinds[row])]
        copies = frozenset({image.pixel_sha256} if image.pixel_sha256 else ())
        return Question(name, vector, int(gallery.kinds[row]), row, copies, picture), kind
    decoded = [
        item
        for item in decode(str(Path(name).absolute()), name, render_options(archive))
        if not isinstance(item, Report)
    ]
    if not decoded:
        raise UsageError(name, "it holds no image", "Give a DICOM, PNG, JPEG or TIFF file")
    item = max(decoded, key=lambda one: one.image.content_score)
    kind = kind_of(item.image)
    asked = question(
        gallery,
        model,
        name,
        item.pixels,
        kind,
        (item.image.image_uid,),
        tuple(filter(None, (item.image.pixel_sha256,))),
    )
    if views > 1:
        from dataclasses import replace

        asked = replace(asked, vector=averaged(model, item.pixels, views))
    return asked, kind


def _looking(archive: Archive) -> Look:
    from caseindex.errors import CaseindexError
    from caseindex.retrieval.picture import read_archived

    def look(image: Image) -> PixelArray | None:
        try:
            return read_archived(archive, image)
        except (CaseindexError, OSError):  # its source is gone: the embedding still answers
            return None

    return look


def _document(candidate: Candidate) -> dict[str, Any]:
    return {
        "rank": candidate.rank,
        "patient_id": candidate.patient_id,
        "similarity": round(candidate.similarity, 6),
        "probability": candidate.probability,
        "key_points": candidate.inliers,
        "images": [
            {"image_uid": image.image_uid, "file": image.file, "study_uid": image.study_uid, "date": image.date, "similarity": round(similarity, 6)}
            for image, similarity in zip(candidate.images, candidate.similarities, strict=True)
        ],
    }  # fmt: skip


def _row(candidate: Candidate) -> dict[str, Any]:
    values = (
        candidate.rank,
        candidate.patient_id,
        _chance(candidate.probability),
        f"{candidate.similarity:.3f}",
        "" if candidate.inliers is None else candidate.inliers,
        ", ".join(image.file for image in candidate.images),
    )
    return dict(zip(_COLUMNS, values, strict=True))


def _pair_document(pair: tuple[str, str], result: Pair, prior: float) -> dict[str, Any]:
    return {
        "query": {"pair": list(pair), "prior": prior},
        "similarity": result.similarity,
        "probability": result.probability,
        "verdict": result.verdict.value if result.verdict is not None else None,
        "copies": result.copies,
        "key_points": result.geometry.inliers if result.geometry is not None else None,
        "declined": result.declined,
        "why": result.why,
    }


def _pair_row(result: Pair) -> dict[str, Any]:
    if result.declined is not None or result.similarity is None:
        return {"answer": "not compared", "why": result.declined}
    return {
        "answer": "no calibration: see the similarity" if result.verdict is None else _ANSWERS[result.verdict.value],
        "probability": _chance(result.probability),
        "similarity": f"{result.similarity:.3f}",
        "key points": "" if result.geometry is None else result.geometry.inliers,
        "why": "the pixels are the same" if result.copies else result.why,
    }


def _calibrated(used: Calibration | None) -> dict[str, Any]:
    from caseindex.encoders.calibration import as_document

    return {"calibration": as_document(used) if used is not None else None}


def _chance(value: float | None) -> str:
    if value is None:
        return "not known"
    return f"{100 * value:.1f}%" if 0.001 <= value <= 0.999 else ("under 0.1%" if value < 0.5 else "over 99.9%")
