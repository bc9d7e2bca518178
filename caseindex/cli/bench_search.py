"""`caseindex bench search`: how good the search is on this archive."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caseindex.cli.options import ArchiveOption, FormatOption, ModelOption
from caseindex.cli.output import emit, say
from caseindex.cli.progress import progress
from caseindex.cli.standard_input import given_file
from caseindex.errors import UsageError

if TYPE_CHECKING:
    from caseindex.evaluation.relevance import BenchQuery
    from caseindex.evaluation.search_protocol import ScoredQuery
    from caseindex.index.archive import Archive
    from caseindex.retrieval.query import Channel

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Asked(StrEnum):
    REPORT = "report"
    IMAGE = "image"
    ALL = "all"


class Protocol(StrEnum):
    WORDS = "words"
    IMAGES = "images"


@app.command(
    epilog="Examples: caseindex bench search; caseindex bench search --queries questions.tsv --channel report "
    "--format json; caseindex bench search --protocol images --groups diagnosis.tsv"
)
def search(
    queries: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="TSV, CSV or JSON lines, - for stdin: query, language, and what is relevant: labels, studies, patients "
            "or files (semicolons between several); default: each label of the archive asks by its name.",
            show_default=False,
        ),
    ] = None,
    channel: Annotated[
        list[Asked] | None,
        typer.Option(help="Channels to measure; repeatable. Default: report, and image with a pair model."),
    ] = None,
    protocol: Annotated[
        list[Protocol] | None, typer.Option(help="What asks: words, images, or (default) both; repeatable.")
    ] = None,
    groups: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="TSV for the images: one of file, study or patient, and group. Default: the images' labels.",
            show_default=False,
        ),
    ] = None,
    details: Annotated[bool, typer.Option("--details", help="Also each question with what it found.")] = False,
    archive: ArchiveOption = None,
    model: ModelOption = None,
    format: FormatOption = None,
) -> None:
    """Measure the search on this archive: by words and by images, with 95% intervals.

    Words ask at case level. Images ask for the images of other patients: alike in modality and body part, and in
    their labels or groups. Chance stands beside each figure.
    """
    from caseindex.index.archive import Archive

    opened = Archive.find(archive)
    wanted = set(protocol or Protocol)
    document: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    if Protocol.WORDS in wanted:
        document["words"], measured = _words(opened, queries, channel, model, details)
        rows += measured
    if Protocol.IMAGES in wanted:
        document["images"], measured = _images(opened, groups, model)
        rows += measured
    emit(document, rows, format=format)


def _words(
    opened: Archive, file: Path | None, channels: list[Asked] | None, model: str | None, details: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    from caseindex.encoders.model import load_text_encoder
    from caseindex.evaluation.relevance import gallery_of, label_queries, read_queries
    from caseindex.evaluation.search_protocol import score_questions, summary
    from caseindex.retrieval.query import Channel

    with opened.store.read() as reader:
        gallery = gallery_of(reader)
    if file is None:
        asked = label_queries(gallery)
    else:
        with given_file(file) as readable:
            asked = read_queries(readable)
    if not asked:
        raise UsageError(
            "bench search", "no label of this archive is shared by two patients", "Give questions with --queries FILE"
        )
    name = model or opened.settings.models.search
    if channels is None:
        channels = [Asked.REPORT]
        if load_text_encoder(opened.models_dir, name) is not None:
            channels += [Asked.IMAGE, Asked.ALL]
    document: dict[str, Any] = {"cases": len(gallery.cases), "model": name, "by_channel": {}}
    rows = []
    for one in channels:
        with progress(f"asking ({one.value})", len(asked), "questions") as advance:
            scored = score_questions(
                asked,
                gallery,
                _asker(opened, model, Channel(one.value)),
                only_reported=one is Asked.REPORT,
                on_progress=advance,
            )
        measured: dict[str, Any] = {"all": summary(scored)}
        for language in sorted({item.query.language for item in scored}):
            part = [item for item in scored if item.query.language == language]
            if len(part) < len(scored):
                measured[language] = summary(part)
        document["by_channel"][one.value] = {**measured, **({"details": _details(scored)} if details else {})}
        rows += [
            {"asks": "words", "channel": one.value, "of": part, **_short(value)} for part, value in measured.items()
        ]
    return document, rows


def _asker(opened: Archive, model: str | None, channel: Channel) -> Any:
    from caseindex.retrieval.query import Query
    from caseindex.retrieval.search import Searcher

    searcher = Searcher(opened, model)

    def ask(query: BenchQuery, k: int) -> Sequence[str]:
        answer = searcher.search(Query(text=query.text, k=min(k, 10_000), channel=channel))
        return [hit.study_uid for hit in answer.hits]

    return ask


def _details(scored: Sequence[ScoredQuery]) -> list[dict[str, Any]]:
    return [
        {
            "query": item.query.text,
            "language": item.query.language,
            "relevant": item.relevant,
            **item.metrics,
            "found": [{"study_uid": uid, "relevant": right} for uid, right in zip(item.found, item.right, strict=True)],
        }
        for item in scored
    ]


def _images(opened: Archive, groups: Path | None, model: str | None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    import numpy as np

    from caseindex.evaluation.search_protocol import ImageGallery, image_to_image
    from caseindex.records import ItemKind
    from caseindex.retrieval.encoding import load_image_model

    loaded = load_image_model(opened, model)
    with opened.store.read() as reader:
        ids = reader.embedding_ids(loaded.fingerprint, ItemKind.IMAGE)
        uids = [reader.item_uid(ItemKind.IMAGE, int(item)) for item in ids]
        pairs = [(int(item), reader.image(uid)) for item, uid in zip(ids, uids, strict=True) if uid]
        kept = [(item, image) for item, image in pairs if image is not None]
        if len(kept) < 2:
            say(f"caseindex: images have no embeddings of {loaded.name}: run `caseindex embed` to measure them")
            return {"model": loaded.name, "queries": 0}, []
        vectors = reader.embeddings_of(loaded.fingerprint, ItemKind.IMAGE, np.array([item for item, _ in kept]))
    images = [image for _, image in kept]
    named = _read_groups(groups) if groups is not None else None
    respects: dict[str, list[frozenset[str]]] = {
        "modality_and_body_part": [
            frozenset({f"{image.modality} {image.body_part}"} if image.modality and image.body_part else ())
            for image in images
        ],
        "labels" if named is None else "group": [
            frozenset(image.labels)
            if named is None
            else frozenset().union(
                *(named.get(key, frozenset()) for key in (image.file, image.study_uid, image.patient_id or ""))
            )
            for image in images
        ],
    }
    gallery = ImageGallery(vectors, [image.patient_id or image.study_uid for image in images], respects)
    document = {"model": loaded.name, "fingerprint": loaded.fingerprint, **image_to_image(gallery)}
    rows = [
        {"asks": "images", "channel": "image", "of": respect, **_short(document[respect])}
        for respect in respects
        if isinstance(document.get(respect), dict)
    ]
    return document, rows


def _read_groups(path: Path) -> dict[str, frozenset[str]]:
    """Key (file, study UID or patient id) -> groups."""
    import csv

    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(path, f"cannot be read: {error}", "Give a TSV file in UTF-8") from error
    found: dict[str, set[str]] = {}
    for number, row in enumerate(csv.DictReader(lines, delimiter="\t"), start=2):
        key = row.get("file") or row.get("study") or row.get("patient")
        if not key or not row.get("group"):
            raise UsageError(
                f"{path}:{number}",
                "not a file, study or patient with a group",
                "Columns: file (or study, patient), group",
            )
        found.setdefault(key, set()).update(part.strip() for part in row["group"].split(";"))
    return {key: frozenset(values) for key, values in found.items()}


def _short(measured: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _with_interval(value, measured["intervals"][name]) if name in measured.get("intervals", {}) else value
        for name, value in measured.items()
        if not isinstance(value, dict | list) and name != "interval_over"
    }


def _with_interval(value: float, interval: Sequence[float]) -> str:
    low, high = interval
    return f"{value:.3f}" if math.isnan(low) or math.isnan(high) else f"{value:.3f} [{low:.3f}, {high:.3f}]"
