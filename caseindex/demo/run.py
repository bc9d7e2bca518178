"""The demonstration, read top to bottom: draw an archive, take it in, train on it, index it, ask it.

Every stage finds what an earlier, interrupted run has done and goes on behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from caseindex.demo.diagnoses import Diagnosis, label
from caseindex.demo.source import Recipe, make_source
from caseindex.records import Hit, Language

if TYPE_CHECKING:
    from caseindex.index.archive import Archive
    from caseindex.retrieval.query import Channel

#: The same question in three languages, and the class that answers it.
QUESTIONS: Final = (
    (Language.RUSSIAN, "ишемический инсульт"),
    (Language.ENGLISH, "ischemic stroke"),
    (Language.CHINESE, "缺血性脑卒中"),
)
ANSWER: Final = Diagnosis.ISCHEMIC
MODEL: Final = "pair"
SOURCE, ARCHIVE, PAGE = "source", "archive", "search.html"


class Advance(Protocol):
    def __call__(self, done: int = 1, *, total: int | None = None) -> None: ...


Stage = Callable[[str, int | None, str], AbstractContextManager[Advance]]  # what, total, unit


@dataclass(frozen=True, slots=True)
class Answered:
    """``right``: how many of the first ``asked_for`` cases have the class asked for; ``right_by_image``: the same when
    only the pictures are searched, ``None`` where the model cannot compare words with pictures."""

    language: Language
    question: str
    hits: tuple[Hit, ...]
    asked_for: int
    right: int
    right_by_image: int | None


@dataclass(frozen=True, slots=True)
class Demonstration:
    archive: Path
    source: Path
    page: Path
    images: int
    patients: int
    model: str
    answers: tuple[Answered, ...]
    seconds: float


def run_demo(
    folder: Path, recipe: Recipe, *, stage: Stage, train: bool = True, minutes: float = 3.0, k: int = 10
) -> Demonstration:
    """``folder`` gets `source/` (DICOM files and manifest), `archive/` and `search.html`. ``minutes`` bounds the
    training; ``stage`` shows the progress. Returns what the archive answered."""
    from caseindex.index.archive import Archive

    start = time.monotonic()
    folder = folder.expanduser().absolute()
    with stage("draw and write the images", recipe.examinations * recipe.slices, "images") as advance:
        make_source(folder / SOURCE, recipe, on_progress=lambda done: advance(done))
    archive, _ = Archive.create(folder / ARCHIVE)
    _take_in(archive, folder / SOURCE, stage)
    if train:
        _train(archive, recipe.seed, minutes, stage)
    archive = Archive.open(archive.path)  # the training may have named its model in archive.toml
    name = archive.settings.models.search
    _embed(archive, name, stage)
    answers = tuple(_ask(archive, name, language, question, k) for language, question in QUESTIONS)
    page = _write_page(archive, name, folder / PAGE, k)
    with archive.store.read() as reader:
        counts = reader.counts()
    return Demonstration(
        archive=archive.path,
        source=folder / SOURCE,
        page=page,
        images=counts.images,
        patients=counts.patients,
        model=name,
        answers=answers,
        seconds=round(time.monotonic() - start, 1),
    )


def _take_in(archive: Archive, source: Path, stage: Stage) -> None:
    from caseindex.ingest.pipeline import ingest
    from caseindex.reports.text.languages import detect

    with stage("ingest", None, "files") as advance:
        ingest(
            archive.store,
            [source],
            settings=archive.settings,
            rejected=archive.rejected_file,
            thumbnails=archive.thumbnails_dir,
            detect_language=detect,
            on_progress=advance,
        )


def _train(archive: Archive, seed: int, minutes: float, stage: Stage) -> None:
    from caseindex.train.pair import train_pair
    from caseindex.train.pair_settings import PairSettings

    if (archive.models_dir / MODEL).is_dir():
        return
    with ExitStack() as bars:
        shown: dict[str, Advance] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in shown:
                bars.close()
                shown.clear()
                shown[what] = bars.enter_context(stage(f"train: {what}", total, "items"))
            shown[what](done, total=total)

        train_pair(archive, PairSettings(name=MODEL, seed=seed, minutes=minutes), on_progress=advance)


def _embed(archive: Archive, name: str, stage: Stage) -> None:
    from caseindex.encoders.model import load_model
    from caseindex.index.embed import embed

    with stage("embed", None, "items") as advance:
        model = load_model(archive.models_dir, name)
        embed(archive, model, on_progress=lambda done, total: advance(done, total=total))


def _ask(archive: Archive, model: str, language: Language, question: str, k: int) -> Answered:
    from caseindex.retrieval.query import Channel

    both = _hits(archive, model, question, k, Channel.ALL)
    by_image = _hits(archive, model, question, k, Channel.IMAGE)
    return Answered(
        language=language,
        question=question,
        hits=both,
        asked_for=k,
        right=_right(both),
        right_by_image=_right(by_image) if by_image else None,
    )


def _hits(archive: Archive, model: str, question: str, k: int, channel: Channel) -> tuple[Hit, ...]:
    from caseindex.retrieval.query import Query
    from caseindex.retrieval.search import Searcher

    return Searcher(archive, model).search(Query(text=question, k=k, channel=channel)).hits


def _right(hits: tuple[Hit, ...]) -> int:
    return sum(label(ANSWER) in hit.labels for hit in hits)


def _write_page(archive: Archive, model: str, page: Path, k: int) -> Path:
    from caseindex.index.atomic import write_file_atomically
    from caseindex.retrieval.query import Query
    from caseindex.retrieval.search import Searcher
    from caseindex.retrieval.shown import page_of

    query = Query(text=QUESTIONS[0][1], k=k)
    html = page_of(archive, query, Searcher(archive, model).search(query))
    write_file_atomically(page, html.encode("utf-8"), mode=0o600)
    return page
