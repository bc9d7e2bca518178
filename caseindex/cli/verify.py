"""`caseindex verify`: does the report fit the image, and which statement does not?"""

from __future__ import annotations

import math
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caseindex.cli.naming import study_uid, writable_page
from caseindex.cli.options import ArchiveOption, FormatOption, PageLanguage, PageLanguageOption, VerifyModelOption
from caseindex.cli.output import emit, say
from caseindex.cli.stages import stages
from caseindex.cli.standard_input import given_file
from caseindex.errors import UsageError

if TYPE_CHECKING:
    from caseindex.retrieval.verify.familiar import Shift
    from caseindex.retrieval.verify.opened import Opened
    from caseindex.retrieval.verify.thresholds import Threshold
    from caseindex.retrieval.verify.verdict import Verdict

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class LineBy(StrEnum):
    FALSE_ALARMS = "false-alarms"
    BEST_F1 = "best-f1"
    YOUDEN = "youden"
    SENSITIVITY_95 = "sensitivity-95"


@app.command(
    epilog="Examples: caseindex verify --study 1.2.840.113619.2.55 --html verdict.html; "
    "caseindex verify --image slice.dcm --report report.txt --format json; "
    "caseindex verify --all --false-alarms 0.02 --limit 50 --format csv"
)
def verify(
    study: Annotated[
        str | None, typer.Option("--study", metavar="UID", help="A study of the archive.", show_default=False)
    ] = None,
    image: Annotated[
        Path | None, typer.Option("--image", metavar="FILE", help="With --report: an image file.", show_default=False)
    ] = None,
    report: Annotated[
        str | None,
        typer.Option("--report", metavar="FILE", help="A text file in UTF-8; - reads stdin.", show_default=False),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every reported study: a worklist, the most doubtful first.")
    ] = False,
    false_alarms: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Share of right reports that may be flagged in vain.")
    ] = 0.05,
    line: Annotated[
        LineBy, typer.Option(help="How the line is drawn: by --false-alarms, or another usual one.")
    ] = LineBy.FALSE_ALARMS,
    limit: Annotated[int, typer.Option(min=1, help="With --all: cases listed at most.")] = 100,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also a page: regions, coloured sentences, nearest cases.", show_default=False
        ),
    ] = None,
    language: PageLanguageOption = None,
    refit: Annotated[bool, typer.Option("--refit", help="Fit the witnesses to the archive again.")] = False,
    archive: ArchiveOption = None,
    model: VerifyModelOption = None,
    format: FormatOption = None,
) -> None:
    """Say whether a report fits its image: by how much, by which witness, and which statement is doubtful.

    The witnesses: similarity of report and image; two classifiers that agree; each statement against the image; the
    reports of the nearest images; the report against itself and the record (sex, age, side, modality, body part). They
    are fitted to the archive at the first call, without training. The line is drawn so that --false-alarms of right
    reports are flagged; where the archive is too small for that rate, or the cases are unlike the archive, it says so.
    Nothing is changed.
    """
    from caseindex.index.archive import Archive
    from caseindex.retrieval.verify.opened import open_verifier
    from caseindex.retrieval.verify.thresholds import Line
    from caseindex.retrieval.verify.verdict import as_document
    from caseindex.retrieval.verify.verify import lines, verify_all, verify_image, verify_study

    by = Line(line.value)
    _one_question(study, image, report, everything)
    if str(image) == report == "-":
        raise UsageError("--image - and --report -", "stdin can be read once", "Give one of them as a file")
    if html is not None:
        writable_page(html)
    text = _read_report(report) if report is not None else ""
    opened_archive = Archive.find(archive)
    notes: list[str] = []
    pictures: tuple[Any, ...] = ()
    with stages({"verifying": "reports", "reading reports": "reports", "planting errors": "reports"}) as advance:
        opened = open_verifier(opened_archive, model, refit=refit, on_progress=advance, notes=notes)
        if everything:
            found = verify_all(opened, false_alarms, by, on_progress=advance)
        elif study is not None:
            found = verify_study(opened, study_uid(opened_archive, study), false_alarms, by)
        else:
            with given_file(_given(image)) as file:
                one, pictures = verify_image(opened, file, text, false_alarms, by)
            found = [one]
    for note in notes:
        say(f"caseindex: {note}")
    _say_line(lines(opened, false_alarms, by).threshold)
    shown = found[:limit] if everything else found
    _say_unlike(opened, found, everything)
    if everything:
        flagged = sum(one.ruling.value in ("doubtful", "contradicts") for one in found)
        say(f"caseindex: {len(found)} reports verified, {flagged} flagged")
    if html is not None:
        _write_page(opened, shown, html, language, pictures, shifted=everything and bool(_shift(opened, found)))
    documents = [{**as_document(one), "fingerprint": opened.fingerprint} for one in shown]
    document: Any = documents if everything or len(documents) != 1 else documents[0]
    table = [_row(one) for one in shown] if everything else [row for one in shown for row in _statement_rows(one)]
    emit(document, documents, format=format, table=table, wrap=("sentence", "doubtful", "why", "missing"))


