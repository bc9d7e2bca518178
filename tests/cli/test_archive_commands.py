"""init, info, check, export, remove: as a user runs them, on an archive with three languages and odd names."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caseindex.cli.main import main
from caseindex.index.archive import Archive
from caseindex.index.store_format import IMAGES, key
from caseindex.ingest.thumbnails import read_thumbnail, thumbnail_path, write_new
from caseindex.records import Image, ItemKind, Language, Report, Series, Study
from caseindex.settings import Settings, load_settings
from tests.contracts.record_store import unit_vectors

FINGERPRINT = "ab" * 32
TEXT = "КТ головного мозга от 01.02. Очаг ишемии в бассейне левой СМА, пациент {}. Заключение: ОНМК."


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made, new = Archive.create(tmp_path / "archive")
    assert new
    source = tmp_path / "source.png"
    source.write_bytes(b"png")
    numbers = range(8)  # two images of a study, two studies of a patient; ids that are parts of others: 1.2.1, 1.2.10
    made.store.put(
        images=[
            Image(
                image_uid=f"1.2.{n * 5}",
                study_uid=f"2.{n // 2}",
                series_uid=f"3.{n // 2}",
                patient_id=f"PAT{n // 4}",
                file=f"pat{n // 4}/{n}.png",
                source=str(source),
                modality="CT",
                pixel_sha256=hashlib.sha256(b"%d" % n).hexdigest(),
            )
            for n in numbers
        ],
        series=[
            Series(series_uid=f"3.{n}", study_uid=f"2.{n}", image_uids=(f"1.2.{n * 10}", f"1.2.{n * 10 + 5}"))
            for n in range(4)
        ],
        studies=[
            Study(study_uid=f"2.{n}", patient_id=f"PAT{n // 2}", accession_number=f"ACCESSION-{n}") for n in range(4)
        ],
        reports=[
            Report(
                report_uid=f"r.{n}",
                study_uid=f"2.{n}",
                patient_id=f"PAT{n // 2}",
                text=TEXT.format(n),
                file="reports.csv",
                language=Language.RUSSIAN,
            )
            for n in range(4)
        ],
    )
    made.store.put_embeddings(FINGERPRINT, ItemKind.IMAGE, [f"1.2.{n * 5}" for n in numbers], unit_vectors(8, 32, 0))
    made.store.put_embeddings(FINGERPRINT, ItemKind.REPORT, [f"r.{n}" for n in range(4)], unit_vectors(4, 32, 1))
    return made


def run(capsys: Any, *arguments: object) -> tuple[int, Any, str]:
    """(status, JSON of stdout, stderr)."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    printed = capsys.readouterr()
    status = ended.value.code or 0
    return int(status), json.loads(printed.out) if printed.out else None, printed.err


def test_init_makes_an_archive_once_and_refuses_a_folder_in_use(tmp_path: Path, capsys: Any) -> None:
    status, document, _ = run(capsys, "init", tmp_path / "new" / "archive")
    assert (status, document["made"]) == (0, True)
    settings = tmp_path / "new" / "archive" / "archive.toml"
    assert load_settings(settings) == Settings()
    assert settings.read_text("utf-8").count("#") > 10
    before = settings.stat().st_mtime_ns
    status, document, errors = run(capsys, "init", tmp_path / "new" / "archive")
    assert (status, document["made"]) == (0, False)
    assert "already" in errors
    assert settings.stat().st_mtime_ns == before
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.txt").write_text("mine")
    status, document, errors = run(capsys, "init", tmp_path / "used")
    assert (status, document) == (1, None)
    assert "thesis.txt" in errors
    assert [entry.name for entry in (tmp_path / "used").iterdir()] == ["thesis.txt"]
    (tmp_path / "file").write_text("")
    assert run(capsys, "init", tmp_path / "file")[0] == 1


def test_info_counts(archive: Archive, capsys: Any) -> None:
    (archive.models_dir / "mine").mkdir(parents=True)
    (archive.models_dir / "mine" / "config.json").write_text(json.dumps({"fingerprint": FINGERPRINT}))
    status, found, _ = run(capsys, "info", "--archive", archive.path)
    assert status == 0
    counts = {name: found[name] for name in ("patients", "studies", "series", "images", "reports")}
    assert counts == {"patients": 2, "studies": 4, "series": 4, "images": 8, "reports": 4}
    assert found["embeddings"] == {"mine": 12}
    assert found["modalities"] == {"CT": 8}
    assert found["languages"] == {"ru": 4}
    assert found["bytes"] > 10_000


