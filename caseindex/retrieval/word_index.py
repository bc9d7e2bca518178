"""The derived index of words: which report holds which term and which concept, memory-mapped, in `indexes/terms/`.

``manifest.json`` names the folder in use, the generation of the truth that it was built from, the analyser's fingerprint
(code version and lexicon) and a checksum of each file. A new one is written beside it and comes into use by one rename
of the manifest, so that a reader sees the old or the new. What does not fit its manifest is built again.

A refresh reads the reports' texts but analyses only those that are new or changed (by a hash of the text).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from caseindex.errors import StorageFull
from caseindex.index.archive import Archive
from caseindex.index.atomic import write_file_atomically
from caseindex.records import Float32Array, Int64Array, ItemKind, Language
from caseindex.retrieval.analysis import ANALYSER_VERSION, Analysis, analyse
from caseindex.retrieval.bm25 import save_bm25

FORMAT = 1
FOLDER = "terms"
_PARALLEL_FROM = 300  # new reports; below, starting processes costs more than it saves
_CHUNK = 64
_CHECK_UP_TO = 256 * 2**20  # bytes whose checksums are verified at each opening; larger ones by `check`

OnProgress = Callable[[int, int], None]
Int32Array = npt.NDArray[np.int32]

#: name -> dtype; all of them memory-mapped.
_ARRAYS: dict[str, str] = {
    "document_ids": "int64",
    "text_hashes": "uint64",
    "term_starts": "int64",  # by document: its slice of term_numbers
    "term_numbers": "int32",
    "term_weights": "uint8",
    "concept_starts": "int64",  # by concept: its slice of the following
    "concept_documents": "int32",
    "concept_present": "float32",
    "concept_absent": "float32",
    "concept_sides": "uint8",
    "concept_sentences": "int64",
}
_BM25 = "bm25"


@dataclass(frozen=True, slots=True)
class Postings:
    """Where one concept stands. ``documents``: [n] int32 positions in the index; ``present`` and ``absent``: [n] float32
    in [0, 1], how much of the report asserts and denies it; ``sides``: [n] bits 1 left, 2 right; ``sentences``: [n] bit i where
    sentence i (modulo 63) asserts it."""

    documents: Int32Array
    present: Float32Array
    absent: Float32Array
    sides: npt.NDArray[np.uint8]
    sentences: Int64Array


@dataclass(frozen=True)
class WordIndex:
    """An opened index. Documents are positions 0..n-1; ``arrays["document_ids"]`` gives the archive's report ids."""

    folder: Path
    arrays: dict[str, npt.NDArray[Any]]
    vocabulary: dict[str, int]
    concepts: dict[str, int]

    def __len__(self) -> int:
        return int(self.arrays["document_ids"].size)

    @property
    def document_ids(self) -> Int64Array:
        return self.arrays["document_ids"]

    @property
    def bm25_folder(self) -> Path:
        return self.folder / _BM25

    @cached_property
    def concept_counts(self) -> npt.NDArray[np.int64]:
        return np.diff(self.arrays["concept_starts"])

    def postings(self, concept: str) -> Postings | None:
        """The postings of exactly this concept; ``None`` where no report mentions it."""
        number = self.concepts.get(concept)
        if number is None:
            return None
        start, end = self.arrays["concept_starts"][number : number + 2]
        return Postings(
            np.asarray(self.arrays["concept_documents"][start:end]),
            np.asarray(self.arrays["concept_present"][start:end]),
            np.asarray(self.arrays["concept_absent"][start:end]),
            np.asarray(self.arrays["concept_sides"][start:end]),
            np.asarray(self.arrays["concept_sentences"][start:end]),
        )

    def positions(self, report_ids: Int64Array) -> npt.NDArray[np.bool_]:
        """Mask over the documents of those that are among ``report_ids``."""
        return np.isin(self.document_ids, report_ids)


def open_word_index(archive: Archive, on_progress: OnProgress | None = None) -> WordIndex:
    """The index of the archive's reports as they are now: opened, refreshed where reports came, changed or went, or
    built again where it is missing, damaged or of another version. ``on_progress(done now, total)`` counts reports analysed.

    On storage that cannot be written the index is built in a temporary folder that goes with the process.
    """
    with archive.store.read() as reader:
        generation = reader.generation()
    root = archive.indexes_dir / FOLDER
    for _ in range(2):  # a reader may meet the moment between two versions
        manifest = _read_manifest(root)
        if manifest is None:
            break
        try:
            index = _open(root / manifest["folder"], manifest)
        except (OSError, ValueError, KeyError):
            continue
        if manifest["generation"] == generation:
            return index
        return _refresh(archive, root, index, on_progress)
    return _refresh(archive, root, None, on_progress)


