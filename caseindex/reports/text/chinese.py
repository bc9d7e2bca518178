"""Chinese without a general dictionary: traditional characters made simplified, the lexicon's words by longest match,
overlapping pairs of characters for the rest (as in the bigram indexing of Nie, Gao, Zhang and Zhou 2000)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from caseindex.records import Language
from caseindex.reports.table import rows

# The characters of radiology reports that differ, traditional before simplified.
_PAIRS = (
    "腦脑 顱颅 葉叶 額额 頂顶 顳颞 島岛 體体 橋桥 幹干 區区 側侧 雙双 兩两 動动 靜静 脈脉 瘤瘤 腫肿 塊块 囊囊 積积 擴扩 張张 縮缩"
    " 變变 縱纵 膈膈 肺肺 氣气 腸肠 腎肾 膽胆 膵胰 闌阑 尾尾 結结 節节 鈣钙 組组 織织 斷断 裂裂 脫脱 關关 骨骨 頸颈 椎椎"
    " 間间 盤盘 狹狭 竇窦 癌癌 惡恶 轉转 移移 淺浅 實实 質质 纖纤 維维 陰阴 影影 見见 無无 異异 顯显 狀状 徵征 檢检 查查 診诊"
    " 斷断 診诊 意意 見见 顱颅 內内 壓压 損损 傷伤 灶灶 緣缘 門门 滲渗 漏漏 斑斑 樣样 級级 點点 條条 帶带 數数 個个 處处 較较 減减"
    " 強强 豐丰 係系 統统 過过 後后 發发 現现 為为 與与 對对 應应 術术 線线 膠胶 質质 細细 臟脏 導导 絡络 凍冻 濁浊 聲声 鏡镜"
    " 樹树 徑径 厚厚 尿尿 輸输 卵卵 巢巢 宮宫 頸颈 陣阵 據据 準准 確确 鑑鉴 鑒鉴 別别 診诊 慮虑 請请 議议 複复 復复 隨随 訪访"
    " 無无 絕绝 緻致 癥症 爲为 於于 並并 餘余 軟软 韌韧 帶带 髕髌 腳脚 臂臂 橈桡 顆颗 團团 漿浆 爛烂 潰溃 瘍疡 癰痈 膿脓 毀毁"
    " 壞坏 鬱郁 嚴严 輕轻 慢慢 舊旧 陳陈 長长 圓圆 雲云 網网 隱隐 約约 類类 勢势 險险 驗验 總总 結结 論论 傾倾 餘余 蝕蚀 穿穿"
    " 髖髋 鎖锁 齒齿 頜颌 鼻鼻 咽咽 喉喉 舌舌 腮腮 淚泪 視视 聽听 針针 釘钉 鋼钢 機机 電电 極极 單单 復复 術术 歲岁 纖纤 維维"
    " 髓髓 鞘鞘 脫脱 屬属 遺遗 傳传 畸畸 形形 靶靶 滯滞 遲迟 僵僵 尋寻 煙烟 霧雾 紋纹 狼狼 瘡疮 風风 濕湿 痛痛 彎弯 強强 直直"
    " 獨独 眾众 僅仅 廣广 擋挡 滿满 漸渐 濃浓 環环 產产 畫画 癲癫 癇痫 盡尽 矽硅 禮礼 紅红 純纯 給给 綜综 縫缝 腱腱 膚肤 臨临"
    " 訊讯 記记 許许 評评 該该 護护 負负 質质 躍跃 軸轴 輪轮 達达 選选 邊边 鄰邻 錐锥 鐵铁 鏽锈 闊阔 際际 隻只 離离 難难 頭头 題题"
    " 願愿 顆颗 飽饱 驟骤 體体 鬆松 點点 黃黄 齡龄 龍龙 來来 個个 倆俩 傷伤 僂偻 價价 儀仪 優优 內内 剛刚 創创 劑剂 勻匀 協协 參参 啟启"
    " 嗎吗 噴喷 圍围 報报 場场 塵尘 墊垫 壁壁 壓压 夾夹 奧奥 妊妊 孫孙 學学 寬宽 層层 嵌嵌 廓廓 彌弥 後后 從从 恆恒 愛爱 態态 慣惯 憩憩"
    " 懷怀 懸悬 戶户 掃扫 採采 擇择 擊击 攝摄 時时 書书 會会 條条 極极 構构 樞枢 檔档 歐欧 歸归 殘残 氈毡 決决 沒没 淋淋 測测 溝沟 潛潜"
    " 潤润 瀰弥 灣湾 燈灯 營营 爾尔 牽牵 犬犬 獲获 瑪玛 當当 療疗 瘺瘘 瘻瘘 癒愈 皺皱 監监 瞼睑 礎础 禦御 種种 積积 穩稳 竅窍 筆笔 紀纪 級级"
    " 細细 終终 絨绒 經经 緊紧 緩缓 縮缩 繼继 續续 罌罂 羅罗 義义 習习 肅肃 脅胁 脛胫 腎肾 臍脐 臺台 興兴 艱艰 莖茎 華华 葉叶 藥药 蘭兰 號号"
    " 蝶蝶 術术 衝冲 補补 裝装 觀观 計计 試试 詢询 誤误 誘诱 說说 調调 證证 識识 讓让 貓猫 貧贫 貫贯 賁贲 賴赖 趨趋 跡迹 軀躯 載载 輔辅 辦办"
    " 橫横 脹胀 彈弹 剝剥 恥耻 殼壳 蟲虫 鈍钝 鈦钛 鉤钩 銀银 閥阀 項项 頰颊 顎颚 蹠跖 聯联 併并 遠远 觸触 嬰婴 兒儿 婦妇 圖图 劇剧 匯汇 岡冈 峽峡 幾几 廢废 換换 摺折 擠挤 擬拟 敘叙 曆历"
    " 歷历 淨净 濾滤 熱热 燒烧 稱称 窩窝 絲丝 繞绕 臥卧 蓋盖 虛虚 裡里 裏里 製制 規规 詳详 認认 諸诸 貼贴 順顺 養养 鱗鳞 膕腘 齲龋 顏颜 壯壮 審审 庫库 撐撑 捲卷 欄栏 潔洁 溫温 滅灭 礙碍 籠笼 紮扎 銳锐 鏈链 豎竖 衛卫 專专"
    " 農农 連连 進进 週周 運运 適适 還还 郵邮 醫医 釋释 錯错 鍵键 鐘钟 鑽钻 閉闭 開开 闕阙 降降 陽阳 隊队 隔隔 雜杂 靈灵 韓韩 響响 頓顿 預预"
    " 頻频 顴颧 飼饲 驅驱 髮发 鬚须 鳥鸟 鹼碱 麥麦 黴霉 齊齐"
)
_SIMPLIFIED = str.maketrans({pair[0]: pair[1] for pair in _PAIRS.split() if pair[0] != pair[1]})


def simplified(text: str) -> str:
    """Traditional characters replaced one by one: the length, and so every offset, stays."""
    return text.translate(_SIMPLIFIED)


@lru_cache(maxsize=1)
def _words() -> tuple[frozenset[str], int]:
    words = frozenset(simplified(name) for row in rows() for name in row.names[Language.CHINESE] if len(name) > 1)
    return words, max(map(len, words))


def segments(run: str) -> Iterator[tuple[int, int]]:
    """(start, end) of the pieces of a run of simplified Han characters: words of the lexicon, else pairs.

    >>> [run[a:b] for run in ["双肺见磨玻璃影"] for a, b in segments(run)]
    ['双肺', '见', '磨玻璃影']
    """
    words, longest = _words()
    start = position = 0
    while position < len(run):
        for length in range(min(longest, len(run) - position), 1, -1):
            if run[position : position + length] in words:
                yield from _pairs(start, position)
                yield position, position + length
                position += length
                start = position
                break
        else:
            position += 1
    yield from _pairs(start, len(run))


def _pairs(start: int, end: int) -> Iterator[tuple[int, int]]:
    if end - start == 1:
        yield start, end
    for position in range(start, end - 1):
        yield position, position + 2
