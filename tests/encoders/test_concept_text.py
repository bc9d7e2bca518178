"""The numpy text encoder and the PyTorch network that is trained, compared by value."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from caseindex.encoders import checkpoint
from caseindex.encoders.byte_pairs import BytePairs, train_tokenizer
from caseindex.encoders.concept_features import ConceptFeatures, concepts_of
from caseindex.encoders.concept_text import ConceptTextConfig, forward, text_batch
from caseindex.encoders.model import load_model, load_text_encoder
from caseindex.train.towers import ConceptText
from tests.contracts import text_encoder

CORPUS = [
    "Ischaemic stroke in the left hemisphere. No haemorrhage.",
    "ОНМК по ишемическому типу. Мозг без особенностей, ёлка.",
    "左侧大脑半球缺血性脑卒中",
] * 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from caseindex.reports.lexicon import load_lexicon

    torch.manual_seed(0)
    content = train_tokenizer(CORPUS, 300)
    vocabulary = tuple(load_lexicon().concepts)
    config = ConceptTextConfig(
        vocabulary=len(BytePairs(content, 8)), concepts=len(vocabulary), dim=16, width=32, hidden=48, max_tokens=24
    )
    network = ConceptText(config)
    tensors = {f"text.{name}": value.detach().numpy() for name, value in network.tensors().items()}
    text = {"kind": "concepts", "network": asdict(config), "concepts": list(vocabulary)}
    models = tmp_path_factory.mktemp("models")
    checkpoint.save(models / "m", {"dim": 16, "text": text}, tensors, extra={"tokenizer.json": content})
    return models


@pytest.mark.parametrize("heads", [1, 4])
def test_numpy_equals_torch(heads: int) -> None:
    torch.manual_seed(1)
    config = ConceptTextConfig(
        vocabulary=50, concepts=7, dim=12, width=16, hidden=24, heads=heads, max_tokens=9, layers=2
    )
    network = ConceptText(config).eval()
    for parameter in network.parameters():  # blocks begin as the identity: make every weight count
        torch.nn.init.normal_(parameter, std=0.3)
    generator = np.random.default_rng(0)
    concepts = np.abs(generator.normal(size=(4, 14))).astype(np.float32)
    concepts[1] = 0
    batch = text_batch([[3, 4, 5, 6, 7, 8, 9, 10, 11], [2], [], [49, 1]], concepts)
    with torch.inference_mode():
        expected = network(torch.from_numpy(batch.tokens), torch.from_numpy(batch.concepts)).numpy()
    weights = {name: value.detach().numpy() for name, value in network.tensors().items()}
    found = forward(weights, config, batch)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert np.abs(found[0] - found[1]).max() > 0.05


def test_contract(folder: Path) -> None:
    encoder = load_text_encoder(folder, "m")
    assert encoder is not None
    text_encoder.check(encoder)
    assert encoder.fingerprint == load_model(folder, "m").fingerprint


def test_no_torch_for_a_question(folder: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from caseindex.encoders.model import load_text_encoder;"
        f"load_text_encoder(Path({str(folder)!r}), 'm').encode(['stroke']); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_concepts_meet_across_languages() -> None:
    english, russian, chinese = (
        concepts_of(text) for text in ("ischemic stroke", "ишемический инсульт", "缺血性脑卒中")
    )
    assert english.findings == russian.findings == chinese.findings != frozenset()
    assert english.asserted == russian.asserted == chinese.asserted
    denied = concepts_of("No evidence of ischemic stroke.")
    assert not denied.findings
    assert set(denied.denied) >= english.findings


def test_concept_features_are_unit_vectors_of_known_concepts() -> None:
    features = ConceptFeatures(("ischemic_stroke", "stroke"))
    vector = features("ischemic stroke")
    assert vector.shape == (4,)
    assert np.linalg.norm(vector) == pytest.approx(1)
    assert vector[0] > vector[1] > 0  # the broader concept counts half
    assert not features("lorem ipsum").any()


def test_the_tokenizer_is_deterministic_and_reads_three_scripts() -> None:
    content = train_tokenizer(CORPUS, 300)
    assert content == train_tokenizer(CORPUS, 300)
    pieces = BytePairs(content, 64)
    for text in CORPUS[:3]:
        ids = pieces.ids([text])[0]
        assert ids
        assert 1 not in ids  # nothing unknown
    assert pieces.ids(["Ёлка"]) == pieces.ids(["елка"])
    assert len(pieces.ids(["脑卒中"])[0]) == 3
    assert pieces.ids([""]) == [[]]
    assert len(BytePairs(content, 5).ids(CORPUS[:1])[0]) == 5
