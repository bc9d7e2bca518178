"""Erasing a patient, a study or an image everywhere in the archive, and the proof that it is gone.

One transaction takes the records, ids and embeddings out and notes what is left to do; then thumbnails, lines of
`rejected.jsonl` and derived indexes go; then the store is written again without freed pages and without the note. A
process killed in between leaves the note, and the next opening of the archive finishes the work. At the end every file
of the archive is searched for the identifiers, the report texts and the raw embeddings.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from caseindex.index import decisions
from caseindex.index.archive import Archive
from caseindex.index.atomic import storage_error, sync_folder, write_file_atomically
from caseindex.index.byte_search import WINDOW, ByteSearch
from caseindex.index.store_embeddings import block_of
from caseindex.index.store_reader import LmdbReader
from caseindex.index.store_removal import Affected
from caseindex.records import ItemKind

_TEXT_SUFFIXES: Final = frozenset({".json", ".jsonl", ".csv", ".tsv", ".txt", ".log", ".toml", ".yaml", ".md", ".html"})
_TEXT_WINDOW: Final = 48  # characters of a report that are searched for, at its start, middle and end


class Traces(msgspec.Struct, frozen=True):
    """What an erased item may have left in files. ``words``: identifiers and file names that nothing which stays
    uses; ``texts``: pieces of reports; ``pictures``: digests that name thumbnails."""

    words: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remains:
    """A file that still holds something of what was erased."""

    file: str
    found: int
    fix: str


@dataclass(frozen=True, slots=True)
class Erasure:
    removed: dict[str, int]
    scanned_files: int
    scanned_bytes: int
    remains: list[Remains] = field(default_factory=list)


def erase(
    archive: Archive,
    *,
    patient_id: str | None = None,
    study_uid: str | None = None,
    image_uid: str | None = None,
    on_progress: Callable[[int], object] = lambda scanned_bytes: None,
) -> Erasure:
    """Exactly one of the three identifiers.

    Raises :class:`~caseindex.errors.NotInArchive`, :class:`~caseindex.errors.ArchiveLocked`,
    :class:`~caseindex.errors.StorageFull` (the rewritten store needs as much free space as the store has).
    """
    store = archive.store
    noted: list[Traces] = []
    vectors: set[bytes] = set()

    def note(reader: LmdbReader, gone: Affected) -> bytes:
        noted[:] = [_traces(reader, gone)]
        vectors.clear()
        vectors.update(_raw_vectors(reader, gone))
        return msgspec.msgpack.encode(noted[0])

    with store.writing():
        removed = store.remove_noting(note, patient_id=patient_id, study_uid=study_uid, image_uid=image_uid)
        finish(archive)
        scanned_files, scanned_bytes, remains = _prove(archive, noted[0], vectors, on_progress)
    return Erasure(asdict(removed), scanned_files, scanned_bytes, remains)


def finish(archive: Archive) -> int:
    """Completes removals that a killed process left unfinished; returns how many there were."""
    store = archive.store
    with store.writing():
        notes = store.notes()
        if not notes:
            return 0
        traces = [msgspec.msgpack.decode(note, type=Traces) for note in notes]
        words = {word for trace in traces for word in trace.words}
        pictures = {name for trace in traces for name in trace.pictures}
        try:
            _delete_thumbnails(archive.thumbnails_dir, pictures)
            for lines in (archive.rejected_file, archive.path / decisions.FILE):
                _strike_out(lines, words)
            _delete_derived(archive.indexes_dir)
        except OSError as error:
            raise storage_error(archive.path, error) or error from error
        store.compact(drop_notes=True)
    return len(notes)


def _traces(reader: LmdbReader, gone: Affected) -> Traces:
    words: set[str] = set(gone.patients) | set(gone.studies) | set(gone.series) | set(gone.images) | set(gone.reports)
    words |= {study.accession_number for study in gone.studies.values() if study.accession_number}
    for image in gone.images.values():
        words |= {image.file, image.source, image.file_sha256, image.pixel_sha256}
    for report in gone.reports.values():
        words.add(report.file)
    words.discard("")
    pictures = set()
    for image in gone.images.values():
        digest = hashlib.sha256(image.image_uid.encode("utf-8", "surrogatepass")).hexdigest()
        pictures |= {image.image_uid, digest, image.pixel_sha256, image.file_sha256}
    pictures.discard("")
    texts: set[str] = set()
    for report in gone.reports.values():
        texts |= _pieces(report.text)
    words, texts, pictures = _not_shared(reader, gone, words, texts, pictures)
    return Traces(*(tuple(sorted(map(_storable, found))) for found in (words, texts, pictures)))


def _storable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _pieces(text: str) -> set[str]:
    """The start, the middle and the end of a report: whatever holds the text holds these."""
    text = text.strip()
    last = max(0, len(text) - _TEXT_WINDOW)
    pieces = {text[at : at + _TEXT_WINDOW].strip() for at in (0, last // 2, last)}
    return {piece for piece in pieces if len(piece) >= 16}


def _not_shared(
    reader: LmdbReader, gone: Affected, words: set[str], texts: set[str], pictures: set[str]
) -> tuple[set[str], set[str], set[str]]:
    """Leaves out what a record that stays has too: a source file of several images, a stock phrase of a report."""
    for image in reader.images():
        if image.image_uid not in gone.images:
            shared = {image.file, image.source, image.file_sha256, image.pixel_sha256}
            words -= shared
            pictures -= shared
    kept_studies = {study.study_uid for study in gone.kept_studies}
    words -= kept_studies
    for study in reader.studies():
        if study.study_uid not in gone.studies and study.study_uid not in kept_studies:
            words.discard(study.accession_number or "")
    search = ByteSearch({raw for text in texts if len(raw := text.encode("utf-8", "replace")) >= WINDOW})
    stock: set[bytes] = set()
    for report in reader.reports():
        if report.report_uid not in gone.reports:
            words.discard(report.file)
            stock |= search.within(report.text.encode("utf-8", "replace"))
    return words, {text for text in texts if text.encode("utf-8", "replace") not in stock}, pictures


def _raw_vectors(reader: LmdbReader, gone: Affected) -> set[bytes]:
    """The first 64 bytes of each embedding that goes, unless an equal vector (an identical picture) stays."""
    found: set[bytes] = set()
    for space in reader.spaces():
        uids = gone.images if space.kind is ItemKind.IMAGE else gone.reports
        for uid in uids:
            item_id = reader.item_id(space.kind, uid)
            if item_id is None:
                continue
            block = block_of(reader.transaction, reader.dbs, space, item_id // 64)
            row = None if block is None else block.row(item_id % 64)
            if block is not None and row is not None:
                raw = block.vectors[row].tobytes()[:64]
                if len(raw) >= WINDOW and any(raw):
                    found.add(raw)
    return found


def _delete_thumbnails(folder: Path, names: set[str]) -> None:
    """Files whose name holds the image's UID, its digest or that of its picture."""
    if not folder.is_dir():
        return
    for file in folder.rglob("*"):
        if file.is_file() and (file.stem in names or file.name in names or names & set(re.split(r"[._\-]", file.stem))):
            file.unlink()
            sync_folder(file.parent)


