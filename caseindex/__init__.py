"""caseindex: an embedding index and similar-case retrieval for radiology archives."""

from __future__ import annotations

__version__ = "0.1.0"
