"""What the pictures of figures share: matplotlib without a screen, and the colours."""

from __future__ import annotations

from typing import Any, Final

from caseindex.errors import DependencyMissing

INK: Final = "#1f4e79"
SECOND: Final = "#b3541e"
BAND: Final = "#9dbbd8"


def pyplot(wanted_for: str = "--plot") -> Any:
    """``matplotlib.pyplot``, drawing into files. Raises :class:`~caseindex.errors.DependencyMissing` in the name of
    ``wanted_for`` where it is not installed."""
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise DependencyMissing(wanted_for, "matplotlib is not installed", "pip install 'caseindex[plots]'") from error
    return plt
