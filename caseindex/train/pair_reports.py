"""The reports as `train pair` reads them: a tokenizer of this archive, the lexicon's concepts, every view of every text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caseindex.encoders.byte_pairs import BytePairs, train_tokenizer
from caseindex.encoders.concept_text import ConceptTextConfig
from caseindex.index.archive import Archive
from caseindex.records import Float32Array, Int64Array
from caseindex.train.language_start import LanguageStart
from caseindex.train.lexicon_words import lexicon_names, lexicon_vocabulary
from caseindex.train.pair_data import Pairs
from caseindex.train.pair_settings import PairSettings
from caseindex.train.progress import OnProgress
from caseindex.train.text_views import ReportViews, ViewMaker


@dataclass(frozen=True, slots=True)
class ReadTexts:
    """``views[i]``: of ``pairs.texts[i]``, by ``maker``. ``tokenizer``: the file's content. ``start``: the language model
    that the text side begins with, if any."""

    views: list[ReportViews]
    maker: ViewMaker
    tokenizer: bytes
    start: LanguageStart | None


def read_texts(
    archive: Archive, pairs: Pairs, settings: PairSettings, train: Int64Array, on_progress: OnProgress
) -> ReadTexts:
    """The tokenizer is trained on the texts of the studies ``train``, or is that of the language model."""
    start = LanguageStart.of(archive, settings)
    if start is None:
        texts = [pairs.texts[text] for text in pairs.texts_in(train)]
        tokenizer = train_tokenizer(texts + lexicon_names(), settings.vocabulary)
        pieces = BytePairs(tokenizer, ConceptTextConfig(vocabulary=1, concepts=1).max_tokens)
        maker = ViewMaker(pieces, lexicon_vocabulary())
    else:
        tokenizer = start.tokenizer
        maker = ViewMaker(BytePairs(tokenizer, start.config.max_tokens), start.features)
    views = []
    for text in pairs.texts:
        views.append(maker.report(text))
        on_progress("reports", 1, len(pairs.texts))
    return ReadTexts(views, maker, tokenizer, start)


def asserted(pairs: Pairs, texts: ReadTexts, images: Int64Array) -> Float32Array:
    """[images, concepts] 0..1: how surely the texts of an image assert a concept."""
    out = np.zeros((len(images), len(texts.maker.features)), np.float32)
    for row, image in enumerate(images):
        for text in pairs.images[image].texts:
            for place, weight in texts.views[text].asserted:
                out[row, place] = max(out[row, place], weight)
    return out
