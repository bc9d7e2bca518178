"""`caseindex search`: similar past cases by words, image or study."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from caseindex.cli.naming import study_uid, writable_page
from caseindex.cli.options import ArchiveOption, FormatOption, ModelOption
from caseindex.cli.output import emit, say
from caseindex.cli.progress import progress
from caseindex.errors import UsageError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class LevelChoice(StrEnum):
    CASE = "case"
    IMAGE = "image"


class ChannelChoice(StrEnum):
    ALL = "all"
    REPORT = "report"
    IMAGE = "image"


class PageLanguage(StrEnum):
    RUSSIAN = "ru"
    ENGLISH = "en"
    CHINESE = "zh"


Many = list[str] | None


@app.command(
    epilog='Examples: caseindex search --text "ишемический инсульт" -k 5; '
    'caseindex search --text "left pleural effusion" --modality CT --age 40-60 --html found.html; '
    "caseindex search --image slice.dcm; caseindex search --study 1.2.840.113619.2.55; "
    "echo 缺血性脑卒中 | caseindex search --text - --format json"
)
def search(
    text: Annotated[
        str | None,
        typer.Option("--text", "-t", metavar="TEXT", help="Words in Russian, English or Chinese; - reads stdin."),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option("--image", "-i", metavar="FILE", help="A DICOM, PNG, JPEG or TIFF file; - reads stdin."),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option("--study", metavar="UID", help="A study of the archive: its images and its report ask."),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many answers.")] = 10,
    modality: Annotated[Many, typer.Option(help="Only this modality (CT, MR, DX, ...); repeat for several.")] = None,
    body_part: Annotated[Many, typer.Option(help="Only this body part (HEAD, CHEST, ...); repeatable.")] = None,
    view: Annotated[Many, typer.Option(help="Only this view (PA, AXIAL, ...); repeatable.")] = None,
    sex: Annotated[Many, typer.Option(help="Only F, M or O; repeatable.")] = None,
    age: Annotated[
        str | None, typer.Option(metavar="FROM-TO", help="Only ages in years, both included: 40-60, 65-, -17 or 50.")
    ] = None,
    date_from: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only from this day (2024, 2024-03 or 2024-03-01) on.")
    ] = None,
    date_to: Annotated[str | None, typer.Option(metavar="DATE", help="Only up to this day, included.")] = None,
    label: Annotated[Many, typer.Option(help="Only images with this label; repeatable.")] = None,
    language: Annotated[Many, typer.Option(help="Only cases with a report in ru, en or zh; repeatable.")] = None,
    patient: Annotated[Many, typer.Option(metavar="ID", help="Only this patient; repeatable.")] = None,
    level: Annotated[LevelChoice, typer.Option(help="What counts once.")] = LevelChoice.CASE,
    channel: Annotated[
        ChannelChoice, typer.Option(help="Compare with reports, with images, or both.")
    ] = ChannelChoice.ALL,
    include_own_study: Annotated[
        bool, typer.Option("--include-own-study", help="Do not leave the study out that the query is of.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also write the answer as one self-contained page.")
    ] = None,
    lang: Annotated[
        PageLanguage | None,
        typer.Option("--lang", help="Language of the page; default by the locale.", show_default=False),
    ] = None,
    archive: ArchiveOption = None,
    model: ModelOption = None,
    format: FormatOption = None,
) -> None:
    """Find similar past cases by words, by an image, or by a study.

    Words find reports in any of the three languages, whatever the language of the question; what a report denies does
    not match, unless the question denies it too ("no evidence of infarct"). --text and --image together are fused. A
    case is named once, with its best image. Nothing similar is an answer: no hits, with a note, and exit status 0.
    """
    from caseindex.index.archive import Archive
    from caseindex.index.filters import Filters
    from caseindex.retrieval.query import HIT_COLUMNS, Channel, Level, Query, as_document, hit_row
    from caseindex.retrieval.search import Searcher

    if html is not None:
        writable_page(html)
    if image is not None and study is not None:
        raise UsageError("--image and --study", "only one of them can be asked with", "Leave one out")
    age_min, age_max = _ages(age)
    filters = Filters(
        modality=tuple(modality or ()),
        body_part=tuple(body_part or ()),
        view=tuple(view or ()),
        sex=tuple(sex or ()),
        age_min=age_min,
        age_max=age_max,
        date_from=date_from,
        date_to=date_to,
        labels=tuple(label or ()),
        language=tuple(language or ()),
        patient_ids=tuple(patient or ()),
    )
    opened = Archive.find(archive)
    words = _words(text)
    asked: dict[str, Any] = {}
    if image is not None:
        from caseindex.cli.standard_input import given_file
        from caseindex.retrieval.picture import read_picture

        if str(image) == text == "-":
            raise UsageError("--text - and --image -", "stdin can be read once", "Give one of them as a file or words")
        with given_file(image) as file:
            asked = read_picture(opened, file)
    query = Query(
        text=words,
        study_uid=None if study is None else study_uid(opened, study),
        include_own_study=include_own_study,
        k=k,
        level=Level(level.value),
        channel=Channel(channel.value),
        filters=filters,
        **asked,
    )
    bars = _Bars()
    try:
        answer = Searcher(opened, model, on_progress=bars).search(query)
    finally:
        bars.close()
    document = as_document(query, answer)
    if html is not None:
        _write_page(opened, query, answer, html, lang)
        say(f"caseindex: wrote {html}")
    for note in answer.notes:
        say(f"caseindex: {note}")
    rows = [hit_row(hit) for hit in answer.hits]
    emit(
        document,
        rows,
        format=format,
        wrap=("matched", "report"),
        table=[_table_row(row) for row in rows],
        columns=HIT_COLUMNS,
    )


def _words(text: str | None) -> str | None:
    if text != "-":
        return text
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("stdin", "the words are not UTF-8", "Convert them, for instance with iconv") from error


def _ages(text: str | None) -> tuple[float | None, float | None]:
    if text is None:
        return None, None
    first, dash, last = text.strip().replace("–", "-").partition("-")
    try:
        low = float(first) if first.strip() else None
        high = (float(last) if last.strip() else None) if dash else low
    except ValueError:
        low = high = None
    if low is None and high is None:
        raise UsageError(f"--age {text}", "not a range of years", "Write it as 40-60, 65-, -17 or 50")
    return low, high if dash else (None if low is None else low + 0.999)


def _table_row(hit: dict[str, Any]) -> dict[str, Any]:
    """What a person reads of a hit in a table: no UIDs, the report shortened to one line."""
    report = " ".join((hit["report"] or "").split())
    return {
        "rank": hit["rank"],
        "similarity": round(hit["similarity"], 3),
        "patient": hit["patient_id"],
        "date": hit["date"],
        "modality": hit["modality"],
        "file": hit["file"],
        "matched": "; ".join(hit.get("matched_terms") or hit["matched_by"]),
        "report": report if len(report) <= 160 else report[:159] + "…",
    }


def _write_page(archive: Any, query: Any, answer: Any, html: Path, lang: PageLanguage | None) -> None:
    from caseindex.index.atomic import write_file_atomically
    from caseindex.records import Language
    from caseindex.retrieval.shown import page_of

    page = page_of(archive, query, answer, Language(lang.value) if lang else None)
    write_file_atomically(html.expanduser().absolute(), page.encode("utf-8"), mode=0o600)


class _Bars:
    """One progress bar after another, as the search tells what it does."""

    def __init__(self) -> None:
        self._what: str | None = None
        self._bar: Any = None
        self._advance: Any = None
        self._done = 0

    def __call__(self, what: str, done: int, total: int) -> None:
        if what != self._what:
            self.close()
            self._what, self._done = what, 0
            self._bar = progress(what, total)
            self._advance = self._bar.__enter__()
        self._advance(done - self._done, total=total)
        self._done = done

    def close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None
