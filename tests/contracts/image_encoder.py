"""What every :class:`caseindex.protocols.ImageEncoder` keeps; call :func:`check` with an implementation."""

from __future__ import annotations

import re

import numpy as np

from caseindex.protocols import ImageEncoder


def pictures(count: int = 5, seed: int = 0) -> list[np.ndarray]:
    """Grey and colour, of several sizes and aspects, smooth and noisy."""
    generator = np.random.default_rng(seed)
    out = []
    for number in range(count):
        rows, columns = (int(side) for side in generator.integers(40, 300, 2))
        y, x = np.mgrid[:rows, :columns]
        waves = 127 + 60 * np.sin(x / (3 + number)) + 60 * np.cos(y / (5 + number))
        grey = np.clip(waves + generator.normal(0, 5, (rows, columns)), 0, 255).astype(np.uint8)
        out.append(grey if number % 2 == 0 else np.stack([grey, grey // 2, 255 - grey], -1))
    return out


def check(encoder: ImageEncoder) -> None:
    assert isinstance(encoder, ImageEncoder)
    assert re.fullmatch(r"[0-9a-f]{64}", encoder.fingerprint)
    inputs = [encoder.preprocess(picture) for picture in pictures()]
    assert len({item.shape for item in inputs}) == 1
    assert all(item.dtype == np.float32 and item.ndim == 3 and np.isfinite(item).all() for item in inputs)

    together = encoder.encode(np.stack(inputs))
    assert together.shape == (5, encoder.dim)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-4)

    # By value: alone, in another order and in another batch, each picture has the same vector.
    alone = np.concatenate([encoder.encode(item[None]) for item in inputs])
    np.testing.assert_allclose(alone, together, atol=2e-5)
    np.testing.assert_allclose(encoder.encode(np.stack(inputs[::-1]))[::-1], together, atol=2e-5)
    # Different pictures differ, and the input is not written to.
    similarity = together @ together.T
    assert similarity[~np.eye(5, dtype=bool)].max() < 0.9999
    kept = [item.copy() for item in inputs]
    encoder.encode(np.stack(inputs))
    assert all(np.array_equal(before, after) for before, after in zip(kept, inputs, strict=True))
    # Grey is colour with three equal channels; an empty batch is answered.
    grey = pictures()[0]
    np.testing.assert_array_equal(encoder.preprocess(grey), encoder.preprocess(np.stack([grey] * 3, -1)))
    assert encoder.encode(np.empty((0, *inputs[0].shape), np.float32)).shape == (0, encoder.dim)
