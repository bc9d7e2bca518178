"""From the channels' candidates to the hits that are shown, best first."""

from __future__ import annotations

from itertools import islice
from typing import Final

from caseindex.protocols import RecordReader
from caseindex.records import Hit, Image, Report, Study
from caseindex.retrieval.cases import Candidate, image_to_show, report_to_show
from caseindex.retrieval.fusion import Fusion, fuse, weights_for
from caseindex.retrieval.matched import matched_spans, matched_terms
from caseindex.retrieval.question import Question
from caseindex.retrieval.under_way import UnderWay

#: What a hit names each channel by.
SHOWN_AS: Final = {
    "words": "report",
    "report_vectors": "report",
    "text_to_image": "image",
    "bridge": "image",
    "image": "image",
}


def hits_of(search: UnderWay, fusion: Fusion) -> list[Hit]:
    """At most ``k``."""
    by_channel: dict[str, dict[str, float]] = {name: {} for name in search.channels}
    for key, candidate in search.candidates.found.items():
        for name, score in candidate.scores.items():
            by_channel[name][key] = score
    answering = {name: scores for name, scores in by_channel.items() if scores}
    fused = fuse(answering, weights_for(images_alone=search.images_alone), fusion) if answering else {}
    order = sorted(fused, key=lambda key: (-fused[key], key))
    return [
        _hit(search.reader, rank, fused[key], search.candidates.found[key], search.questions)
        for rank, key in enumerate(islice(order, search.query.k), start=1)
    ]


def _hit(reader: RecordReader, rank: int, score: float, candidate: Candidate, questions: list[Question]) -> Hit:
    report = report_to_show(reader, candidate, reader.image(candidate.image_uid) if candidate.image_uid else None)
    image = image_to_show(reader, candidate, report)
    study = reader.study(candidate.study_uid)
    by = tuple(dict.fromkeys(SHOWN_AS[name] for name, value in candidate.scores.items() if value > 0))
    terms: tuple[str, ...] = ()
    if report is not None and "report" in by:
        spans = [span for question in questions for span in matched_spans(question, report.text, report.language)]
        terms = matched_terms(report.text, sorted(spans))
    return Hit(
        rank=rank,
        similarity=score,
        probability=None,
        patient_id=_first("patient_id", image, study, report),
        study_uid=candidate.study_uid,
        image_uid=image.image_uid if image else None,
        file=image.file if image else (report.file if report else None),
        modality=image.modality if image else None,
        labels=image.labels if image else (),
        report=report.text if report else None,
        matched_by=by,
        matched_terms=terms,
        report_uid=report.report_uid if report else None,
        date=_first("date", image, study, report),
    )


def _first(name: str, *records: Image | Study | Report | None) -> str | None:
    """The field ``name`` of the first record that knows it."""
    known = (getattr(record, name) for record in records if record is not None)
    return next((value for value in known if value), None)
