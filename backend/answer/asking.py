"""What does a question ask for? A person, a time, a place, a number, a reason, a way; and about which words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from backend.answer import vocabulary
from backend.answer.numerals import arabic
from backend.search.query import ParsedQuery

Wanted = Literal["who", "when", "where", "how_many", "how_to", "why", "yes_no", "other"]

_WANTED: tuple[tuple[Wanted, re.Pattern[str]], ...] = (
    ("how_to", re.compile(r"怎么(?!样)|怎样|如何|步骤|流程|手续|办法|\bhow (do|can|to|should)\b")),
    (
        "when",
        re.compile(
            r"什么时候|何时|几点|哪(一)?年|哪天|几月|几号|什么时间|哪个(年代|世纪|时期|朝代)|多会|时间是|年份|日期|\bwhen\b"
        ),
    ),
    (
        "how_many",
        re.compile(
            r"多少|几(个|本|册|天|年|次|位|人|种|元|岁|座|名|条|部|层|项|所|家|届|米|公里)|多(长|久|大|高|远|重|"
            r"宽|深)|\bhow (many|much|long|far|old)\b"
        ),
    ),
    (
        "where",
        re.compile(
            r"哪里|哪儿|何处|何地|什么地方|哪(个|座|一)?(国家?|省|市|县|城市?|地区|地方|洲|岛|区)|位于|\bwhere\b"
        ),
    ),
    ("who", re.compile(r"谁|哪(个|位|些|几位)?(人|作家|导演|皇帝|作者|科学家)|何人|什么人|\bwho(se|m)?\b")),
    ("why", re.compile(r"为什么|为何|因何|原因|\bwhy\b")),
    ("yes_no", re.compile(r"吗|是否|能不能|可不可以|是不是|有没有|可以.{0,12}[？?]$|^(can|may|do|does|is|are)\b")),
)
_DATE = re.compile(
    r"\d{1,4}\s*年|\d{1,2}\s*[月日号]|世纪|年代|\d{1,2}[:：]\d{2}|[零〇一二三四五六七八九十]{1,4}[年月日点]|周[一二三四五六日末]|星期|小时|节假日"
)
_COUNT = re.compile(
    r"[\d〇零一二两三四五六七八九十百千万亿]+(\.\d+)?\s*[%％个本册天年次位人种元岁座名条部层项所家届米公里分日月周]|\d"
)
_PLACE = re.compile(r"[省市县区镇乡村路街号楼层室馆院国洲岛山江河湖海港州]|位于|在")
_REASON = re.compile(r"因为?|由于|所以|因此|为了|导致|以便|缘故|原因")
_STEP = re.compile(
    r"首先|然后|之后|最后|步|凭|持|填写|登录|点击|到.{0,10}(办理|登记)|携带|出示|可(以)?(通过|在|到|向)|请"
)
_PERSON = re.compile(
    r"[\u4e00-\u9fff]{2,4}(先生|女士|教授|博士|主教|皇帝|将军|总统|导演|作者)?|[A-Z][a-z]+ [A-Z][a-z]+|·"
)
_FITS: dict[Wanted, re.Pattern[str]] = {
    "when": _DATE, "how_many": _COUNT, "where": _PLACE, "why": _REASON, "how_to": _STEP, "who": _PERSON,
}  # fmt: skip
_KIND = re.compile(
    r"(?:什么|哪(?:一|几)?(?:个|种|部|家|座|支|位|项|所|本|款|类|条|届|名|些|场|首)?|何种|何)([\u4e00-\u9fff]{1,3})"
)
_MEASURE = re.compile(r"(?:多少|几)(?:个)?([\u4e00-\u9fff])")
_FIGURES = r"[\d.一二三四五六七八九十百千万亿两半数]+[多余几]?(?:个)?"
_MEASURES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"多少钱|多少元|收费|费用|要钱|价格|票价|how much"), r"元|角|分(?!钟)|万元|美元|港币|欧元"),
    (
        re.compile(r"多久|多长时间|几天|多少天|几个月|多少小时|几小时|how long"),
        r"天|日|周|月|年|小时|分钟|工作日|学期|days?|weeks?|hours?|months?",
    ),
    (re.compile(r"几点|几时|what time"), r"[点时:：]"),
    (re.compile(r"多(?:远|高|长(?!时间)|宽|深|厚)"), r"米|公里|千米|厘米|毫米|里|英尺"),
    (re.compile(r"多大(?:面积)?|面积"), r"平方|公顷|亩|岁|万平方"),
    (re.compile(r"多重|重量"), r"吨|公斤|千克|克"),
    (re.compile(r"几本|多少本|几册|多少册|几部"), r"[本册部]"),
    (re.compile(r"(?:多大|几岁|多少岁|年龄)"), r"岁"),
)
"""What is asked for in numbers → the units that answer it, as patterns."""
_NUMBER = re.compile(r"(?<![\d哪几])(?:\d{2,}|\d+(?:号|世纪|届|条|版))")
"""Numbers that say which one is meant: 2015, 2号, 21世纪; not 一个 or 哪一年."""
_YEAR = re.compile(r"1[5-9]\d{2}|20\d{2}")
_EMPTY = frozenset(
    "的了是在为有和与及于由从到对把被将也都就而且则其该这那等着过之以所并又或者呢吧啊吗您们它他她中里上下时哪什么谁几多少能可会想"
)
_EMPTY_ENGLISH = frozenset(
    re.findall(
        r"\w+",
        "a about an and another any are at be by can could did do does for from get has have he her his how i in is it "
        "long many may me much my of on or other our please she some tell that the there they this to was we were what "
        "when where which who whom whose why with you your",
    )
)
RARE = 11.0
"""Rarity from which a word is a name or a term: about one in sixty thousand words."""


class Words(Protocol):
    def tokens(self, text: str) -> list[str]: ...

    def words(self, folded: str) -> list[tuple[str, float]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """``words``: the content words with their rarity; ``kind_word``: what is asked for (哪座城市 → 城市);
    ``measure``: pattern of the units a number is asked in (多少人 → 人); ``also``: other words for a word. All
    folded."""

    text: str
    wanted: Wanted
    words: tuple[tuple[str, float], ...]
    tokens: tuple[str, ...]
    kind_word: str = ""
    measure: str = ""
    numbers: tuple[str, ...] = ()
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def same_numbers(self, text: str) -> bool:
        """Does a folded text hold every number of the question, 二号 as 2号?"""
        given = arabic(text)
        return all(number in given for number in self.numbers)

    def same_years(self, text: str) -> bool:
        """Does a folded text hold every year that the question names?"""
        years = [number for number in self.numbers if _YEAR.fullmatch(number)]
        return not years or all(year in arabic(text) for year in years)

    def covered(self, text: str) -> float:
        """Share (0–1) of the words' rarity that stands in a folded text."""
        total = sum(rarity for _, rarity in self.words)
        return sum(rarity for word, rarity in self.words if self.says(word, text)) / total if total else 0.0

    def says(self, word: str, text: str) -> bool:
        """Does a folded text hold the word, or another word for it?"""
        return word in text or any(other in text for other in self.also.get(word, ()))

    def missing(self, text: str) -> float:
        """Rarity of the rarest word that a folded text lacks; 0 when it lacks none."""
        return max((rarity for word, rarity in self.words if not self.says(word, text)), default=0.0)

    def rest(self, text: str) -> str:
        """A folded text without the question's own words: what it says beyond them."""
        for word in sorted((word for word, _ in self.words if len(word) > 1), key=len, reverse=True):
            text = text.replace(word, " ")
        return text

    def counts(self, text: str) -> bool:
        """Does a folded text hold a number in the unit asked for?"""
        return bool(self.measure) and re.search(f"{_FIGURES}(?:{self.measure})", text) is not None


