"""Bytes -> text, by what the bytes are rather than by what the header claims. PS3.3 C.12.1.1.2, PS3.5 6.1.2.

Archives hold Windows-1251 under a missing or Latin-1 charset, UTF-8 under GB18030, GB under ISO_IR 100. The declared
character set is one candidate among the others; the one whose text reads most like Russian, Chinese or a Western
language wins, with a bonus for the declared one.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Final

from caseindex.errors import InputRejected

#: Specific Character Set -> Python codec, without code extensions.
DEFINED_TERMS: Final = {
    "ISO_IR 6": "ascii", "ISO_IR 100": "latin_1", "ISO_IR 101": "iso8859_2", "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4", "ISO_IR 144": "iso8859_5", "ISO_IR 127": "iso8859_6", "ISO_IR 126": "iso8859_7",
    "ISO_IR 138": "iso8859_8", "ISO_IR 148": "iso8859_9", "ISO_IR 203": "iso8859_15", "ISO_IR 13": "shift_jis",
    "ISO_IR 166": "tis_620", "ISO_IR 192": "utf_8", "GB18030": "gb18030", "GBK": "gb18030",
    "ISO 2022 GB 2312": "gb18030", "ISO 2022 GBK": "gb18030",
}  # fmt: skip
#: Terms with code extensions -> (escape sequences that switch to them, codec of the bytes after the escape).
_EXTENSIONS: Final[dict[bytes, str]] = {
    b"\x1b(B": "ascii", b"\x1b(J": "shift_jis", b"\x1b)I": "shift_jis", b"\x1b(I": "shift_jis",
    b"\x1b-A": "latin_1", b"\x1b-B": "iso8859_2", b"\x1b-C": "iso8859_3", b"\x1b-D": "iso8859_4",
    b"\x1b-L": "iso8859_5", b"\x1b-G": "iso8859_6", b"\x1b-F": "iso8859_7", b"\x1b-H": "iso8859_8",
    b"\x1b-M": "iso8859_9", b"\x1b-b": "iso8859_15", b"\x1b-T": "tis_620",
    b"\x1b$B": "iso2022_jp", b"\x1b$@": "iso2022_jp", b"\x1b$(D": "iso2022_jp_2",
    b"\x1b$)C": "euc_kr", b"\x1b$)A": "gb2312",
}  # fmt: skip
_ESCAPE: Final = re.compile(rb"(\x1b(?:\$[()][A-D]|\$[@B]|[()-][A-Za-z]))")

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1f]")

_CANDIDATES: Final = ("cp1251", "koi8_r", "cp866", "iso8859_5", "gb18030", "cp1252")

# Letter frequencies of Russian, per mille.
_RUSSIAN: Final = dict(zip("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", (
    110, 85, 80, 74, 67, 63, 55, 47, 45, 44, 35, 32, 30, 28, 26, 20, 19, 17, 17, 17, 16, 14, 12, 10, 9, 7, 6, 5, 4, 3, 3, 1, 1,
), strict=True))  # fmt: skip
# The commonest Chinese signs, and those of radiology reports.
_HANZI: Final = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成"
    "方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情"
    "明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世"
    "位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再"
    "感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式"
    "色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运肺胸腹脑颅骨盆腔肝脾胰胆肾膀胱前列腺"
    "子宫卵巢心脏血管动脉静脉瓣膜纵隔气管支气管食管胃肠结节肿块占位病变密度影像所见诊断意见双侧左右上下叶段纹理增多紊乱清晰正常未见"
    "明显异常积液渗出实变磨玻璃斑片条索钙化纤维灶淋巴结肿大扩张狭窄梗死缺血出血软化萎缩水肿硬膜外蛛网膜室脑沟裂增宽中线移骨折脱位退"
    "行性椎间盘突出炎症感染结核癌瘤囊肿转移强化信号扫描平扫增强检查患者男女岁岁日期医院放射科报告描述印象提示考虑建议复查随访对比较"
    "轻度重度少量大量局限弥漫边缘光滑毛糙形态规则不均匀低高等混杂肋膈角锐利横膈胸膜增厚粘连主动脉弓突迂曲额颞顶枕岛基底节丘脑干小脑"
    "半球白质灰质病灶可能除外请结合临床甲状腺乳腺肩肘腕髋膝踝足手指颈腰骶尾新冠毒阳阴性磁共振计算机断层超声线片正侧斜位"
)  # fmt: skip


def plausibility(text: str) -> float:
    """How much ``text`` reads like Russian, Chinese or a Western language: below 0 like none. Only the signs beyond
    ASCII count, each by the bytes that it stands for in a single- or double-byte set; 0 where there are none."""
    score = weight = 0.0
    cyrillic = latin = 0
    previous = ""
    word_latin = word_cyrillic = False
    for sign in text:
        code = ord(sign)
        if code < 0x80:
            latin += sign.isalpha()
            word_latin = sign.isalpha() or (word_latin and not sign.isspace() and sign.isalnum())
            if not sign.isalpha():
                word_cyrillic = False
            elif word_cyrillic:
                score -= 1.0  # Latin inside a Cyrillic word
        else:
            share = 2.0 if code >= 0x2E80 else 1.0
            weight += share
            score += share * _sign(sign, code, previous, word_latin, word_cyrillic)
            word_cyrillic = 0x400 <= code < 0x460
            cyrillic += word_cyrillic
            word_latin = (0xC0 <= code < 0x250) and sign.isalpha()
        previous = sign
    if cyrillic <= 2 and latin >= 4:
        score -= cyrillic  # one Cyrillic letter in a Western text is an accented one misread
    return score / weight if weight else 0.0


def _sign(sign: str, code: int, previous: str, after_latin: bool, after_cyrillic: bool) -> float:
    if 0x400 <= code < 0x460:
        frequency = _RUSSIAN.get(sign.lower(), 0)
        value = min(1.0, frequency / 40.0) if frequency else -0.5
        if sign.isupper() and previous.islower():
            value -= 2.0  # the mark of KOI8-R read as 1251, and the reverse
        return value - (1.0 if after_latin and not after_cyrillic else 0.0)
    if sign in _HANZI:
        return 0.9
    if 0x4E00 <= code < 0xA000:
        try:
            return 0.1 if sign.encode("gb2312")[0] <= 0xD7 else -0.7  # level 1: by use; level 2: rare
        except UnicodeEncodeError:
            return -1.0
    if 0x3000 <= code < 0x3100 or 0xFF00 <= code < 0xFF5F or 0xAC00 <= code < 0xD7B0:
        return 0.4  # punctuation of Chinese, kana, Hangul
    if 0xC0 <= code < 0x250 and sign.isalpha():
        if sign.isupper() and previous.islower():
            return -1.0
        return 0.5 if previous.isascii() else -0.4  # accents stand single in Western words
    if 0x370 <= code < 0x400 or 0x590 <= code < 0x700 or 0xE00 <= code < 0xE80:
        return 0.2
    if sign in "«»„“”‘’–—…°±×µ№·²³½\u00a0":
        return 0.1
    return -2.0 if not sign.isprintable() or sign == "\ufffd" or 0xE000 <= code < 0xF900 else -0.6


def decode_element(value: bytes, declared: Sequence[str]) -> str:
    """One text element. Never fails: what no character set fits becomes U+FFFD.

    >>> decode_element("Ишемический инсульт".encode("cp1251"), ("ISO_IR 100",))
    'Ишемический инсульт'
    """
    value = value.rstrip(b" \0")
    if b"\x1b" in value:
        return _decode_escapes(value, declared)
    if value.isascii():
        return value.decode("ascii")
    codec = next((DEFINED_TERMS[term] for term in map(_term, declared[:1]) if term in DEFINED_TERMS), None)
    if codec in {None, "ascii"} and len(declared) > 1:
        codec = next((DEFINED_TERMS[term] for term in map(_term, declared[1:]) if term in DEFINED_TERMS), codec)
    return _best(value, codec) or value.decode(codec or "latin_1", "replace")


def decode_text(data: bytes) -> str:
    """A text or CSV file: UTF-8 (with or without mark), UTF-16, Windows-1251, KOI8-R, CP866, ISO-8859-5, GB18030 or
    Windows-1252, whichever reads as a language.

    Raises :class:`~caseindex.errors.InputRejected` (``bad_encoding``) for bytes that are no text.
    """
    for mark, codec in (
        (codecs.BOM_UTF8, "utf_8_sig"),
        (codecs.BOM_UTF16_LE, "utf_16"),
        (codecs.BOM_UTF16_BE, "utf_16"),
    ):
        if data.startswith(mark):
            try:
                return data.decode(codec)
            except UnicodeDecodeError as error:
                raise InputRejected("text", "bad_encoding", f"not the {codec} that its mark announces") from error
    if 0 in data:
        for codec, high in (("utf_16_le", data[1:4096:2]), ("utf_16_be", data[0:4096:2])):
            text = _strict(data, codec) if high.count(0) * 20 >= data[:4096].count(0) * 19 else None
            if text is not None and not _CONTROLS.search(text) and (text.isascii() or plausibility(text) > 0):
                return text
        raise InputRejected("text", "bad_encoding", "zero bytes: not a text")
    if data.isascii():
        return data.decode("ascii")
    found = _best(data, None)
    if found is None:
        raise InputRejected("text", "bad_encoding")
    return found


def _term(declared: str) -> str:
    return (
        declared.strip()
        .upper()
        .replace("ISO-IR", "ISO_IR")
        .replace("ISO 2022 IR", "ISO_IR")
        .replace("ISO IR", "ISO_IR")
    )


def _strict(value: bytes, codec: str) -> str | None:
    try:
        return value.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return None


def _best(value: bytes, declared: str | None) -> str | None:
    """The most plausible strict decoding, or ``None`` where there is none above nonsense."""
    sample = value if len(value) <= 8192 else value[:8192]
    utf8 = _strict(value, "utf_8")
    if utf8 is not None and (len(value) > 64 or (declared != "gb18030" and plausibility(utf8) > 0)):
        return utf8  # longer bytes are not valid UTF-8 by chance; two Chinese signs in GB can be
    candidates = dict.fromkeys((declared, *_CANDIDATES) if declared else _CANDIDATES)
    if utf8 is not None:
        candidates["utf_8"] = None
    best: tuple[float, str] | None = None
    for codec in candidates:
        text = _strict(sample, codec) if len(sample) == len(value) else sample.decode(codec, "ignore")
        if text is None:
            continue
        score = plausibility(text) + (0.25 if codec == declared and declared not in {"ascii"} else 0.0)
        if codec == "utf_8":
            score += 0.5
        if (best is None or score > best[0]) and (len(sample) == len(value) or _strict(value, codec) is not None):
            best = (score, codec)
    if best is None or best[0] < -1.0:
        return None
    return value.decode(best[1])


def _decode_escapes(value: bytes, declared: Sequence[str]) -> str:
    """ISO 2022: each escape sequence names the set of what follows it, until the next one or a delimiter."""
    base = declared[0] if declared and declared[0] else "ISO_IR 6"
    initial = DEFINED_TERMS.get(_term(base), "latin_1")
    if initial == "ascii":
        initial = "latin_1"
    parts = _ESCAPE.split(value)
    text = [_lenient(parts[0], initial)]
    for escape, body in zip(parts[1::2], parts[2::2], strict=True):
        codec = _EXTENSIONS.get(escape)
        if codec is None:
            text.append(_lenient(body, initial))
        elif codec.startswith("iso2022"):
            text.append((escape + body).decode(codec, "replace"))
        else:
            text.append(_lenient(body, codec))
    return "".join(text)


def _lenient(body: bytes, codec: str) -> str:
    return body.decode(codec, "replace")
