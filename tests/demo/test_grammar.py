from __future__ import annotations

import numpy as np
import pytest

from caseindex.demo.grammar import expand


def every(template: str, slots: dict[str, str]) -> set[str]:
    return {expand(template, slots, np.random.default_rng(seed)) for seed in range(200)}


def test_choices_nest_and_may_be_empty() -> None:
    assert every("a[ b[1|2]| c|]", {}) == {"a b1", "a b2", "a c", "a"}


def test_slots_hold_choices_and_take_a_capital() -> None:
    assert every("{Where}: {where}", {"where": "в [{правой}|x]", "правой": "левой"}) == {
        f"{first}: {second}" for first in ("В левой", "В x") for second in ("в левой", "в x")
    }


def test_spaces_around_what_was_left_out_are_closed() -> None:
    assert expand("a [|] , b [|] .", {}, np.random.default_rng(0)) == "a, b."


def test_an_unknown_slot_is_an_error() -> None:
    with pytest.raises(KeyError):
        expand("{nowhere}", {}, np.random.default_rng(0))
