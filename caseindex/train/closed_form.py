"""Where training begins: each concept's direction in image space by ridge regression (Hoerl & Kennard 1970).

With a few hundred studies the closed form is hard to beat, and costs no epochs: contrastive training then has to improve
on it by validation recall, or it stays.
"""

from __future__ import annotations

import numpy as np

from caseindex.records import Float32Array, Int64Array

#: Added to the diagonal, in studies: what the prior of "no direction" weighs.
RIDGE = 3.0


def concept_directions(white: Float32Array, asserted: Float32Array, studies: Int64Array) -> Float32Array:
    """[concepts, dim]: directions on which images that assert a concept lie apart from the others.

    ``white``: [images, dim] whitened features; ``asserted``: [images, concepts] 0..1; ``studies``: [images], each study
    weighs one. Predictions are brought to equal spread, and rare concepts weigh more (inverse document frequency), so
    that "stroke" in a question counts more than "brain". A concept that nobody asserts has no direction (zeros). The
    longest row has length 1.
    """
    _, place, counts = np.unique(studies, return_inverse=True, return_counts=True)
    weights = (1 / counts[place])[:, None]  # [images, 1]
    x = white.astype(np.float64)
    x = x - (x * weights).sum(0) / weights.sum()
    y = asserted - asserted.mean(0)
    gram = x.T @ (x * weights) + RIDGE * np.eye(x.shape[1])
    solved = np.linalg.solve(gram, x.T @ (y * weights))  # [dim, concepts]
    spread = (x @ solved).std(0)
    rarity = np.log(1 + len(counts) / (1 + ((asserted > 0) * weights).sum(0))) ** 0.75
    seen = spread > 1e-9
    directions = np.where(seen, solved * rarity / np.where(seen, spread, 1), 0).T
    longest = np.linalg.norm(directions, axis=1).max(initial=0)
    return np.asarray(directions / longest if longest > 0 else directions, np.float32)
