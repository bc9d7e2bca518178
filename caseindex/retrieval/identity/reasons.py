"""The audit's reasons in words, in English and Russian."""

from __future__ import annotations

from caseindex.records import Language
from caseindex.retrieval.identity.finding import Reason

_EN, _RU = Language.ENGLISH, Language.RUSSIAN

WORDS: dict[str, dict[Language, str]] = {
    "like_other": {
        _EN: "It resembles images of patient {patient} (similarity {similarity:.2f}).",
        _RU: "Похоже на изображения пациента {patient} (сходство {similarity:.2f}).",
    },
    "unlike_own": {
        _EN: "It does not resemble the other images of patient {patient} that it is filed under (best similarity {similarity:.2f}).",
        _RU: "Не похоже на другие изображения пациента {patient}, у которого хранится (лучшее сходство {similarity:.2f}).",
    },
    "like_own": {
        _EN: "It also resembles the other images of patient {patient} (similarity {similarity:.2f}).",
        _RU: "Похоже и на другие изображения пациента {patient} (сходство {similarity:.2f}).",
    },
    "no_own": {
        _EN: "Patient {patient} has no other image that it could be compared with.",
        _RU: "У пациента {patient} нет других изображений для сравнения.",
    },
    "or_two_ids": {
        _EN: "The two patients may as well be one person under two ids.",
        _RU: "Возможно также, что это один человек под двумя номерами.",
    },
    "or_misfiled": {
        _EN: "With so few images, one of them may instead be filed under the wrong patient.",
        _RU: "При таком малом числе изображений возможно и то, что одно из них попало не к тому пациенту.",
    },
    "swap": {
        _EN: "An image of patient {patient} resembles this patient in turn: the two may have been swapped.",
        _RU: "Изображение пациента {patient}, в свою очередь, похоже на этого пациента: возможно, их перепутали между собой.",
    },
    "alike": {
        _EN: "Their most similar images have similarity {similarity:.2f}; {share:.0%} or more of each patient's images resemble the other patient rather than a stranger.",
        _RU: "Сходство самых похожих изображений {similarity:.2f}; у каждого не менее {share:.0%} изображений похожи на другого пациента больше, чем на чужого.",
    },
    "key_points": {
        _EN: "{count} key points lie where one movement of the picture would put them.",
        _RU: "{count} ключевых точек лежат там, куда их перевёл бы один сдвиг изображения.",
    },
    "no_key_points": {
        _EN: "Few key points agree ({count}).",
        _RU: "Совпадающих ключевых точек мало ({count}).",
    },
    "same_pixels": {
        _EN: "The pixels are the same, one by one.",
        _RU: "Пиксели полностью совпадают.",
    },
    "copy": {
        _EN: "One is a copy of the other ({how}; correlation {correlation:.3f}).",
        _RU: "Одно является копией другого ({how}; корреляция {correlation:.3f}).",
    },
    "several_copies": {
        _EN: "{count} pairs of copies.",
        _RU: "Пар копий: {count}.",
    },
    "two_patients": {
        _EN: "The copies are filed under two patients.",
        _RU: "Копии хранятся у двух пациентов.",
    },
    "sex_differs": {
        _EN: "The recorded sex differs ({one}, {two}), which speaks against it.",
        _RU: "Указан разный пол ({one}, {two}), что говорит против.",
    },
    "birth_differs": {
        _EN: "Age and date give years of birth {years:.0f} years apart, which speaks against it.",
        _RU: "По возрасту и дате годы рождения расходятся на {years:.0f} лет, что говорит против.",
    },
}


#: What :class:`~caseindex.retrieval.identity.duplicates.Copy` says of how a copy differs.
_COPIES_RU = (
    ("encoded again", "сжата заново"),
    ("inverted", "инвертирована"),
    ("mirrored", "отражена"),
    ("cropped", "обрезана"),
    ("% of the area in common", "% площади общие"),
    ("resized", "размер изменён"),
    (" and ", " и "),
    ("pixels", "пикселей"),
)


def written(reason: Reason, language: Language = Language.ENGLISH) -> str:
    """The reason as a sentence."""
    known, values = WORDS[reason.code], dict(reason.values)
    if language is _RU and "how" in values:
        for english, russian in _COPIES_RU:
            values["how"] = values["how"].replace(english, russian)
    return known.get(language, known[_EN]).format(**values)
