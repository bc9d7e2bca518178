"""The term channel: BM25 (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework", section 3) by `bm25s`.

Terms are normal forms (Russian lemmas, English stems, Chinese words) that the report does not deny. A term's weight says
how telling its place is (a diagnosis more than a history) and multiplies its frequency, as in the weighted fields of
Robertson, Zaragoza and Taylor 2004 ("Simple BM25 extension to multiple weighted fields"). `bm25s` stores the score of each
(term, document) when it indexes, so that a query adds up a few columns of a memory-mapped sparse matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from caseindex.records import Float32Array

K1 = 1.2
B = 0.6  # reports differ in length for good reasons: less normalisation than the usual 0.75


def save_bm25(folder: Path, arrays: Mapping[str, npt.NDArray[Any]], terms: Sequence[str]) -> None:
    """Scores every (term, document) of the index's arrays and saves them to ``folder``; nothing where no term exists."""
    import bm25s

    if not terms:
        return
    numbers = np.repeat(arrays["term_numbers"], arrays["term_weights"])
    lengths = np.add.reduceat(np.append(arrays["term_weights"], 0).astype(np.int64), arrays["term_starts"][:-1])
    lengths[arrays["term_starts"][:-1] == arrays["term_starts"][1:]] = 0  # reduceat repeats where a document is empty
    ends = np.cumsum(lengths)
    documents = [numbers[end - length : end].tolist() for end, length in zip(ends, lengths, strict=True)]
    scorer = bm25s.BM25(method="lucene", k1=K1, b=B)
    scorer.index((documents, {term: number for number, term in enumerate(terms)}), show_progress=False)
    scorer.save(str(folder), show_progress=False)


@lru_cache(maxsize=4)
def _columns(folder: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]] | None:
    if not folder.is_dir():
        return None
    # What `bm25s.BM25.load(mmap=True)` maps; read here so that a query does not pay for importing scipy and tqdm.
    data, indices, indptr = (
        np.load(folder / f"{name}.csc.index.npy", mmap_mode="r", allow_pickle=False)
        for name in ("data", "indices", "indptr")
    )
    return data, indices, indptr


def term_scores(folder: Path, number: int, documents: int) -> Float32Array:
    """[documents] float32: the BM25 score of the term with this number in every document; 0 where it does not stand.

    Adding up the terms of a query gives `bm25s.BM25.get_scores`.
    """
    scores = np.zeros(documents, dtype=np.float32)
    columns = _columns(folder)
    if columns is not None:
        data, indices, indptr = columns
        start, end = int(indptr[number]), int(indptr[number + 1])
        scores[indices[start:end]] = data[start:end]
    return scores