def _delete_derived(folder: Path) -> None:
    """Derived indexes keep removed vectors and words as tombstones; they are built again from the records."""
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    sync_folder(folder)


def _strike_out(rejected: Path, words: set[str]) -> None:
    """Takes the lines that name an erased item out of `rejected.jsonl` or `decisions.jsonl`."""
    if not rejected.is_file() or not words:
        return
    # A short identifier ("7") stands in many lines by chance; it counts where it is a whole value or path segment.
    exact = re.compile(
        "|".join(map(_alone, sorted((word for word in words if len(word) >= 4), reverse=True))) or "(?!)"
    )
    lines = rejected.read_bytes().splitlines(keepends=True)
    kept = []
    for line in lines:
        values = _values(line)
        whole = {piece for value in values for piece in (value, *re.split(r"[\n/\\!]", value))}
        if not words & whole and not any(exact.search(value) for value in values):
            kept.append(line)
    if len(kept) != len(lines):
        write_file_atomically(rejected, b"".join(kept))


def _values(line: bytes) -> list[str]:
    """The texts of a JSON line without its escapes, those in lists too; a broken line as it stands."""
    try:
        document = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [line.decode("utf-8", "backslashreplace")]
    found: list[str] = []
    waiting = [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif one is not None:
            found.append(_storable(str(one)))
    return found


def _alone(word: str) -> str:
    """A pattern for the word where it is not a part of a longer name or number (1.2.3 within 1.2.34 or 1.2.3.4)."""
    return rf"(?<![0-9A-Za-z])(?<![0-9A-Za-z]\.){re.escape(word)}(?![0-9A-Za-z]|\.[0-9])"


def _prove(
    archive: Archive, traces: Traces, vectors: set[bytes], on_progress: Callable[[int], object]
) -> tuple[int, int, list[Remains]]:
    """Searches every file of the archive."""
    patterns = _patterns(traces)
    short = _short_words(traces)
    everything = ByteSearch([*patterns, *vectors])
    records = archive.path / "cases.lmdb"
    files = scanned = 0
    remains: list[Remains] = []
    for file in _files(archive.path):
        on_progress(file.stat().st_size)
        files += 1
        scanned += file.stat().st_size
        found = everything.within_file(file)
        if file.parent == records:
            if found:
                found -= _live(archive, ByteSearch(found))
        else:
            found = {raw for raw in found if raw in vectors or _stands_alone(file, raw)}
            if short is not None and file.suffix in _TEXT_SUFFIXES:
                found |= set(short.findall(file.read_bytes()))
        if found:
            remains.append(Remains(str(file.relative_to(archive.path)), len(found), _fix(archive, file)))
    return files, scanned, remains


def _patterns(traces: Traces) -> set[bytes]:
    """What to search for, as it may be written: UTF-8, and JSON with escapes. Short identifiers would be found by
    chance, so they are searched for as the field of a record, and in text files in quotes."""
    patterns: set[bytes] = set()
    for text in (*traces.words, *traces.texts):
        raw = text.encode("utf-8", "replace")
        if len(raw) >= WINDOW:
            patterns |= _written(text)
        else:
            for name in ("patient_id", "study_uid", "image_uid", "series_uid", "report_uid", "accession_number"):
                patterns.add(msgspec.msgpack.encode({name: text})[1:])
    return patterns


def _written(text: str) -> set[bytes]:
    """As it stands, and as JSON writes it: with other alphabets escaped, and without."""
    quoted = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    return {one.encode("utf-8", "replace") for one in (text, *quoted)}


def _short_words(traces: Traces) -> re.Pattern[bytes] | None:
    """Identifiers too short for the search, in quotes as JSON and CSV write them."""
    words = [text for text in traces.words if len(text.encode("utf-8", "replace")) < WINDOW]
    short = [re.escape(raw) for text in words for raw in sorted(_written(text))]
    return re.compile(rb"[\"'](?:" + b"|".join(short) + rb")[\"']") if short else None


def _live(archive: Archive, search: ByteSearch) -> set[bytes]:
    """Of the patterns, those that live entries hold only as a part of something longer, or that a vector which stays
    equals. (The file was just written from live entries, so what is found in it is in one of them.)"""
    part: set[bytes] = set()
    whole: set[bytes] = set()
    with archive.store.read() as reader:
        for name, database in reader.dbs.items():
            for raw_key, value in reader.transaction.cursor(database):
                for data in (bytes(raw_key), bytes(value)):
                    for raw in search.within(data):
                        alone = name != "embeddings" and _stands_alone_in(data, raw)
                        (whole if alone else part).add(raw)
    return part - whole


def _stands_alone(file: Path, raw: bytes) -> bool:
    return _stands_alone_in(file.read_bytes(), raw)


def _stands_alone_in(data: bytes, raw: bytes) -> bool:
    exact = rb"(?<![0-9A-Za-z])(?<![0-9A-Za-z]\.)" + re.escape(raw) + rb"(?![0-9A-Za-z]|\.[0-9])"
    return re.search(exact, data) is not None


def _files(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        for name in sorted(names):
            file = Path(where) / name
            if file.is_file() and not file.is_symlink():
                yield file


def _fix(archive: Archive, file: Path) -> str:
    place = file.relative_to(archive.path).parts[0]
    if place == "runs":
        return f"Delete the training run {'/'.join(file.relative_to(archive.path).parts[:2])}"
    if place == "models":
        return f"Delete the model {'/'.join(file.relative_to(archive.path).parts[:2])} and train it again"
    if place == "cases.lmdb":
        return "A record that stays names it (for instance a report of another patient): remove or correct that one"
    return "Delete this file; caseindex did not make it"
