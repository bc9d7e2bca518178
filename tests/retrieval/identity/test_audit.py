"""The audit over an archive with planted errors: what it lists, how it is decided, and the page."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import pytest

from caseindex.cli.main import main
from caseindex.evaluation.misfiled_rate import MisfiledRate
from caseindex.index.decisions import FILE, lessons, read_decisions
from caseindex.records import Language
from caseindex.retrieval.identity.audit import Audit, AuditSettings, audit
from caseindex.retrieval.identity.gallery import load_gallery
from caseindex.retrieval.identity.page.render import render_audit
from caseindex.retrieval.picture import read_archived
from tests.cli.drawn_gallery import given_embeddings
from tests.retrieval.identity.planted_archive import DIM, Planted, make_planted


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    made = make_planted(tmp_path_factory.mktemp("audit") / "архив")
    with given_embeddings(DIM):
        yield made
    made.archive.store.close()


def run(planted: Planted, *arguments: str) -> int:
    try:
        main(["audit", *arguments, "--archive", str(planted.archive.path)])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def findings(planted: Planted, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert run(planted, *arguments, "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    return document if isinstance(document, list) else document["findings"]


@pytest.fixture(scope="module")
def result(planted: Planted) -> Audit:
    gallery, model = load_gallery(planted.archive)
    settings = AuditSettings(prior=0.01, two_ids_prior=0.01, verified=5, limit=None)
    return audit(planted.archive, model, gallery, settings)


@pytest.fixture(scope="module")
def found(result: Audit) -> list[dict[str, Any]]:
    from caseindex.cli.audit import _document

    return [_document(one) for one in result.findings]


def test_what_was_planted_comes_first(planted: Planted, found: list[dict[str, Any]]) -> None:
    first = {(one["kind"], frozenset(one["patient_ids"])): one for one in found[:3]}
    image, filed, true = planted.misfiled
    assert set(first) == {
        ("duplicate_image", frozenset(planted.copies)),
        ("misfiled", frozenset((filed, true))),
        ("two_ids", frozenset(planted.two_ids)),
    }
    misfiled = first["misfiled", frozenset((filed, true))]
    assert misfiled["image_uids"] == [image]
    assert misfiled["suggested_patient_id"] == true
    assert {one["patient_id"] for one in misfiled["compared_with"]} == {true}
    assert misfiled["probability"] > 0.5
    assert {"like_other", "unlike_own"} <= {one["code"] for one in misfiled["evidence"]}
    doubled = first["two_ids", frozenset(planted.two_ids)]
    assert doubled["suggested_patient_id"] in planted.two_ids
    # The rest is much less probable, and the list says how many false alarms to expect.
    others = [one for one in found[3:] if one["patient_ids"] != [planted.within]]
    assert max((one["probability"] for one in others), default=0) < 0.3
    falses = [one["expected_false"] for one in found]
    assert falses == sorted(falses)
    assert falses[0] == pytest.approx(1 - found[0]["probability"])


def test_how_many_are_misfiled_here(planted: Planted, result: Audit) -> None:
    """One image was misfiled; under the usual prior nobody would expect it, and the note says so."""
    assert result.misfiled is not None
    _, low, high = result.misfiled.images
    assert low <= 1 <= high
    usual = replace(result, prior=4e-5)
    assert usual.beyond_prior == (result.misfiled.low > 4e-5)
    sure = replace(usual, misfiled=MisfiledRate(0.01, 0.004, 0.02, 1000))
    assert sure.notes == (
        "the similarities speak for about 10 misfiled images here (4 to 20), where the prior expects 0.04; --prior 0.01 "
        "takes that into account",
    )
    assert replace(sure, prior=0.005).notes == ()
    page = render_audit(sure, "grid", lambda image: read_archived(planted.archive, image), language=Language.RUSSIAN)
    assert "примерно о 10 неверно отнесённых" in page
    assert "--prior 0.01" in page


def test_copies_of_one_patient_come_last(planted: Planted, found: list[dict[str, Any]]) -> None:
    assert found[-1]["kind"] == "duplicate_image"
    assert found[-1]["patient_ids"] == [planted.within]
    assert [one["code"] for one in found[-1]["evidence"]] == ["same_pixels"]
    assert [one["rank"] for one in found] == list(range(1, len(found) + 1))


def test_a_kind_a_limit_and_a_least_probability(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    assert {one["kind"] for one in findings(planted, capsys, "--kind", "misfiled", "--geometry", "0")} == {"misfiled"}
    assert len(findings(planted, capsys, "--kind", "two_ids", "--geometry", "0", "--limit", "2")) == 2
    sure = findings(
        planted, capsys, "--kind", "misfiled", "--geometry", "0", "--min-probability", "0.02", "--prior", "0.01"
    )
    assert sure
    assert all(one["probability"] >= 0.02 for one in sure)


def test_a_lower_prior_lowers_every_probability(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    def chance(prior: str) -> float:
        found = findings(planted, capsys, "--kind", "misfiled", "--geometry", "0", "--prior", prior)
        return next(one["probability"] for one in found if one["image_uids"] == [planted.misfiled[0]])

    assert chance("0.00001") < chance("0.001") < chance("0.1")


class Sources(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "action")]


@pytest.mark.parametrize(("language", "title"), [("en", "Audit of patient identity"), ("ru", "Проверка")])
def test_the_page_stands_alone(result: Audit, language: str, title: str) -> None:
    shown = replace(result, findings=result.findings[:4])
    text = render_audit(shown, "given", lambda image: cv2.imread(image.source), language=Language(language))
    assert f'<html lang="{language}">' in text
    assert title in text
    sources = Sources()
    sources.feed(text)
    assert sources.found
    assert all(source.startswith("data:image/") for source in sources.found)
    assert text.count("<article") == 4
    assert "<line " in text  # key points that agree
    assert ("calibrated on" in text) is (language == "en")
    assert ("encoded again" in text) is (language == "en")
    for data in re.findall(r'data-finding="([^"]+)"', text):
        assert {"finding", "kind", "image_uids", "patient_ids"} <= set(json.loads(data.replace("&#34;", '"')))


def test_the_command_writes_the_page(planted: Planted, tmp_path: Path) -> None:
    page = tmp_path / "список.html"
    assert run(planted, "--html", str(page), "--kind", "two_ids", "--limit", "2", "--geometry", "0") == 0
    assert page.read_text("utf-8").count("<article") == 2


def test_decisions_leave_the_list_and_teach(
    planted: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = ("--kind", "misfiled", "--kind", "two_ids", "--geometry", "0")
    before = findings(planted, capsys, *some)
    image, _, true = planted.misfiled
    misfiled = next(one for one in before if one["image_uids"] == [image])
    doubled = next(one for one in before if set(one["patient_ids"]) == set(planted.two_ids))
    file = tmp_path / "decisions.jsonl"
    keys = ("finding", "kind", "image_uids", "patient_ids", "suggested_patient_id")
    lines = [
        {**{key: misfiled[key] for key in keys}, "decision": "confirmed"},
        {**{key: doubled[key] for key in keys}, "decision": "rejected"},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    assert run(planted, "--decide", str(file)) == 0
    capsys.readouterr()
    try:
        after = findings(planted, capsys, *some)
        assert not {misfiled["finding"], doubled["finding"]} & {one["finding"] for one in after}
        again = findings(planted, capsys, *some, "--all")
        assert {one["decision"] for one in again if one["finding"] == misfiled["finding"]} == {"confirmed"}
        learned = lessons(planted.archive)
        assert learned.reassigned[image] == true
        assert not any(set(pair) == set(planted.two_ids) for pair in learned.same)
        assert len(read_decisions(planted.archive)) == 2
    finally:
        (planted.archive.path / FILE).unlink()  # the other tests know of no decisions


def test_a_table_for_a_spreadsheet(planted: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(planted, "--all", "--kind", "misfiled", "--geometry", "0", "--format", "csv") == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert rows[0]["rank"] == "1"
    assert rows[0]["probability"].startswith("1 in ") or "%" in rows[0]["probability"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"decision": "confirmed"}\n', "kind"),
        ('{"decision": "maybe", "kind": "misfiled", "image_uids": ["i"], "patient_ids": ["P"]}\n', "maybe"),
        ("\x00\x01", "header"),
    ],
)
def test_a_wrong_file_of_decisions_stores_nothing(
    planted: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, words: str
) -> None:
    count = len(read_decisions(planted.archive))
    file = tmp_path / "decisions.jsonl"
    file.write_text(content, "utf-8")
    assert run(planted, "--decide", str(file)) == 2
    assert words in capsys.readouterr().err
    assert len(read_decisions(planted.archive)) == count


def test_a_page_in_a_folder_that_is_not_there(
    planted: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(planted, "--html", str(tmp_path / "no" / "page.html")) != 0
    assert "does not exist" in capsys.readouterr().err