def test_check_is_content_with_a_whole_archive(archive: Archive, capsys: Any) -> None:
    assert run(capsys, "check", "--archive", archive.path)[:2] == (0, {"ok": True, "problems": []})


def _flip(archive: Archive, database: str, raw_key: bytes, at: int) -> None:
    def change(transaction: Any, dbs: dict[str, Any]) -> None:
        value = bytearray(transaction.get(raw_key, db=dbs[database]))
        value[at] ^= 1
        transaction.put(raw_key, bytes(value), db=dbs[database])

    archive.store.change(change)


def _damage(archive: Archive, how: str) -> None:
    store = archive.store
    first_embeddings = (1).to_bytes(4, "big") + (0).to_bytes(8, "big")
    if how == "record_damaged":
        _flip(archive, "images", key("1.2.5"), 40)
    elif how == "embedding_damaged":
        _flip(archive, "embeddings", first_embeddings, -1)
    elif how == "embedding_not_unit":
        store.put_embeddings(FINGERPRINT, ItemKind.IMAGE, ["1.2.5"], 3 * unit_vectors(1, 32, 9))
    elif how == "key_wrong":
        store.change(lambda transaction, dbs: transaction.delete(key("PAT0"), db=dbs["images_by_patient"]))
    elif how == "id_wrong":
        store.change(lambda transaction, dbs: transaction.delete((2).to_bytes(8, "big"), db=dbs["image_ids"]))
    elif how == "reference_missing":
        raw_key = key("2.1")
        packed = bytes(store.change(lambda transaction, dbs: bytes(transaction.pop(raw_key, db=dbs["studies"]))))
        assert packed
        store.change(
            lambda transaction, dbs: [
                transaction.delete(key(name), raw_key, db=dbs[database])
                for database, name in (("studies_by_patient", "PAT0"), ("studies_by_accession", "ACCESSION-1"))
            ]
        )
    elif how == "embedding_of_nothing":

        def change(transaction: Any, dbs: dict[str, Any]) -> None:
            image, _ = IMAGES.unpack(key("1.2.5"), transaction.get(key("1.2.5"), db=dbs["images"]))
            transaction.delete(key("1.2.5"), db=dbs["images"])
            transaction.delete((2).to_bytes(8, "big"), db=dbs["image_ids"])
            for database, value in IMAGES.secondary_keys(image).items():
                transaction.delete(value, key("1.2.5"), db=dbs[database])

        store.change(change)
    elif how == "model_unreadable":
        (archive.models_dir / "half").mkdir(parents=True)
        (archive.models_dir / "half" / "config.json").write_text("{")
    elif how == "thumbnail_damaged":
        path = thumbnail_path(archive.thumbnails_dir, "1.2.5")
        path.parent.mkdir(parents=True)
        write_new(path, np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8), "a")
        assert read_thumbnail(path) is not None
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        path.write_bytes(bytes(data))
        assert read_thumbnail(path) is None
    elif how == "index_damaged":
        (archive.indexes_dir / "flat").mkdir(parents=True)
        (archive.indexes_dir / "flat" / "manifest.json").write_text('{"manifest": {}, "sha256": "0"}')


@pytest.mark.parametrize(
    ("how", "mends"),
    [
        ("record_damaged", False),
        ("embedding_damaged", True),
        ("embedding_not_unit", True),
        ("embedding_of_nothing", False),  # the embedding goes; that its series names the lost image stays a problem
        ("key_wrong", True),
        ("id_wrong", True),
        ("reference_missing", False),
        ("model_unreadable", False),
        ("index_damaged", True),
        ("thumbnail_damaged", True),
    ],
)
def test_check_finds_each_damage_and_repair_mends_what_can_be(
    archive: Archive, capsys: Any, how: str, mends: bool
) -> None:
    _damage(archive, how)
    status, document, _ = run(capsys, "check", "--archive", archive.path)
    assert (status, document["ok"]) == (1, False)
    assert how in {problem["kind"] for problem in document["problems"]}
    assert all(problem["item"] and problem["fix"] for problem in document["problems"])
    status, document, _ = run(capsys, "check", "--archive", archive.path, "--repair")
    assert (status == 0) == mends, document
    assert how in ("reference_missing", "model_unreadable") or how not in {one["kind"] for one in document["problems"]}
    with archive.store.read() as reader:
        assert reader.image("1.2.10") is not None  # what is whole stays


