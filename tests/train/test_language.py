"""`train language` on a small archive of written reports in three languages."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from caseindex.encoders.concept_text import ConceptTextEncoder
from caseindex.encoders.model import load_model, load_text_encoder
from caseindex.errors import SettingsError, TrainingError
from caseindex.index.archive import Archive
from caseindex.records import ItemKind, Report, Study
from caseindex.train.language import LanguageResult, train_language
from caseindex.train.language_settings import LanguageSettings
from tests.contracts import text_encoder

SMALL = {
    "dim": 32,
    "width": 32,
    "layers": 1,
    "hidden": 48,
    "vocabulary": 900,
    "max_tokens": 160,
    "batch": 16,
    "epochs": 3,
    "validation": 0.2,
    "test": 0.2,
}
FINDINGS = [
    ("Ischemic stroke in the left frontal lobe.", "Ишемический инсульт в левой лобной доле.", "左侧额叶缺血性脑卒中。"),
    ("Subdural hematoma on the right.", "Субдуральная гематома справа.", "右侧硬膜下血肿。"),
    ("Hydrocephalus.", "Гидроцефалия.", "脑积水。"),
    ("Arachnoid cyst on the left.", "Арахноидальная киста слева.", "左侧蛛网膜囊肿。"),
]
AROUND = [("No fracture.", "Midline is central."), ("Переломов нет.", "Смещения нет."), ("未见骨折。", "中线居中。")]
HEADS = [("FINDINGS", "IMPRESSION"), ("ОПИСАНИЕ", "ЗАКЛЮЧЕНИЕ"), ("检查所见", "诊断意见")]


def report(number: int) -> str:
    language = (0, 1, 1, 2)[number // 4 % 4]
    text = FINDINGS[number % 4][(0, 1, 2)[language]]
    first, last = HEADS[language]
    return f"{first}: {text} {AROUND[language][number % 2]}\n{last}: {text} {AROUND[language][1 - number % 2]}"


def make_archive(folder: Path, patients: int = 60) -> Archive:
    folder.mkdir()
    (folder / "archive.toml").write_text("")
    archive = Archive.open(folder)
    studies = [Study(study_uid=f"s{number:03d}", patient_id=f"p{number}") for number in range(patients)]
    reports = [
        Report(report_uid=f"r{number}", study_uid=f"s{number:03d}", text=report(number), file="t")
        for number in range(patients)
    ]
    reports.append(Report(report_uid="long", study_uid="s000", text=report(0) + " " + "Old lacune. " * 90, file="t"))
    archive.store.put(studies=studies, reports=reports)
    return archive


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, LanguageResult]]:
    archive = make_archive(tmp_path_factory.mktemp("language") / "archive")
    yield archive, train_language(archive, LanguageSettings(**SMALL), tensorboard=False)
    archive.store.close()


def test_the_encoder_is_saved_and_every_report_embedded(trained: tuple[Archive, LanguageResult]) -> None:
    archive, result = trained
    model = load_model(archive.models_dir, "language")
    assert model.image is None
    assert model.text is not None
    text_encoder.check(model.text)
    with archive.store.read() as reader:
        assert reader.counts().embeddings == {result.fingerprint: 61}
        stored = reader.embedding(result.fingerprint, ItemKind.REPORT, "r7")
    np.testing.assert_allclose(model.text.encode([report(7)])[0], stored, atol=1e-5)
    assert result.long_reports == 1
    assert "read in pieces" in (archive.models_dir / "language" / "MODEL_CARD.md").read_text()


def test_languages_meet(trained: tuple[Archive, LanguageResult]) -> None:
    archive, result = trained
    encoder = load_text_encoder(archive.models_dir, "language")
    assert encoder is not None
    english, russian, chinese = (encoder.encode([line[column] for line in FINDINGS]) for column in range(3))
    for other in (russian, chinese):
        assert (np.argmax(english @ other.T, axis=1) == np.arange(4)).all()
    assert set(result.test) == {"other_part", "told_ru", "told_en", "told_zh"}
    for language in ("ru", "en", "zh"):
        asked = result.test[f"told_{language}"]
        assert asked.recall["recall@5"].value > asked.chance["recall@5"]


def test_a_long_report_is_read_to_its_end(trained: tuple[Archive, LanguageResult]) -> None:
    encoder = load_text_encoder(trained[0].models_dir, "language")
    assert isinstance(encoder, ConceptTextEncoder)
    filler = "The brain is seen without any change of note. " * 30
    with_end, without = (encoder.encode([filler + end])[0] for end in ("Hydrocephalus.", ""))
    asked = encoder.encode(["hydrocephalus"])[0]
    assert with_end @ asked > without @ asked + 0.01


def test_interrupted_and_resumed_gives_the_same_model(
    trained: tuple[Archive, LanguageResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from caseindex.train.language_task import LanguageTask

    archive = make_archive(tmp_path / "archive")
    plain, steps = LanguageTask.loss, []

    def stopping(self: LanguageTask, batch: object, epoch: int, number: int) -> object:
        steps.append(number)
        if len(steps) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(self, batch, epoch, number)

    monkeypatch.setattr(LanguageTask, "loss", stopping)
    with pytest.raises(KeyboardInterrupt):
        train_language(archive, LanguageSettings(**SMALL), tensorboard=False)
    result = train_language(archive, LanguageSettings(**SMALL), tensorboard=False)
    assert result.resumed
    assert result.fingerprint == trained[1].fingerprint  # of all weights, bit by bit
    archive.store.close()


def test_an_archive_without_reports(tmp_path: Path) -> None:
    (tmp_path / "archive.toml").write_text("")
    archive = Archive.open(tmp_path)
    with pytest.raises(TrainingError, match="at least 3"):
        train_language(archive, LanguageSettings(), tensorboard=False)
    archive.store.close()


@pytest.mark.parametrize("change", [{"name": "../x"}, {"heads": 3}, {"told": 2.0}, {"minutes": 0.0}])
def test_settings_out_of_range(change: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        LanguageSettings(**change)  # type: ignore[arg-type]


def test_the_command_trains_and_its_model_answers_by_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    from caseindex.cli.main import main

    archive = make_archive(tmp_path / "archive", 24)
    archive.store.close()
    small = ("--dim", "16", "--width", "16", "--layers", "1", "--batch", "8", "--epochs", "1", "--no-tensorboard")
    with pytest.raises(SystemExit) as end:
        main(["train", "language", "--archive", str(archive.path), *small, "--format", "json"])
    assert not end.value.code
    document = json.loads(capsys.readouterr().out)
    assert document["reports"] == 25
    assert set(document["test"]) == {"other_part", "told_ru", "told_en", "told_zh"}
    question = ("--text", "hydrocephalus", "--model", "language", "-k", "3", "--format", "json")
    with pytest.raises(SystemExit) as end:
        main(["search", "--archive", str(archive.path), *question])
    assert not end.value.code
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert [int(hit["study_uid"][1:]) % 4 for hit in hits] == [2, 2, 2]
