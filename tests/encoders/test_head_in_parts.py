"""Networks side by side, and a head for each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from caseindex.encoders.catalogue import side_by_side, untrained
from caseindex.encoders.head_in_parts import HeadInParts, fit_in_parts
from caseindex.encoders.projection import load_head
from caseindex.encoders.side_by_side import SideBySide
from caseindex.encoders.whitening import Whitening, normalised
from caseindex.encoders.within_class import fit_within_class
from caseindex.errors import ModelDamaged


def _data(rows: int, dim: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)


def test_each_part_is_fitted_to_its_own_columns_and_counts_alike() -> None:
    vectors, deviations, within = _data(40, 12, 0), _data(80, 12, 1), _data(9, 12, 2)
    vectors[:, 5:] *= 100  # a loud part does not drown the other
    head = fit_in_parts(vectors, deviations, within, (5, 7), dim=8)
    assert isinstance(head, HeadInParts)
    assert head.dim == 8
    one = fit_within_class(vectors[:, :5], deviations[:, :5], within[:, :5], dim=4)
    two = fit_within_class(vectors[:, 5:], deviations[:, 5:], within[:, 5:], dim=4)
    out = head(vectors)
    expected = np.hstack([one(vectors[:, :5]), two(vectors[:, 5:])]) / np.sqrt(2)
    np.testing.assert_allclose(out, expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(out[:, :4], axis=1), np.linalg.norm(out[:, 4:], axis=1), atol=1e-5)


def test_one_width_is_no_parts() -> None:
    vectors, deviations = _data(40, 6, 0), _data(80, 6, 1)
    head = fit_in_parts(vectors, deviations, None, (6,), dim=4)
    assert isinstance(head, Whitening)
    np.testing.assert_array_equal(head(vectors), fit_within_class(vectors, deviations, dim=4)(vectors))


def test_it_is_read_as_it_was_stored(tmp_path: Path) -> None:
    head = fit_in_parts(_data(40, 12, 0), _data(80, 12, 1), None, (5, 7), dim=8)
    read = load_head(head.tensors(), tmp_path)
    vectors = _data(3, 12, 3)
    np.testing.assert_array_equal(read(vectors), head(vectors))


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    tensors = fit_in_parts(_data(40, 12, 0), _data(80, 12, 1), None, (5, 7), dim=8).tensors()
    del tensors["part.0.projection"]
    with pytest.raises(ModelDamaged, match=r"part\.0\.projection"):
        load_head(tensors, tmp_path)


def test_networks_side_by_side_keep_their_columns_and_are_built_from_their_description() -> None:
    networks = [torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 5)) for _ in range(2)]
    pixels = torch.rand(3, 3, 2, 2)
    out = SideBySide(networks)(pixels).detach().numpy()
    expected = [normalised(network(pixels).detach().numpy()) for network in networks]
    np.testing.assert_allclose(out, np.hstack(expected), atol=1e-6)
    built = untrained(side_by_side({"family": "grid", "cells": 2, "stages": [3, 4]}, 4 * 192, 2))
    assert built(torch.zeros(1, 3, 64, 64)).shape == (1, 2 * 4 * 192)