def _one_question(study: str | None, image: Path | None, report: str | None, everything: bool) -> None:
    asked = sum((study is not None, image is not None, everything))
    if asked != 1:
        raise UsageError("verify", "one of --study, --image and --all is asked with", "Give exactly one of them")
    if (image is None) != (report is None):
        raise UsageError("--image and --report", "they belong together", "Give both: an image and the text about it")


def _given(image: Path | None) -> Path:
    if image is None:
        raise UsageError("verify", "no image", "Give --image FILE")
    return image


def _read_report(name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(name, f"cannot be read: {error.strerror or error}", "Give a text file, or -") from error
    except UnicodeDecodeError as error:
        raise UsageError(name, "the text is not UTF-8", "Convert it, for instance with iconv") from error


def _say_line(threshold: Threshold) -> None:
    if threshold.enough:
        say(
            f"caseindex: doubtful below {threshold.value:.3f}: {threshold.rate:.1%} of right reports are flagged in vain "
            f"(95% interval {threshold.low:.1%} to {threshold.high:.1%}, from {threshold.patients} patients)"
        )
    else:
        needed = math.ceil(1 / threshold.rate) - 1
        say(
            f"caseindex: no line is drawn: {threshold.patients} patients are too few for {threshold.rate:.1%} false "
            f"alarms, at least {needed} are needed; the order of the list holds"
        )


def _say_unlike(opened: Opened, found: list[Verdict], everything: bool) -> None:
    """Where the rate that was asked for is not promised."""
    unlike = sum(one.unlike for one in found)
    if unlike:
        say(
            f"caseindex: {unlike} of {len(found)} images are unlike all others of the archive: undecided, unless the report "
            "contradicts itself, or sex and age of the record"
        )
    if not everything:
        return
    differs = _shift(opened, found)
    parts = [f"{differs.images:.0%} of the images are as odd as 5% were then"] if differs.images_differ else []
    parts += [f"{name} in {here:.0%} of the reports, then {there:.0%}" for name, here, there in differs.findings[:3]]
    if parts:
        say(
            f"caseindex: these cases are unlike those that the line was drawn on ({'; '.join(parts)}): the rate of false "
            "alarms is not promised; ask again with --refit"
        )


def _shift(opened: Opened, found: list[Verdict]) -> Shift:
    from caseindex.retrieval.verify.verify import shifted

    return shifted(opened, found)


def _row(one: Verdict) -> dict[str, Any]:
    """A line of the worklist, without UIDs and texts."""
    doubtful = [each.statement.finding for each in one.statements if each.ruling.value == "doubtful"]
    return {
        "verdict": one.ruling.value,
        "agreement": _rounded(one.agreement),
        "patient": one.filed.images[0].patient_id,
        "file": one.filed.images[0].file,
        "probably": max(one.errors, key=lambda name: one.errors[name]) if one.ruling.value != "fits" else "",
        "doubtful": "; ".join(_called(concept, one) for concept in dict.fromkeys(doubtful)),
        "missing": "; ".join(_called(each.concept, one) for each in one.missing),
    }


def _called(concept: str, one: Verdict) -> str:
    """The concept as a reader of the report calls it."""
    from caseindex.records import Language
    from caseindex.reports.lexicon import load_lexicon

    known = load_lexicon().concepts.get(concept)
    return known.name(one.filed.report.language or Language.ENGLISH) if known is not None else concept


def _statement_rows(one: Verdict) -> list[dict[str, Any]]:
    whole = {
        "of": "the report",
        "verdict": one.ruling.value,
        "agreement": _rounded(one.agreement),
        "why": "; ".join(f"{name} {_rounded(value)}" for name, value in one.witnesses.items()),
        "sentence": "",
    }
    rows = [
        {
            "of": " ".join(
                filter(None, (_called(each.statement.finding, one), each.statement.polarity, each.statement.side))
            ),
            "verdict": each.ruling.value,
            "agreement": _rounded(each.agreement),
            "why": "; ".join(each.why),
            "sentence": " ".join(each.statement.text.split()),
        }
        for each in one.statements
    ]
    missing = [
        {
            "of": _called(each.concept, one),
            "verdict": "missing",
            "agreement": "",
            "why": f"image {each.probability:.2f}; neighbours {each.share:.2f}; archive {each.base:.2f}",
            "sentence": "",
        }
        for each in one.missing
    ]
    return [whole, *rows, *missing]


def _rounded(value: float) -> float | str:
    return "undecided" if math.isnan(value) else round(value, 3)


def _write_page(
    opened: Opened,
    shown: list[Verdict],
    path: Path,
    language: PageLanguage | None,
    pictures: tuple[Any, ...],
    *,
    shifted: bool,
) -> None:
    from caseindex.index.atomic import write_file_atomically
    from caseindex.records import Language
    from caseindex.retrieval.verify.page.render import page_of

    chosen = Language(language.value) if language else None
    page = page_of(opened, shown, language=chosen, pictures=pictures, shifted=shifted)
    write_file_atomically(path.expanduser().absolute(), page.encode("utf-8"), mode=0o600)
    say(f"caseindex: wrote {path}")