def damaged_files(root: Path) -> list[str]:
    """The files of the index folder ``root`` that do not fit the manifest, for `caseindex check`. One that another
    version of caseindex or of the lexicon built is whole; it is built again at the next search."""
    manifest = _whole_manifest(root)
    if manifest is None:
        return ["manifest.json"] if (root / "manifest.json").exists() else []
    folder = root / manifest["folder"]
    return sorted(name for name, checksum in manifest["checksums"].items() if _checksum(folder / name) != checksum)


def analyser_fingerprint() -> str:
    """Changes with the analysis code's version and with the lexicon."""
    from caseindex.reports import table

    digest = hashlib.sha256(table.LEXICON_FILE.read_bytes())
    digest.update(f"{FORMAT}:{ANALYSER_VERSION}".encode())
    return digest.hexdigest()[:16]


def _read_manifest(root: Path) -> dict[str, Any] | None:
    """The manifest of an index that this version of caseindex and of the lexicon built."""
    manifest = _whole_manifest(root)
    if manifest is None or manifest["format"] != FORMAT or manifest["analyser"] != analyser_fingerprint():
        return None
    return manifest


def _whole_manifest(root: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((root / "manifest.json").read_bytes())
        wanted = {"format": int, "analyser": str, "generation": int, "folder": str, "checksums": dict, "bytes": int}
        if not all(isinstance(manifest.get(name), kind) for name, kind in wanted.items()):
            return None
    except (OSError, ValueError, AttributeError):
        return None
    plain_name = Path(manifest["folder"]).name == manifest["folder"]
    return manifest if plain_name else None


def _checksum(path: Path) -> int | None:
    try:
        with path.open("rb") as file:
            value = 0
            while piece := file.read(1 << 20):
                value = crc32(piece, value)
            return value
    except OSError:
        return None


def _open(folder: Path, manifest: dict[str, Any]) -> WordIndex:
    sizes = sum((folder / name).stat().st_size for name in manifest["checksums"])
    if sizes != manifest["bytes"]:
        raise ValueError(f"{folder}: its files have {sizes} bytes instead of {manifest['bytes']}")
    if sizes <= _CHECK_UP_TO:
        for name, checksum in manifest["checksums"].items():
            if _checksum(folder / name) != checksum:
                raise ValueError(f"{folder / name}: the checksum does not fit")
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in _ARRAYS}
    import msgspec

    names = msgspec.json.decode((folder / "names.json").read_bytes(), type=dict[str, list[str]])
    vocabulary = {name: number for number, name in enumerate(names["terms"])}
    return WordIndex(folder, arrays, vocabulary, {name: number for number, name in enumerate(names["concepts"])})


def _refresh(archive: Archive, root: Path, old: WordIndex | None, on_progress: OnProgress | None) -> WordIndex:
    known: dict[tuple[int, int], int] = {}
    if old is not None:
        pairs = zip(old.document_ids.tolist(), old.arrays["text_hashes"].tolist(), strict=True)
        known = {pair: position for position, pair in enumerate(pairs)}
    ids: list[int] = []
    hashes: list[int] = []
    kept: list[int] = []  # position in the old index, or -1
    new: list[tuple[str, Language | None]] = []
    with archive.store.read() as reader:
        generation = reader.generation()
        for report_id, uid in reader.items(ItemKind.REPORT):
            report = reader.report(uid)
            if report is None:
                continue
            digest = hashlib.blake2b(f"{report.language}\0{report.text}".encode("utf-8", "replace"), digest_size=8)
            text_hash = int.from_bytes(digest.digest(), "little")
            position = known.get((report_id, text_hash), -1)
            ids.append(report_id)
            hashes.append(text_hash)
            kept.append(position)
            if position < 0:
                new.append((report.text, report.language))
    if old is not None and kept == list(range(len(old))):  # something else of the archive changed
        _note_generation(root, old.folder.name, generation)
        return old
    analyses = _analyse_all(new, on_progress)
    content = _assemble(old, ids, hashes, kept, analyses)
    return _write(root, generation, content)


def _note_generation(root: Path, folder: str, generation: int) -> None:
    """The index is that of this generation too. Where it cannot be written down, the next search finds out again."""
    manifest = _read_manifest(root)
    if manifest is not None and manifest["folder"] == folder:
        with suppress(OSError, StorageFull):
            write_file_atomically(
                root / "manifest.json", json.dumps({**manifest, "generation": generation}, indent=1).encode()
            )


def _analyse_all(texts: Sequence[tuple[str, Language | None]], on_progress: OnProgress | None) -> Iterator[Analysis]:
    total = len(texts)
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    chunks = [texts[start : start + _CHUNK] for start in range(0, total, _CHUNK)]
    if total < _PARALLEL_FROM or workers < 2:
        for chunk in chunks:
            analyses = _analyse_chunk(chunk)
            if on_progress:
                on_progress(len(chunk), total)
            yield from analyses
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for analyses in pool.map(_analyse_chunk, chunks):
            if on_progress:
                on_progress(len(analyses), total)
            yield from analyses


