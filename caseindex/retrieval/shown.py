"""What the page shows beside each hit, read from the archive."""

from __future__ import annotations

from functools import partial

from caseindex.index.archive import Archive
from caseindex.records import Language
from caseindex.retrieval.matched import matched_spans
from caseindex.retrieval.page import ShownHit, render_page
from caseindex.retrieval.page.pictures import data_uri, picture_of, thumbnail_or_source
from caseindex.retrieval.picture import read_archived
from caseindex.retrieval.query import Answer, Query
from caseindex.retrieval.question import question_of_report, read_question

_QUERY_PICTURES = 4


def page_of(archive: Archive, query: Query, answer: Answer, language: Language | None = None) -> str:
    """The answer as a page, with the pictures and the reports of its hits."""
    read = thumbnail_or_source(archive.thumbnails_dir, partial(read_archived, archive))
    pictures = [data_uri(picture) for picture in query.pictures[:_QUERY_PICTURES]]
    with archive.store.read() as reader:
        questions = []
        if query.text is not None:
            questions.append(read_question(query.text))
        elif query.study_uid is not None:
            reports = list(reader.reports(study_uid=query.study_uid))
            questions += [question_of_report(report.text, report.language) for report in reports]
        if query.study_uid is not None:
            images = list(reader.images(study_uid=query.study_uid))
            chosen = [image for image in images if image.represents_series] or images
            own = (picture_of(image, read) for image in chosen[:_QUERY_PICTURES])
            pictures += [picture for picture in own if picture]
        shown = []
        for hit in answer.hits:
            image = reader.image(hit.image_uid) if hit.image_uid else None
            report = reader.report(hit.report_uid) if hit.report_uid else None
            spans = (
                ()
                if report is None
                else tuple(
                    sorted(
                        {
                            span
                            for question in questions
                            for span in matched_spans(question, report.text, report.language)
                        }
                    )
                )
            )
            shown.append(ShownHit(hit, image, picture_of(image, read), report, spans))
    return render_page(query, answer, shown, query_pictures=pictures, language=language)
