"""Slips that no comparison of letters puts right: Chinese characters that sound or look alike ("末见" for "未见", "增后" for
"增厚"), and the usual misspelling of Russian medical words. Each is replaced by as many letters, so that offsets stay."""

from __future__ import annotations

import re

# Wrong and right, character by character. Only what is no word otherwise.
_CHINESE = (
    "末见未见 末示未示 末发未发 末及未及 末探未探 末闻未闻 末除未除 末累未累 增后增厚 曾厚增厚 增原增厚 曾大增大 曾强增强 曾宽增宽 曾生增生 曾高增高 曾多增多 扩涨扩张 扩长扩张 增殖增殖"
    " 彭出膨出 膨岀膨出 突岀突出 凸出突出 突处突出 脱岀脱出 台高抬高 抬髙抬高 拾高抬高 积夜积液 积掖积液 基液积液 渗岀渗出 滲出渗出 出雪出血 岀血出血 血种血肿 水种水肿 囊种囊肿 种块肿块 种大肿大"
    " 种瘤肿瘤 肿溜肿瘤 肌溜肌瘤 血管溜血管瘤 动脉溜动脉瘤 占为占位 站位占位 古位占位 梗赛梗塞 栓赛栓塞 更死梗死 梗塞梗塞 狭榨狭窄 狭窖狭窄 挟窄狭窄 夹窄狭窄 钙华钙化 该化钙化 改化钙化 玻离玻璃 波璃玻璃 玻漓玻璃"
    " 毛波璃毛玻璃 磨破璃磨玻璃 班片斑片 斑块斑块 片壮片状 条锁条索 条索条索 胸魔胸膜 胸莫胸膜 脑漠脑膜 硬漠硬膜 硬摸硬膜 付鼻副鼻 椎问椎间 椎间盆椎间盘 椎闻椎间 骨拆骨折 骨析骨折 骨则骨折 折段折断 脱为脱位 错为错位 移为移位 易位移位"
    " 弥慢弥漫 弥满弥漫 局造局灶 并灶病灶 炎证炎症 炎正炎症 感柒感染 影象影像 密渡密度 蜜度密度 信好信号 结接结节 节结结节 结石结石 结右结石 胆襄胆囊 襄肿囊肿 襄性囊性 囊重囊肿 纵膈纵隔 纵格纵隔 横隔横膈 鼻中膈鼻中隔 隔肌膈肌 隔面膈面 隔疝膈疝 肺气种肺气肿 肺大泡肺大泡"
    " 支气菅支气管 气菅气管 血菅血管 胆菅胆管 陈旧陈旧 陈日陈旧 阵旧陈旧 软画软化 脑梗寒脑梗塞 缺雪缺血 缺皿缺血 出皿出血 血检血栓 检塞栓塞 拴塞栓塞 血拴血栓 萎宿萎缩 委缩萎缩 萎锁萎缩 磨损磨损 半月扳半月板 韧代韧带 靭带韧带 撕列撕裂 斯裂撕裂 断列断裂 破列破裂"
    " 肝硬画肝硬化 脂防肝脂肪肝 脂肪干脂肪肝 淋巴洁淋巴结 淋吧结淋巴结 肿胀肿胀 种胀肿胀 骨质舒松骨质疏松 疏忪疏松 退行性便退行性变 退行性边退行性变 骨质曾生骨质增生 纹里纹理 纹路纹理 甲状线甲状腺 前列线前列腺 肾上线肾上腺 侧湾侧弯 侧弯侧弯 脊拄脊柱 积气积气"
)
_IMAGE_NUMBER = re.compile(r"[(（] ?(?:Se|Im|IM|SE|层)[^)）]{1,20}[)）]")  # "(Se3,Im45)": its comma ends no clause
_NODES = re.compile(r"\b[лЛ]/(?:узл[а-яё]*|у)(?![а-яё])")  # "л/узлы", "л/у": nodes of lymph, no nodules
_LYMPH_NODES = re.compile(r"(\b[лЛ]имф)атическ[а-яё]+ (уз(?:ел|л[а-яё]+))")  # "лимфатических узлов"
# "м/ж", "к/с": an abbreviation that is also written without its stroke
_STROKES = re.compile(r"\b(?:[щЩжЖпПмМ]/[жЖпП]|[кК]/[сС])\b(?!/)")
_CERVICAL = re.compile(r"\bС(?=[1-7]\b)")  # "С5-С6" typed with the Cyrillic letter
_CANCER = re.compile(r"\b[сСcC]-r\b")  # "с-r": cancer, with a letter of either script
_LOWER_CANCER = re.compile(r"\bcr\b")  # "подозрительно на cr"
_SIDE = re.compile(r"\b([сС](?:пра|ле)в)о\b")  # "справо"
_RUSSIAN = ("гемморагич геморрагич гемморагия геморрагия гемморагии геморрагии").split()


def _pairs(text: str) -> dict[str, str]:
    return {
        pair[: len(pair) // 2]: pair[len(pair) // 2 :]
        for pair in text.split()
        if pair[: len(pair) // 2] != pair[len(pair) // 2 :]
    }


_CHINESE_SLIPS = _pairs(_CHINESE)
_CHINESE_PATTERN = re.compile("|".join(sorted(_CHINESE_SLIPS, key=len, reverse=True)))
_RUSSIAN_SLIPS = dict(zip(_RUSSIAN[::2], _RUSSIAN[1::2], strict=True))
_RUSSIAN_PATTERN = re.compile("|".join(_RUSSIAN_SLIPS), re.IGNORECASE)


def chinese_slips(text: str) -> str:
    """A Chinese text with the usual slips put right.

    >>> chinese_slips("颅内末见出血") == "颅内未见出血"
    True
    """
    text = _IMAGE_NUMBER.sub(lambda match: match.group().replace(",", " ").replace("，", " "), text)
    return _CHINESE_PATTERN.sub(lambda match: _CHINESE_SLIPS[match.group()], text)


def russian_slips(text: str) -> str:
    """A Russian text with the usual misspellings put right; what begins with a capital goes on to.

    >>> russian_slips("гемморагическое пропитывание") == "геморрагическое пропитывание"
    True
    """
    if "/у" in text:
        text = _NODES.sub(lambda match: "ЛУ".ljust(len(match.group())), text)
    for parted in ("п/о", "т/б"):  # a stroke parts clauses
        text = text.replace(parted, parted.replace("/", "-"))
    if "/" in text:
        text = _STROKES.sub(lambda match: match.group().replace("/", "").upper().ljust(len(match.group())), text)
    text = _SIDE.sub(r"\1а", _CERVICAL.sub("C", text))
    if "-r" in text:
        text = _CANCER.sub("Cr ", text)
    if "cr" in text:
        text = _LOWER_CANCER.sub("Cr", text)
    if "имфатическ" in text:
        text = _LYMPH_NODES.sub(lambda match: f"{match[1]}о{match[2]}".ljust(len(match.group())), text)
    return _RUSSIAN_PATTERN.sub(_as_written, text) if "еммораг" in text.lower() else text


def _as_written(match: re.Match[str]) -> str:
    right = _RUSSIAN_SLIPS[match.group().lower()]
    return right.capitalize() if match.group()[0].isupper() else right
