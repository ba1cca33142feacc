"""When are two questions certainly the same one? Pure.

An answer that is remembered for one question may be given to another only if both certainly ask the same. Nearness of
embeddings cannot tell: measured on 3,000 pairs (LCQMC, BQ), at a cosine of .99 seven in a hundred hits are wrong, and
pairs that exchange roles (女人喜欢男人 / 男人喜欢女人) or turn the meaning (可以验货 / 不可以验货) reach .993–.996; the
same words in another order are wrong in five of a hundred. So sameness is exact, after a normal form that changes no
meaning: folded characters and spaces, politeness in front, particles and punctuation at the end, a few words that are
interchangeable everywhere. On 18,802 labelled pairs it takes no different pair for the same (tests/chat/
test_sameness.py).
"""

from __future__ import annotations

import re

from backend.search.query import folded

_POLITE = re.compile(
    r"(?:你好|您好|请问一下|请问|请教一下|请教|想请问|我想问一下|我想问|想问一下|想问|我想知道|想知道|咨询一下|咨询|麻烦问一下|"
    r"麻烦您|麻烦|劳驾|打扰一下|打扰了|谢谢|"
    r"(?:please tell me|could you tell me|can you tell me|hello|hi|please)(?![a-z]))"
    r"[\s,，。.!！:：、]*"
)
_ENDING = re.compile(r"(?:[\s,，。.!！?？~～;；…]|吗|呢|啊|呀|吧|哦|嘛|谢谢您?|多谢|thanks|thank you)+$")
_EQUAL: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"怎样(?!的|$)|如何(?!$)", "怎么"),
        (r"何时|几时", "什么时候"),
        (r"可不可以|能否|可否", "能不能"),
        (r"在哪儿|在哪里", "在哪"),
        (r"多长时间", "多久"),
    )
)
_SPACE = re.compile(r"(?<![a-z\d])\s+|\s+(?![a-z\d])")
_TIMELY = re.compile(
    r"今天|今日|今晚|明天|明日|后天|昨天|现在|目前|当前|此刻|刚才|这会儿?|本周|这周|下周|上周|本月|这个月|下个?月|几点了|"
    r"\b(?:now|today|tonight|tomorrow|yesterday|currently|this (?:week|month)|next (?:week|month))\b"
)


def same_form(question: str) -> str:
    """The normal form; two questions with the same one ask the same."""
    text = folded(question).strip()
    while (reduced := _reduced(text)) != text:
        text = reduced
    return text


def _reduced(text: str) -> str:
    while (rest := _POLITE.sub("", text, count=1) if _POLITE.match(text) else text) != text and rest:
        text = rest
    text = _ENDING.sub("", text) or text
    for pattern, word in _EQUAL:
        text = pattern.sub(word, text)
    return _SPACE.sub("", text)


def timely(question: str) -> bool:
    """Does the answer depend on the moment of asking?"""
    return bool(_TIMELY.search(folded(question)))
