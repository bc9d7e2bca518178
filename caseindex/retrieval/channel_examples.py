"""The question's words against images by way of the reported cases that they find (:mod:`caseindex.retrieval.bridge`)."""

from __future__ import annotations

from caseindex.retrieval.bridge_cases import degree, through_examples
from caseindex.retrieval.under_way import OUTSTANDING, UnderWay


def by_examples(search: UnderWay) -> bool:
    """Adds images that resemble those of reported cases that the words find. Whether it took part. Unless images alone
    are asked for it has to be convincing, and an image without a report has to stand out."""
    question = search.questions[0]
    if not question.has_core:
        return False
    found = through_examples(
        search.archive,
        search.model,
        search.word_index(),
        question,
        search.filters(),
        search.left_out,
        search.query.level,
        search.wanted,
    )
    if found is None or not (search.images_alone or found.bridge.convincing):
        return False
    search.takes_part("bridge", found.compared)
    search.encoding = search.encoding or found.encoding
    for image, deviations in found.ranked:
        if search.images_alone or search.key(image) in search.candidates.found or deviations >= OUTSTANDING:
            search.candidates.add_image("bridge", image, degree(deviations))
    search.examples = found.bridge.patients
    return True
