"""How fast which part of a module learns."""

from types import SimpleNamespace

import torch

from caseindex.train.optimisation import trunk_and_head

RATES = SimpleNamespace(learning_rate=0.1, trunk_rate=0.01, weight_decay=0.5)


def test_matrices_decay_and_the_trunk_has_its_own_rate() -> None:
    module = torch.nn.Module()
    module.trunk, module.head = torch.nn.Linear(2, 3), torch.nn.Linear(3, 4)
    found = [
        ([tuple(parameter.shape) for parameter in group["params"]], group["lr"], group["weight_decay"])
        for group in trunk_and_head(module, RATES)
    ]
    # In this order: a checkpoint of the optimiser numbers its states by it.
    assert found == [([(4,)], 0.1, 0.0), ([(4, 3)], 0.1, 0.5), ([(3,)], 0.01, 0.0), ([(3, 2)], 0.01, 0.5)]
