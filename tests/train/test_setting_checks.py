"""The checks that the settings of all recipes share."""

from dataclasses import dataclass

import pytest

from caseindex.errors import SettingsError
from caseindex.train.setting_checks import check_choice, check_name, check_ranges


@dataclass
class Drawn:
    seed: int = 0
    epochs: int = 5
    views: int = 2
    minutes: float | None = None


def test_a_name_is_that_of_a_folder() -> None:
    check_name("pair-1.b_C")
    for wrong in ("", "../x", ".hidden", "a b", "a" * 65):
        with pytest.raises(SettingsError, match="not usable as a folder name"):
            check_name(wrong)


def test_a_choice_names_what_is_known() -> None:
    check_choice("loss", "siglip", ("infonce", "siglip"))
    with pytest.raises(SettingsError, match=r"loss 'mse'.*Known: infonce, siglip"):
        check_choice("loss", "mse", ("infonce", "siglip"))


def test_ranges_include_their_ends_and_a_recipe_may_differ() -> None:
    check_ranges(Drawn(epochs=100_000, views=64), views=(1, 64))
    check_ranges(Drawn(epochs=100_001), epochs=(1, 200_000))
    check_ranges(Drawn(seed=-7, minutes=0.1))  # a seed has no range
    for wrong, name in ((Drawn(epochs=0), "epochs"), (Drawn(epochs=100_001), "epochs"), (Drawn(views=65), "views")):
        with pytest.raises(SettingsError, match=f"{name}.*is outside"):
            check_ranges(wrong, views=(1, 64))


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan")])
def test_a_time_is_above_nothing(minutes: float) -> None:
    with pytest.raises(SettingsError, match="minutes"):
        check_ranges(Drawn(minutes=minutes))