def _analyse_chunk(texts: Sequence[tuple[str, Language | None]]) -> list[Analysis]:
    return [analyse(text, language) for text, language in texts]


def _assemble(
    old: WordIndex | None, ids: list[int], hashes: list[int], kept: list[int], analyses: Iterator[Analysis]
) -> dict[str, Any]:
    """All arrays of the new index; what the old one knows is copied, terms and concepts that nothing holds go."""
    vocabulary: dict[str, int] = {}
    concepts: dict[str, int] = {}
    old_terms = list(old.vocabulary) if old else []
    old_concept_rows = _rows_by_document(old)
    starts = [0]
    numbers: list[int] = []
    weights: list[int] = []
    rows: list[tuple[int, int, float, float, int, int]] = []  # concept, document, then as in ConceptRow
    for position, source in enumerate(kept):
        if source >= 0 and old is not None:
            start, end = old.arrays["term_starts"][source : source + 2]
            here = old.arrays["term_numbers"][start:end].tolist()
            numbers += [vocabulary.setdefault(old_terms[number], len(vocabulary)) for number in here]
            weights += old.arrays["term_weights"][start:end].tolist()
            for name, present, absent, sides, sentences in old_concept_rows.get(source, ()):
                number = concepts.setdefault(name, len(concepts))
                rows.append((number, position, present, absent, sides, sentences))
        else:
            analysis = next(analyses)
            numbers += [vocabulary.setdefault(norm, len(vocabulary)) for norm, _ in analysis.terms]
            weights += [weight for _, weight in analysis.terms]
            for row in analysis.concepts:
                number = concepts.setdefault(row.concept, len(concepts))
                rows.append((number, position, row.present, row.absent, row.sides, row.sentences))
        starts.append(len(numbers))
    for _ in analyses:  # lets the generator end its worker processes
        raise RuntimeError("more analyses than new reports")
    rows.sort()
    columns = list(zip(*rows, strict=True)) or [()] * 6
    counts = np.bincount(np.array(columns[0], dtype=np.int64), minlength=len(concepts))
    values: dict[str, Any] = {
        "document_ids": ids,
        "text_hashes": np.array(hashes, dtype=np.uint64),
        "term_starts": starts,
        "term_numbers": numbers,
        "term_weights": weights,
        "concept_starts": np.concatenate([[0], np.cumsum(counts)]),
        "concept_documents": columns[1],
        "concept_present": columns[2],
        "concept_absent": columns[3],
        "concept_sides": columns[4],
        "concept_sentences": columns[5],
    }
    arrays = {name: np.asarray(values[name]).astype(kind) for name, kind in _ARRAYS.items()}
    return {"arrays": arrays, "terms": list(vocabulary), "concepts": list(concepts)}


def _rows_by_document(old: WordIndex | None) -> dict[int, list[tuple[str, float, float, int, int]]]:
    by_document: dict[int, list[tuple[str, float, float, int, int]]] = {}
    for name in old.concepts if old else ():
        found = old.postings(name) if old else None
        if found is None:
            continue
        columns = (found.present, found.absent, found.sides, found.sentences)
        rows = zip(found.documents.tolist(), *(column.tolist() for column in columns), strict=True)
        for document, present, absent, sides, sentences in rows:
            by_document.setdefault(document, []).append((name, present, absent, sides, sentences))
    return by_document


def _write(root: Path, generation: int, content: dict[str, Any]) -> WordIndex:
    try:
        root.mkdir(parents=True, exist_ok=True)
        return _write_to(root, generation, content)
    except (OSError, StorageFull):
        import atexit
        import tempfile

        temporary = Path(tempfile.mkdtemp(prefix="caseindex-terms-"))
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        return _write_to(temporary, generation, content)


def _write_to(root: Path, generation: int, content: dict[str, Any]) -> WordIndex:
    name = f"g{generation}-{os.getpid()}-{os.urandom(4).hex()}"
    folder = root / name
    folder.mkdir()
    try:
        for array_name, array in content["arrays"].items():
            np.save(folder / f"{array_name}.npy", array, allow_pickle=False)
        names = {"terms": content["terms"], "concepts": content["concepts"]}
        (folder / "names.json").write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")
        save_bm25(folder / _BM25, content["arrays"], content["terms"])
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        checksums = {str(path.relative_to(folder)): _checksum(path) for path in files}
        manifest = {
            "format": FORMAT,
            "analyser": analyser_fingerprint(),
            "generation": generation,
            "folder": name,
            "documents": len(content["arrays"]["document_ids"]),
            "bytes": sum(path.stat().st_size for path in files),
            "checksums": checksums,
        }
        write_file_atomically(root / "manifest.json", json.dumps(manifest, indent=1).encode())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    for other in root.iterdir():
        if other.is_dir() and other.name != name:
            shutil.rmtree(other, ignore_errors=True)
    return _open(folder, manifest)