def test_missing_sources_are_warnings(archive: Archive, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "source.png").unlink()
    (archive.path / ".rejected.jsonl.999999999.tmp").write_text("half")
    status, document, _ = run(capsys, "check", "--archive", archive.path, "--sources")
    assert (status, document["ok"]) == (0, True)
    assert [one["kind"] for one in document["problems"]] == ["source_missing"] * 8 + ["leftover_file"]
    run(capsys, "check", "--archive", archive.path, "--repair")
    assert not (archive.path / ".rejected.jsonl.999999999.tmp").exists()


def test_export_gives_back_what_is_in(archive: Archive, tmp_path: Path, capsys: Any) -> None:
    import pyarrow.parquet as pq

    archive.store.put(images=[Image(image_uid="bad", study_uid="2.0", file="\udcff.png", source="/x")])
    status, document, _ = run(capsys, "export", tmp_path / "out", "--embeddings", "--archive", archive.path)
    assert status == 0
    assert document["files"]["images.parquet"] == 9
    table = pq.read_table(tmp_path / "out" / "images.parquet").to_pylist()
    assert [row["image_uid"] for row in table] == sorted(["bad", *(f"1.2.{n * 5}" for n in range(8))])
    assert pq.read_table(tmp_path / "out" / "reports.parquet").to_pylist()[2]["text"] == TEXT.format(2)
    vectors = pq.read_table(tmp_path / "out" / f"embeddings-{FINGERPRINT[:12]}-image.parquet")
    assert vectors.column("uid").to_pylist() == [f"1.2.{n * 5}" for n in range(8)]
    assert np.array_equal(np.array(vectors.column("vector").to_pylist(), np.float32), unit_vectors(8, 32, 0))
    assert run(capsys, "export", tmp_path / "o", "--embeddings", "--model", "x", "--archive", archive.path)[0] == 1
    assert run(capsys, "export", archive.path / "o", "--archive", archive.path)[0] == 2
    assert run(capsys, "export", tmp_path / "o", "--model", "x", "--archive", archive.path)[0] == 2


def _strew(archive: Archive) -> None:
    """Traces of patient PAT1 (images 1.2.20 to 1.2.35) and of PAT0 in derived files."""
    (archive.indexes_dir / "flat").mkdir(parents=True)
    (archive.indexes_dir / "flat" / "vectors.bin").write_bytes(unit_vectors(8, 32, 0).tobytes())
    archive.thumbnails_dir.mkdir()
    for n in range(8):
        (archive.thumbnails_dir / f"{hashlib.sha256(b'%d' % n).hexdigest()}.jpg").write_bytes(b"jpg")
    archive.rejected_file.write_text(
        '{"file": "pat1/4.png", "reason": "uid_conflict", "detail": "1.2.20"}\n'
        '{"file": "pat0/1.png", "reason": "uid_conflict", "detail": "1.2.200"}\n'
        '{"file": "x.png", "reason": "bad_row", "detail": "PAT1, \\u043f\\u0430\\u0446\\u0438\\u0435\\u043d\\u0442"}\n'
    )


def test_remove_erases_everywhere_and_proves_it(archive: Archive, capsys: Any) -> None:
    _strew(archive)
    status, document, _ = run(capsys, "remove", "--patient", "PAT1", "--yes", "--archive", archive.path)
    assert status == 0
    assert document["removed"] == {"patients": 1, "studies": 2, "images": 4, "reports": 2, "embeddings": 6}
    assert document["remains"] == []
    assert document["scanned_files"] >= 5
    assert document["scanned_bytes"] > 10_000
    everything = b"".join(file.read_bytes() for file in archive.path.rglob("*") if file.is_file())
    for trace in (b"PAT1", b"1.2.25", b"ACCESSION-2", TEXT.format(3).encode(), unit_vectors(8, 32, 0)[5].tobytes()):
        assert trace not in everything
    for kept in (
        b"PAT0",
        b"1.2.10",
        b"ACCESSION-1",
        TEXT.format(1).encode(),
        unit_vectors(8, 32, 0)[1].tobytes(),
        b"1.2.200",
    ):
        assert kept in everything
    assert len(list(archive.thumbnails_dir.iterdir())) == 4
    assert len(archive.rejected_file.read_text().splitlines()) == 1
    assert run(capsys, "check", "--archive", archive.path)[0] == 0
    status, _, errors = run(capsys, "remove", "--patient", "PAT1", "--yes", "--archive", archive.path)
    assert status == 1
    assert "no such patient" in errors


