"""Which sentence answers the question? Pure scores over sentences; the vectors come from outside.

BM25 over the candidates' own tokens and the cosine of the embeddings, half each (each scaled to 0–1 within the
question), then what kind of answer the question asks for: a person, a time, a place, a number.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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
K1, B = 1.2, 0.75


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


def bm25(question: Sequence[str], sentences: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """BM25 of each sentence with document frequencies among the sentences."""
    counts = [Counter(tokens) for tokens in sentences]
    lengths = np.array([max(len(tokens), 1) for tokens in sentences], dtype=np.float64)
    mean = float(lengths.mean()) if len(lengths) else 1.0
    scores = np.zeros(len(sentences))
    for token in dict.fromkeys(question):
        frequency = np.array([count[token] for count in counts], dtype=np.float64)
        found = int((frequency > 0).sum())
        if found:
            weight = math.log(1 + (len(sentences) - found + 0.5) / (found + 0.5))
            scores += weight * frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * lengths / mean))
    return scores


def scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """To 0–1 within the question; all equal gives zeros."""
    if not len(values):
        return values
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def combined(
    *,
    words: NDArray[np.float64],
    cosines: NDArray[np.float64],
    passages: NDArray[np.float64],
    fit: NDArray[np.float64],
) -> NDArray[np.float64]:
    """One score a sentence from the words, the meaning, its passage's score, and the kind of answer wanted."""
    return 0.5 * scaled(words) + 0.5 * scaled(cosines) + 0.2 * scaled(passages) + 0.15 * fit
