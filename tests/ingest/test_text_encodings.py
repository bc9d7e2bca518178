"""Texts in the character sets that hospitals use, rightly and wrongly declared."""

from __future__ import annotations

import pytest

from caseindex.errors import InputRejected
from caseindex.ingest.attributes import Attributes
from caseindex.ingest.charset import decode_element, decode_text

RUSSIAN = [
    "КТ головного мозга",
    "Ишемический инсульт в бассейне левой СМА",
    "ОНМК по геморрагическому типу левой гемисферы головного мозга с прорывом в желудочки",
    "Патологии не выявлено",
    "МРТ ПОЯСНИЧНОГО ОТДЕЛА ПОЗВОНОЧНИКА",
    "Рентгенография ОГК, 2 проекции",
    "Органы грудной клетки",
    "ГРУДНАЯ КЛЕТКА",
    "Осмотр",
    "СКТ ОБП с в/в контрастированием (Ультравист 370), 5 мм",
]
CHINESE = [
    "头颅CT平扫",
    "胸部正侧位片",
    "缺血性脑卒中",
    "双肺纹理增多，未见明显实变影。",
    "右侧基底节区脑出血破入脑室，建议复查。",
    "磁共振平扫",
]
WESTERN = [
    "Schädel CT nativ",
    "Thorax à deux plans",
    "Crâne sans injection",
    "Röntgenaufnahme",
    "Müller-Straße",
    "Abdômen",
]


@pytest.mark.parametrize("text", RUSSIAN)
@pytest.mark.parametrize(
    ("codec", "declared"),
    [
        ("iso8859_5", ["ISO_IR 144"]),
        ("utf_8", ["ISO_IR 192"]),
        ("cp1251", ["ISO_IR 144"]),
        ("cp1251", ["ISO_IR 100"]),
        ("cp1251", ["ISO_IR 6"]),
        ("cp1251", []),
        ("cp1251", ["ISO_IR 192"]),
        ("utf_8", ["ISO_IR 144"]),
        ("utf_8", ["ISO_IR 100"]),
        ("utf_8", []),
        ("koi8_r", []),
        ("cp866", ["ISO_IR 100"]),
        ("iso8859_5", ["ISO_IR 100"]),
        ("iso8859_5", ["", "ISO 2022 IR 144"]),
    ],
)
def test_russian(text: str, codec: str, declared: list[str]) -> None:
    assert decode_element(text.encode(codec), declared) == text


@pytest.mark.parametrize("text", CHINESE)
@pytest.mark.parametrize(
    ("codec", "declared"),
    [
        ("gb18030", ["GB18030"]),
        ("gbk", ["GBK"]),
        ("utf_8", ["ISO_IR 192"]),
        ("gb18030", []),
        ("gb18030", ["ISO_IR 100"]),
        ("gb18030", ["ISO_IR 192"]),
        ("utf_8", ["GB18030"]),
        ("utf_8", ["ISO_IR 100"]),
        ("utf_8", []),
    ],
)
def test_chinese(text: str, codec: str, declared: list[str]) -> None:
    assert decode_element(text.encode(codec), declared) == text


@pytest.mark.parametrize("text", WESTERN)
@pytest.mark.parametrize(
    ("codec", "declared"), [("latin_1", ["ISO_IR 100"]), ("latin_1", []), ("utf_8", ["ISO_IR 100"])]
)
def test_western(text: str, codec: str, declared: list[str]) -> None:
    assert decode_element(text.encode(codec), declared) == text


@pytest.mark.parametrize(
    ("value", "declared", "text"),
    [
        (b"\x1b$B;3ED\x1b(B CT", ["", "ISO 2022 IR 87"], "山田 CT"),
        (b"\xd4\xcf\xc0\xde \x1b$B;3ED\x1b(J", ["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ 山田"),
        (b"CT \x1b$)C\xb1\xe8\xc8\xf1\xc1\xdf", ["", "ISO 2022 IR 149"], "CT 김희중"),
        (b"\x1b$)A\xcd\xf5\xd0\xa1\xb6\xab", ["", "ISO 2022 IR 58"], "王小东"),
        (b"\x1b-L" + "Мозг".encode("iso8859_5"), ["", "ISO 2022 IR 144"], "Мозг"),
        (b"\x1b$B;3ED\x1b(B", [], "山田"),
    ],
)
def test_iso_2022_code_extensions(value: bytes, declared: list[str], text: str) -> None:
    assert decode_element(value, declared) == text


@pytest.mark.parametrize(
    "value", [b"\xff\xfe\xfd", b"\x98\x98\x98\x81", b"\x1b\x1b\x1b", b"\x1b$)C\xff", bytes(range(256))]
)
@pytest.mark.parametrize("declared", [[], ["ISO_IR 192"], ["GB18030"], ["nonsense"], [""]])
def test_an_element_never_fails(value: bytes, declared: list[str]) -> None:
    assert isinstance(decode_element(value, declared), str)


REPORT = (
    "Описание: Срединные структуры не смещены. В бассейне левой средней мозговой артерии зона пониженной плотности.\n"
    "Заключение: Ишемический инсульт.\n"
)


@pytest.mark.parametrize(
    "codec",
    ["utf_8", "utf_8_sig", "utf_16", "utf_16_le", "utf_16_be", "cp1251", "koi8_r", "cp866", "iso8859_5"],
)
@pytest.mark.parametrize("times", [1, 500])
def test_russian_files(codec: str, times: int) -> None:
    assert decode_text((REPORT * times).encode(codec)) == REPORT * times


@pytest.mark.parametrize("codec", ["utf_8", "utf_8_sig", "utf_16", "gb18030", "gbk"])
@pytest.mark.parametrize("times", [1, 500])
def test_chinese_files(codec: str, times: int) -> None:
    text = "影像所见：双肺纹理增多，右肺下叶见斑片状磨玻璃影，边缘模糊。\n诊断意见：右肺下叶感染，建议复查。\n" * times
    assert decode_text(text.encode(codec)) == text


@pytest.mark.parametrize("data", [b"\x00\x01\x02\x03" * 40, b"\xff\xfe\x00", b"\xef\xbb\xbf\xff\xff"])
def test_what_is_no_text(data: bytes) -> None:
    with pytest.raises(InputRejected) as caught:
        decode_text(data)
    assert caught.value.code == "bad_encoding"


def test_control_characters_of_an_element_are_dropped() -> None:
    from pydicom.dataelem import RawDataElement
    from pydicom.dataset import Dataset
    from pydicom.tag import Tag

    dataset = Dataset()
    dataset[Tag(0x00081030)] = RawDataElement(Tag(0x00081030), "LO", 9, b"CT\x00\x07\r head ", 0, False, True)  # type: ignore[call-arg]
    assert Attributes.of(dataset).text(0x00081030) == "CT head"
