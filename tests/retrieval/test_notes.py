"""Notes: every one of them in three languages, and honest about words that nothing knows."""

from __future__ import annotations

import re

import pytest

from caseindex.index.archive import Archive
from caseindex.records import Language
from caseindex.retrieval import notes
from caseindex.retrieval.query import Channel, Query
from caseindex.retrieval.search import Searcher

ALL = [value for name, value in vars(notes).items() if name.isupper() and not name.startswith("_")]


@pytest.mark.parametrize("note", ALL)
def test_each_note_is_translated(note: str) -> None:
    written = note.format(n=37)
    russian = notes.translated(written, Language.RUSSIAN)
    chinese = notes.translated(written, Language.CHINESE)
    assert re.search("[а-я]", russian)
    assert re.search("[\u4e00-\u9fff]", chinese)
    assert ("37" in russian) == ("37" in chinese) == ("{n}" in note)
    assert notes.translated(written, Language.ENGLISH) == written


def test_what_is_no_note_of_ours_stays() -> None:
    assert notes.translated("something else", Language.RUSSIAN) == "something else"


def test_words_without_a_concept_are_told(archive: Archive) -> None:
    answer = Searcher(archive).search(Query(text="прекрасная погода сегодня"))
    assert not answer.hits
    assert notes.NO_WORDS in answer.notes


def test_plain_words_of_a_report_are_found_and_told(archive: Archive) -> None:
    answer = Searcher(archive).search(Query(text="territory"))
    assert [hit.study_uid for hit in answer.hits] == ["en-ischaemic"]
    assert notes.NO_CONCEPT in answer.notes


def test_a_known_concept_has_no_such_note(archive: Archive) -> None:
    answer = Searcher(archive).search(Query(text="ишемический инсульт"))
    assert not {notes.NO_CONCEPT, notes.NO_WORDS} & set(answer.notes)


@pytest.mark.parametrize("text", ["qwzx vbnm", "ыфвапр жщшз", "nice weather today"])
def test_random_words_bring_no_images(archive: Archive, text: str) -> None:
    answer = Searcher(archive).search(Query(text=text, channel=Channel.IMAGE))
    assert not answer.hits
    assert notes.UNKNOWN_TO_LEXICON in answer.notes


@pytest.mark.parametrize(
    ("text", "reason"), [("nice weather today", notes.UNKNOWN_TO_LEXICON), ("sarcoidosis", notes.NO_PAIR_MODEL)]
)
def test_one_reason_is_enough(archive: Archive, text: str, reason: str) -> None:
    answer = Searcher(archive).search(Query(text=text, channel=Channel.IMAGE))
    assert answer.notes == (reason,)
