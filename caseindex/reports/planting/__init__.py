"""Errors planted into true reports by rule, to measure and calibrate who finds them."""

from caseindex.reports.planting.errors_of_text import Planted, TextError, planted

__all__ = ["Planted", "TextError", "planted"]
