"""What every :class:`caseindex.protocols.TextEncoder` keeps; call :func:`check` with an implementation."""

from __future__ import annotations

import re

import numpy as np

from caseindex.protocols import TextEncoder

TEXTS = (
    "Ischaemic stroke in the left hemisphere.",
    "ОНМК по ишемическому типу в бассейне ПСМА.",
    "左侧大脑半球缺血性脑卒中",
    "",
    "No pathology. " * 200,
    "\N{SNOWMAN}\x00 ~~~",
)


def check(encoder: TextEncoder) -> None:
    assert isinstance(encoder, TextEncoder)
    assert re.fullmatch(r"[0-9a-f]{64}", encoder.fingerprint)
    together = encoder.encode(TEXTS)
    assert together.shape == (len(TEXTS), encoder.dim)
    assert together.dtype == np.float32
    assert np.isfinite(together).all()
    norms = np.linalg.norm(together, axis=1)
    assert np.allclose(norms[:3], 1, atol=1e-4)
    assert ((np.abs(norms - 1) < 1e-4) | (norms < 1e-6)).all()  # only a text without any content may be zero

    # By value: alone and in another order, each text has the same vector, whatever the padding.
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, together, atol=2e-5)
    np.testing.assert_allclose(encoder.encode(TEXTS[::-1])[::-1], together, atol=2e-5)
    assert (together[0] * together[4]).sum() < 0.9999
    assert encoder.encode([]).shape == (0, encoder.dim)
