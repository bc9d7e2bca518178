"""The page: self-contained, escaped whatever a report says, in three languages."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from html.parser import HTMLParser

import numpy as np
import pytest
from markupsafe import escape

from caseindex.index.filters import Filters
from caseindex.records import Hit, Image, Language, Report, Sex
from caseindex.retrieval.page import ShownHit, render_page
from caseindex.retrieval.page.marks import excerpt, marked, merged
from caseindex.retrieval.page.pictures import data_uri
from caseindex.retrieval.page.words import WORDS, page_language, written_age, written_date, written_number
from caseindex.retrieval.query import Answer, Query

HOSTILE = '</p><script>alert(1)</script><img src=x onerror="alert(2)">{{ 7*7 }} & <b>infarct</b> \u202e\x00'


def shown(text: str = "Acute infarct.", **changes: object) -> ShownHit:
    fields: dict[str, object] = {
        "rank": 1,
        "similarity": 0.82,
        "probability": None,
        "patient_id": "P<1>",
        "study_uid": "1.2.3",
        "image_uid": "i",
        "file": "i.png",
        "modality": "CT",
        "labels": ("<i>stroke</i>",),
        "report": text,
        "matched_by": ("report", "image"),
        "matched_terms": ("infarct",),
        "report_uid": "r",
        "date": "2024-03-01",
    }
    hit = Hit(**{**fields, **changes})  # type: ignore[arg-type]
    start = text.find("infarct")
    image = Image(image_uid="i", study_uid="1.2.3", file="i.png", source="/i.png", sex=Sex.FEMALE, age_years=41.0)
    report = Report(report_uid="r", study_uid="1.2.3", text=text, file="r.txt", language=Language.ENGLISH)
    spans = ((start, start + 7),) if start >= 0 else ()
    return ShownHit(hit, image, data_uri(np.full((60, 40), 90, np.uint8)), report, spans)


def page(*hits: ShownHit, text: str = "stroke", language: Language = Language.ENGLISH, **fields: object) -> str:
    query = Query(text=text, filters=Filters(modality=("CT",), age_min=40, age_max=60))
    answer = Answer(tuple(hit.hit for hit in hits), searched=1234, **fields)  # type: ignore[arg-type]
    return render_page(query, answer, hits, language=language, made=datetime(2026, 1, 2, 3, 4))


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def elements(html: str) -> Elements:
    parser = Elements()
    parser.feed(html)
    return parser


def test_hostile_text_stays_text() -> None:
    hit = shown(HOSTILE, labels=(HOSTILE,), patient_id=HOSTILE, matched_terms=(HOSTILE,), study_uid=HOSTILE)
    found = elements(page(hit, text=HOSTILE, notes=(HOSTILE,), understood=(HOSTILE,), model_name=HOSTILE))
    assert "script" not in found.tags
    assert "b" not in [tag for tag in found.tags if tag == "i"]
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    sources = [value for name, value in found.attributes if name in ("src", "href", "action", "srcset", "data")]
    assert sources
    assert all(value and value.startswith("data:image/jpeg;base64,") for value in sources)
    assert "49" not in re.sub(r"base64,[^\"]*", "", page(shown("{{ 7*7 }}"), text="{{ 7*7 }}")).split("</style>")[1]


def test_self_contained_under_its_own_policy() -> None:
    html = page(shown())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert policy
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy[1]
    assert "default-src 'none'" in policy[1]
    assert "http://" not in html
    assert "https://" not in html
    assert "url(" not in html
    assert "@import" not in html
    assert not [value for name, value in elements(html).attributes if name == "style"]


@pytest.mark.parametrize("language", Language)
def test_every_language_has_all_words_and_the_disclaimer(language: Language) -> None:
    assert set(WORDS[language]) == set(WORDS[Language.ENGLISH])
    html = page(shown(), language=language)
    assert f'<html lang="{language.value}">' in html
    for word in ("title", "patient", "matched", "footer", "personal"):
        assert str(escape(WORDS[language][word])) in html
    empty = page(language=language)
    assert WORDS[language]["none_title"] in empty


def test_what_a_reader_needs_is_there() -> None:
    html = page(shown(), language=Language.RUSSIAN)
    for expected in (
        "<mark>infarct</mark>",
        "01.03.2024",
        "41 год",
        "женский",
        "0,82",
        "P&lt;1&gt;",
        "Возраст: 40–60",
        "CT",
    ):
        assert expected in html
    assert "87&nbsp;%" in page(shown(probability=0.87)) or "87 %" in page(shown(probability=0.87))


def test_marks() -> None:
    assert merged([(4, 6), (0, 2), (1, 3), (3, 3)]) == [(0, 3), (4, 6)]
    assert str(marked("a<b>c", [(1, 4)])) == "a<mark>&lt;b&gt;</mark>c"
    assert str(marked("abc", [])) == "abc"


def test_an_excerpt_holds_the_match_and_says_that_it_is_one() -> None:
    text = "First sentence. " * 60 + "There is an acute infarct here. " + "Last sentence. " * 60
    start = text.find("infarct")
    part, shortened = excerpt(text, [(start, start + 7)])
    assert shortened
    assert "There is an acute <mark>infarct</mark> here." in part
    assert len(part) < 900
    assert part.startswith("…")
    assert excerpt("Short.", []) == ("Short.", False)


def test_numbers_dates_and_ages_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written_number(0.9999, Language.ENGLISH) == "0.99"
    assert written_number(1.0, Language.RUSSIAN) == "1,00"
    assert written_date("2024-03-01", Language.CHINESE) == "2024年3月1日"
    assert written_date("2024", Language.RUSSIAN) == "2024"
    assert [written_age(age, Language.RUSSIAN) for age in (21, 22, 25, 11, 112)] == [
        "21 год",
        "22 года",
        "25 лет",
        "11 лет",
        "112 лет",
    ]
    monkeypatch.setenv("LC_ALL", "ru_RU.UTF-8")
    assert page_language() is Language.RUSSIAN
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert page_language() is Language.ENGLISH
    assert page_language(Language.CHINESE) is Language.CHINESE
