"""Records and embeddings as Parquet, streamed: the memory is that of one row group."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from caseindex.errors import ArchiveError, NotInArchive
from caseindex.index.archive import Archive
from caseindex.index.atomic import storage_error, write_file_atomically
from caseindex.index.overview import model_names
from caseindex.index.store_reader import LmdbReader

_ROWS: Final = 10_000  # of one row group


def export(
    archive: Archive,
    folder: Path,
    *,
    embeddings: bool = False,
    model: str | None = None,
    on_progress: Callable[[int], object] = lambda rows: None,
) -> dict[str, int]:
    """Writes `images.parquet`, `series.parquet`, `studies.parquet`, `reports.parquet`, and with ``embeddings`` one
    `embeddings-MODEL-KIND.parquet` (uid, id, vector as a fixed-size list of float32) per model, or of ``model`` alone
    (a name or the start of a fingerprint). All of one snapshot, each file atomically. Returns file name -> rows.

    Raises :class:`~caseindex.errors.NotInArchive` for a model without embeddings,
    :class:`~caseindex.errors.StorageFull`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        known = storage_error(folder, error)
        raise known or ArchiveError(folder, error.strerror or str(error), "Choose another folder") from error
    written: dict[str, int] = {}
    with archive.store.read() as reader:
        chosen = _spaces(reader, archive, model) if embeddings else []
        tables: list[tuple[str, Any, Iterable[Any]]] = [
            ("images.parquet", _image_schema(), reader.images()),
            ("series.parquet", _series_schema(), reader.all_series()),
            ("studies.parquet", _study_schema(), reader.studies()),
            ("reports.parquet", _report_schema(), reader.reports()),
        ]
        for name, schema, records in tables:
            written[name] = _write(folder / name, schema, _record_batches(schema, records), on_progress)
        for label, space in chosen:
            name = f"embeddings-{label}-{space.kind.value}.parquet"
            schema = _embedding_schema(space.dim, label, space.fingerprint)
            written[name] = _write(folder / name, schema, _vector_batches(reader, space, schema), on_progress)
    return written


def _spaces(reader: LmdbReader, archive: Archive, model: str | None) -> list[tuple[str, Any]]:
    names = reader.model_names() | model_names(archive.models_dir)
    found = [(names.get(space.fingerprint, space.fingerprint[:12]), space) for space in reader.spaces() if space.count]
    found = [("".join(c if c.isalnum() or c in "-_." else "_" for c in label), space) for label, space in found]
    if model is None:
        return found
    chosen = [(label, space) for label, space in found if label == model or space.fingerprint.startswith(model)]
    if not chosen:
        known = ", ".join(sorted({label for label, _ in found})) or "none"
        raise NotInArchive(f"model {model}", f"it has no embeddings here; those that have: {known}", "Run embed first")
    return chosen


def _write(path: Path, schema: Any, batches: Iterator[Any], on_progress: Callable[[int], object]) -> int:
    import pyarrow.parquet as pq

    rows = 0

    def content(file: IO[bytes]) -> None:
        nonlocal rows
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
                rows += batch.num_rows
                on_progress(batch.num_rows)

    write_file_atomically(path, content)
    return rows


def _record_batches(schema: Any, records: Iterable[Any]) -> Iterator[Any]:
    import pyarrow as pa

    rows = iter(records)
    while group := [_row(record) for record in islice(rows, _ROWS)]:
        yield pa.RecordBatch.from_pylist(group, schema=schema)


def _vector_batches(reader: LmdbReader, space: Any, schema: Any) -> Iterator[Any]:
    import pyarrow as pa

    for block in reader.embedding_blocks(space.fingerprint, space.kind, block=_ROWS):
        uids = [reader.item_uid(space.kind, item_id) for item_id in block.ids.tolist()]
        flat = pa.array(np.ascontiguousarray(block.vectors).reshape(-1))
        vectors = pa.FixedSizeListArray.from_arrays(flat, space.dim)
        yield pa.RecordBatch.from_arrays([pa.array(map(_text, uids)), pa.array(block.ids), vectors], schema=schema)


def _row(record: Any) -> dict[str, Any]:
    return {item.name: _plain(getattr(record, item.name)) for item in dataclasses.fields(record)}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _text(str(value))
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "items"):
        return [(_text(name), _text(item)) for name, item in value.items()]
    return value


def _text(value: str | None) -> str | None:
    """Parquet holds UTF-8 only: a file name that is not text is written with escapes."""
    return None if value is None else value.encode("utf-8", "backslashreplace").decode("utf-8")


def _image_schema() -> Any:
    import pyarrow as pa

    texts = pa.list_(pa.string())
    kinds = {
        "frame": pa.int64(),
        "age_years": pa.float64(),
        "labels": texts,
        "rows": pa.int64(),
        "columns": pa.int64(),
        "pixel_spacing_mm": pa.list_(pa.float64()),
        "instance_number": pa.int64(),
        "position_mm": pa.float64(),
        "content_score": pa.float64(),
        "represents_series": pa.bool_(),
        "attributes": pa.map_(pa.string(), pa.string()),
    }
    return _schema("Image", kinds)


def _series_schema() -> Any:
    import pyarrow as pa

    return _schema("Series", {"image_uids": pa.list_(pa.string()), "representative_uids": pa.list_(pa.string())})


def _study_schema() -> Any:
    import pyarrow as pa

    return _schema("Study", {"derived": pa.bool_()})


def _report_schema() -> Any:
    import pyarrow as pa

    return _schema("Report", {"image_uids": pa.list_(pa.string())})


def _schema(record: str, kinds: dict[str, Any]) -> Any:
    """Every field of the record, text where ``kinds`` does not say otherwise."""
    import pyarrow as pa

    from caseindex import records

    fields = dataclasses.fields(getattr(records, record))
    return pa.schema([(item.name, kinds.get(item.name, pa.string())) for item in fields])


def _embedding_schema(dim: int, label: str, fingerprint: str) -> Any:
    import pyarrow as pa

    return pa.schema(
        [("uid", pa.string()), ("id", pa.int64()), ("vector", pa.list_(pa.float32(), dim))],
        metadata={"model": label, "fingerprint": fingerprint, "metric": "cosine"},
    )
