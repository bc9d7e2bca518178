"""What an answer has to tell its reader beside the hits: in English on the command line and in JSON, and in the page's
language on the page."""

from __future__ import annotations

import re
from typing import Final

from caseindex.records import Language

NO_CONCEPT = "no concept of the lexicon was recognised: only reports that hold these words themselves can be found"
NO_WORDS = "no report holds these words, and the lexicon knows no concept for them: try a synonym or a wider term"
UNKNOWN_TO_LEXICON = "none of these words is known to the lexicon: images cannot be found by them"
NO_PAIR_MODEL = "words cannot be compared with images: train a model with `caseindex train pair`"
THROUGH_SIMILAR = (
    "cases without a matching report were found because their images resemble those of {n} cases that have one"
)
NOT_EMBEDDED = "the images have no embeddings of this model yet: run `caseindex embed`"
SOME_NOT_EMBEDDED = "{n} images have no embedding yet and were not compared: run `caseindex embed`"
SOME_UNREADABLE = "{n} images cannot be read any more and were not compared"
STUDY_NOT_EMBEDDED = "the study's images have no embeddings: only its report was compared"
OWN_LEFT_OUT = "the image is in the archive: its own study is left out (--include-own-study)"
NOTHING_SEARCHED = "nothing in the archive to compare with, or the filters leave nothing"
NOTHING_SIMILAR = "nothing similar in the archive"

_TRANSLATED: Final[dict[str, tuple[str, str]]] = {
    NO_CONCEPT: (
        "ни одно понятие словаря не распознано: найдены могут быть только заключения с этими самыми словами",
        "未识别出词典中的概念：只能找到含有这些原词的报告",
    ),
    NO_WORDS: (
        "этих слов нет ни в одном заключении, и словарь не знает для них понятия: попробуйте синоним или более общее слово",
        "没有报告含有这些词，词典中也没有对应的概念：请尝试同义词或更宽泛的词",
    ),
    UNKNOWN_TO_LEXICON: (
        "словарь не знает этих слов: изображения по ним найти нельзя",
        "词典不认识这些词：无法用它们查找图像",
    ),
    NO_PAIR_MODEL: (
        "слова нельзя сравнить с изображениями: обучите модель (`caseindex train pair`)",
        "文字无法与图像比较：请先训练模型（`caseindex train pair`）",
    ),
    THROUGH_SIMILAR: (
        "часть случаев найдена по сходству изображений со случаями, у которых это есть в заключении (таких {n})",
        "部分病例没有相符的报告，是因其图像与 {n} 个有相符报告的病例相似而找到的",
    ),
    NOT_EMBEDDED: (
        "у изображений ещё нет векторов этой модели: выполните `caseindex embed`",
        "图像尚无该模型的向量：请运行 `caseindex embed`",
    ),
    SOME_NOT_EMBEDDED: (
        "изображений без вектора, они не сравнивались: {n} (выполните `caseindex embed`)",
        "{n} 幅图像尚无向量，未参与比较：请运行 `caseindex embed`",
    ),
    SOME_UNREADABLE: (
        "изображений, которые больше не читаются и не сравнивались: {n}",
        "{n} 幅图像已无法读取，未参与比较",
    ),
    STUDY_NOT_EMBEDDED: (
        "у изображений исследования нет векторов: сравнивалось только заключение",
        "该检查的图像没有向量：只比较了报告",
    ),
    OWN_LEFT_OUT: (
        "изображение есть в архиве: его собственное исследование не показано",
        "该图像已在档案中：其所属检查未列出",
    ),
    NOTHING_SEARCHED: (
        "в архиве не с чем сравнивать, или условия отбора ничего не оставляют",
        "档案中没有可比较的内容，或筛选条件未留下任何内容",
    ),
    NOTHING_SIMILAR: ("в архиве нет ничего похожего", "档案中没有相似的内容"),
}


def translated(note: str, language: Language) -> str:
    """The note in Russian or Chinese where it is one of ours, else as it is.

    >>> translated("3 images cannot be read any more and were not compared", Language.CHINESE)
    '3 幅图像已无法读取，未参与比较'
    """
    if language is Language.ENGLISH:
        return note
    number = re.search(r"\d+", note)
    n = number.group() if number else ""
    pair = _TRANSLATED.get(note.replace(n, "{n}", 1) if n else note)
    if pair is None:
        return note
    return pair[0 if language is Language.RUSSIAN else 1].replace("{n}", n)