def asking(parsed: ParsedQuery, words: Words) -> Asking:
    """What a parsed question asks."""
    content = [(w, rarity) for w, rarity in words.words(parsed.content) if w not in _EMPTY and w not in _EMPTY_ENGLISH]
    kind_word = _KIND.search(parsed.folded)
    return Asking(
        text=parsed.folded,
        wanted=wanted(parsed.folded),
        words=tuple(content),
        tokens=tuple(words.tokens(parsed.content)),
        kind_word=kind_word.group(1) if kind_word else "",
        measure=_measure(parsed.folded),
        numbers=tuple(_NUMBER.findall(arabic(parsed.folded))),
        also={word: others for word, _ in content if (others := vocabulary.others(word))},
    )


def _measure(folded: str) -> str:
    named = next((units for pattern, units in _MEASURES if pattern.search(folded)), "")
    counted = _MEASURE.search(folded)
    return named or (re.escape(counted.group(1)) if counted else "")


def wanted(folded: str) -> Wanted:
    """What kind of answer a (folded) question asks for."""
    for kind, pattern in _WANTED:
        if pattern.search(folded):
            return kind
    return "other"


def fits(kind: Wanted, folded: str) -> float:
    """1 when a (folded) sentence has what such a question asks for, 0 when it lacks it, ½ when nothing can be said."""
    pattern = _FITS.get(kind)
    if pattern is None:
        return 0.5
    return 1.0 if pattern.search(folded) else 0.0