def test_removing_an_image_or_a_study_keeps_the_rest(archive: Archive, capsys: Any) -> None:
    status, document, _ = run(capsys, "remove", "--image", "1.2.0", "--yes", "--archive", archive.path)
    assert (status, document["removed"]["images"], document["removed"]["patients"]) == (0, 1, 0)
    with archive.store.read() as reader:
        series = reader.series("3.0")
        assert series is not None
        assert series.image_uids == ("1.2.5",)
        assert reader.embedding(FINGERPRINT, ItemKind.IMAGE, "1.2.5") is not None
    status, document, _ = run(capsys, "remove", "--study", "2.0", "--yes", "--archive", archive.path)
    assert (status, document["removed"]["studies"], document["removed"]["reports"]) == (0, 1, 1)
    assert run(capsys, "check", "--archive", archive.path)[0] == 0


def test_what_remains_is_named_with_what_to_do(archive: Archive, capsys: Any) -> None:
    (archive.runs_dir / "run1").mkdir(parents=True)
    (archive.runs_dir / "run1" / "split.json").write_text('{"train": ["1.2.20", "1.2.0"]}')
    (archive.runs_dir / "run2").mkdir()
    (archive.runs_dir / "run2" / "split.json").write_text('{"train": ["1.2.200", "1.2.20.1", "21.2.20"]}')
    (archive.models_dir / "m").mkdir(parents=True)
    (archive.models_dir / "m" / "cache.bin").write_bytes(b"x" * 5 + unit_vectors(8, 32, 0)[4].tobytes())
    archive.store.put(reports=[Report(report_uid="r.x", study_uid="2.0", text="сравнить с ACCESSION-2222", file="x")])
    status, document, errors = run(capsys, "remove", "--patient", "PAT1", "--yes", "--archive", archive.path)
    assert status == 1
    assert [one["file"] for one in document["remains"]] == ["models/m/cache.bin", "runs/run1/split.json"]
    assert "Delete the training run runs/run1" in errors


def test_a_kept_report_that_names_the_erased_is_told(archive: Archive, capsys: Any) -> None:
    text = "Сравнение с исследованием ACCESSION-2, без динамики."
    archive.store.put(reports=[Report(report_uid="r.x", study_uid="2.0", text=text, file="x")])
    status, document, _ = run(capsys, "remove", "--patient", "PAT1", "--yes", "--archive", archive.path)
    assert (status, [one["file"] for one in document["remains"]]) == (1, ["cases.lmdb/data.mdb"])


def test_remove_asks_for_one_target_and_for_consent(archive: Archive, capsys: Any) -> None:
    assert run(capsys, "remove", "--archive", archive.path)[0] == 2
    assert run(capsys, "remove", "--patient", "PAT1", "--study", "2.0", "--archive", archive.path)[0] == 2
    assert run(capsys, "remove", "--patient", "PAT1", "--archive", archive.path)[0] == 2  # nobody to ask
    with archive.store.read() as reader:
        assert reader.counts().patients == 2


@pytest.mark.parametrize("after", ["records", "thumbnails", "rejected"])
def test_a_removal_killed_halfway_is_finished_when_the_archive_is_opened(
    archive: Archive, capsys: Any, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    from caseindex.index import erasure

    _strew(archive)
    step = {"records": "_delete_thumbnails", "thumbnails": "_strike_out", "rejected": "_delete_derived"}[after]

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(erasure, step, killed)
        with pytest.raises(KeyboardInterrupt):
            erasure.erase(archive, patient_id="PAT1")
    archive.store.close()
    with Archive.open(archive.path).store.read() as reader:
        assert list(reader.patients()) == ["PAT0"]
    everything = b"".join(file.read_bytes() for file in archive.path.rglob("*") if file.is_file())
    assert b"PAT1" not in everything
    assert unit_vectors(8, 32, 0)[5].tobytes() not in everything
    assert len(list(archive.thumbnails_dir.iterdir())) == 4
