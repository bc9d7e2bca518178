"""What `train pair` can do beyond fits or not: soft targets, wrong texts, fused studies, rare findings more often."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from caseindex.encoders.model import load_model
from caseindex.encoders.study_fusion import AttentionFusion, load_fusion
from caseindex.index.archive import Archive
from caseindex.records import Image, ItemKind, Polarity, Side
from caseindex.train.losses.infonce import InfoNCE
from caseindex.train.losses.siglip import SigLIP
from caseindex.train.losses.soft_infonce import SoftInfoNCE
from caseindex.train.pair import train_pair
from caseindex.train.pair_settings import PairSettings
from caseindex.train.said import said_in, same_meaning, truth, weights_of
from caseindex.train.samplers.repeat_factor import repeat_factors, repeated
from caseindex.train.study_fusion import StudyFusion
from caseindex.train.text_negatives import KINDS, wrong_texts
from tests.train.drawn_archive import SMALL, make_archive

TINY = {**SMALL, "epochs": 3}


def drawn(n: int = 5, dim: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(n, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_statements_say_how_far_a_text_is_true_of_a_report() -> None:
    report = said_in("Ischemic stroke in the left frontal lobe. No fracture.")
    texts = [
        "Stroke.",  # broader
        "Ischemic stroke on the right.",  # other side
        "No ischemic stroke.",
        "Fracture.",
        "Hydrocephalus.",  # not spoken of
        "Ischemic stroke. Hydrocephalus.",
        "Ишемический инсульт слева.",
    ]
    keys = [said_in(text) for text in texts]
    weights = weights_of([report, *keys])
    found = truth(keys, [report], weights)[:, 0]
    assert found[0] == 1
    assert found[1] == pytest.approx(0.5)
    assert found[2] == found[3] == found[4] == 0
    common, rare = weights.rarity["ischemic_stroke"], weights.rarity["hydrocephalus"]
    assert found[5] == pytest.approx(common / (common + rare))
    assert found[6] == 1
    assert ("ischemic_stroke", Polarity.PRESENT, Side.LEFT) in report


def test_reports_that_say_the_same_in_other_words_and_languages() -> None:
    keys = [
        said_in("Subdural hematoma on the right. No fracture."),
        said_in("Субдуральная гематома справа. Перелома нет."),
        said_in("Hydrocephalus."),
    ]
    table = same_meaning(keys, keys, weights_of(keys))
    np.testing.assert_allclose(np.diag(table), 1)
    assert table[0, 1] == pytest.approx(1)
    assert table[0, 2] == 0
    np.testing.assert_allclose(table, table.T)


def test_soft_infonce_with_ones_and_zeros_is_infonce() -> None:
    images, texts = drawn(seed=1), drawn(seed=2)
    positive = torch.eye(5, dtype=torch.bool)
    positive[0, 3] = positive[3, 0] = True
    ignored = torch.zeros(5, 5, dtype=torch.bool)
    ignored[1, 2] = True
    expected = InfoNCE(0.1)(images, texts, positive, ignored)
    for given in (positive, positive.float()):
        torch.testing.assert_close(SoftInfoNCE(0.1)(images, texts, given, ignored), expected)


def test_a_half_true_pair_pulls_and_pushes_half() -> None:
    """By hand: one image, two texts, scale 1; the second text is half true."""
    loss = SoftInfoNCE(1.0)
    images, texts = drawn(2, seed=3), drawn(2, seed=4)
    weight = torch.tensor([[1.0, 0.5], [0.0, 1.0]])
    z = images @ texts.T

    def row(values: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        negatives = torch.logsumexp(torch.log((1 - w).clamp(min=1e-30)) + values, 0)
        shares = w * (w >= 0.5) / (w * (w >= 0.5)).sum()
        return (shares * torch.log1p(torch.exp(negatives - values))).sum()

    rows = sum(row(z[i], weight[i]) for i in range(2)) / 2
    columns = sum(row(z[:, j], weight[:, j]) for j in range(2)) / 2
    torch.testing.assert_close(loss(images, texts, weight), 0.5 * (rows + columns))


@pytest.mark.parametrize("criterion", [SoftInfoNCE(0.1), SigLIP(bias=0.0)])
def test_a_wrong_text_pushes_its_own_image_alone(criterion: torch.nn.Module) -> None:
    images, texts, wrong = drawn(seed=5).requires_grad_(), drawn(seed=6), drawn(1, seed=7)
    positive = torch.eye(5)

    def gradient(*extra: torch.Tensor) -> torch.Tensor:
        (found,) = torch.autograd.grad(criterion(images, texts, positive, None, *extra), images)
        return found

    change = gradient(wrong, torch.tensor([2])) - gradient()
    assert change[2].abs().max() > 1e-4
    assert (change[2] @ wrong[0]).item() > 0  # a step against the gradient leads away from it
    assert change[[0, 1, 3, 4]].abs().max() == 0


def test_wrong_texts_differ_in_what_they_state() -> None:
    text = "FINDINGS: Subdural hematoma on the right. No fracture.\nIMPRESSION: Subdural hematoma on the right."
    made = wrong_texts(text, {"hydrocephalus": 2.0, "brain_atrophy": 1.0}, np.random.default_rng(0))
    assert set(made) <= set(KINDS)
    assert {"side", "inserted", "negated"} <= set(made)
    for kind, wrong in made.items():
        assert said_in(wrong) != said_in(text), kind
    assert "left" in made["side"]
    assert made == wrong_texts(text, {"hydrocephalus": 2.0, "brain_atrophy": 1.0}, np.random.default_rng(0))


def test_rare_findings_come_more_often_and_every_epoch_is_as_long() -> None:
    findings = [{0}] * 95 + [{0, 1}] * 5
    factors = repeat_factors(findings, 0.2)
    np.testing.assert_allclose(factors[:95], 1)
    np.testing.assert_allclose(factors[95:], 2)  # sqrt(0.2 / 0.05)
    rounds = [repeated(factors, 0, epoch) for epoch in range(20)]
    assert {len(places) for places in rounds} == {105}
    assert all(set(range(100)) == set(places.tolist()) for places in rounds)
    assert np.array_equal(repeated(factors, 0, 3), rounds[3])
    assert not np.array_equal(rounds[0], rounds[1])
    half = [np.count_nonzero(repeated(np.array([1.5, 1.5, 1.0]), 1, epoch) == 0) for epoch in range(200)]
    assert set(half) == {1, 2}
    assert np.mean(half) == pytest.approx(1.5, abs=0.15)


def test_fusion_is_that_of_the_encoder_and_one_image_is_itself() -> None:
    torch.manual_seed(0)
    fusion = StudyFusion(6, hidden=3)
    torch.nn.init.normal_(fusion.score.weight)
    vectors = drawn(4, 6, seed=8)
    fused = fusion(vectors, torch.tensor([0, 1, 0, 0]), 2).detach()
    parts = {name: value.detach().numpy() for name, value in fusion.tensors().items()}
    numpy_twin = AttentionFusion(parts["inner"], parts["inner_bias"], parts["score"])
    np.testing.assert_allclose(fused[0], numpy_twin(vectors[[0, 2, 3]].numpy()), atol=1e-6)
    np.testing.assert_allclose(fused[1], vectors[1], atol=1e-6)
    assert numpy_twin.weights(vectors.numpy()).sum() == pytest.approx(1)


def with_second_images(folder: Path, patients: int = 30) -> Archive:
    archive = make_archive(folder, patients)
    with archive.store.read() as reader:
        own = list(reader.images())
    more = [
        Image(
            image_uid=f"{image.image_uid}b",
            study_uid=image.study_uid,
            file=image.file,
            source=image.source,
            patient_id=image.patient_id,
        )
        for image in own[:20]
    ]
    archive.store.put(images=more)
    return archive


def test_everything_together_trains_and_resumes_bit_by_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import signal

    from caseindex.train.pair_task import PairTask

    options = {**TINY, "soft_targets": True, "text_negatives": 2, "fusion": "attention", "balance": 0.5}
    whole = with_second_images(tmp_path / "whole")
    first = train_pair(whole, PairSettings(**options), tensorboard=False)
    assert first.fused is not None
    assert first.fused.several > 0
    fusion = load_fusion(whole.models_dir / "pair")
    assert fusion is not None
    model = load_model(whole.models_dir, "pair")
    assert model.text is not None
    with whole.store.read() as reader:
        pair = [reader.embedding(first.fingerprint, ItemKind.IMAGE, uid) for uid in ("i0", "i0b")]
    assert pair[0] is not None
    assert pair[1] is not None
    np.testing.assert_allclose(np.linalg.norm(fusion(np.stack(pair))), 1, atol=1e-5)  # type: ignore[arg-type]

    plain, steps = PairTask.loss, []

    def stopping(self: PairTask, batch: object, epoch: int, number: int) -> object:
        steps.append(number)
        if len(steps) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(self, batch, epoch, number)

    monkeypatch.setattr(PairTask, "loss", stopping)
    again = with_second_images(tmp_path / "again")
    with pytest.raises(KeyboardInterrupt):
        train_pair(again, PairSettings(**options), tensorboard=False)
    resumed = train_pair(again, PairSettings(**options), tensorboard=False)
    assert resumed.resumed
    assert resumed.fingerprint == first.fingerprint
    whole.store.close()
    again.store.close()


def test_soft_siglip_and_a_start_from_the_language_of_the_archive(tmp_path: Path) -> None:
    from caseindex.errors import SettingsError
    from caseindex.train.language import train_language
    from caseindex.train.language_settings import LanguageSettings

    archive = make_archive(tmp_path / "archive", 24)
    small = LanguageSettings(dim=16, width=16, layers=2, hidden=16, vocabulary=800, epochs=1, batch=8)
    train_language(archive, small, tensorboard=False)
    settings = {**TINY, "loss": "siglip", "soft_targets": True, "text_encoder": "language:language"}
    result = train_pair(archive, PairSettings(**settings), tensorboard=False)
    model = load_model(archive.models_dir, "pair")
    assert model.config["text"]["network"]["layers"] == 2
    assert model.config["text"]["network"]["max_tokens"] == 512
    assert model.text is not None
    with archive.store.read() as reader:
        stored = reader.embedding(result.fingerprint, ItemKind.REPORT, "r3")
        report = reader.report("r3")
    assert report is not None
    np.testing.assert_allclose(model.text.encode([report.text])[0], stored, atol=1e-5)
    with pytest.raises(SettingsError, match="--dim 16"):
        train_pair(archive, PairSettings(**{**settings, "dim": 8}), tensorboard=False)
    archive.store.close()
