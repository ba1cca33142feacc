"""The words by which a question leans on the one before it: patterns and what they stand for. Pure."""

from __future__ import annotations

import re

_NUMERAL = {c: n for n, c in enumerate("一二三四五六七八九十", start=1)} | {"两": 2, "首": 1}
_N = r"[一二两三四五六七八九十]|\d{1,2}"
_ITEM = r"(?:本|册|部|篇|个|条|项|种|份|则)"
_NOUN = r"(?:书|标准|文献|结果|论文|图书|文章|资料)?"
# An ordinal points at the list only when the sentence goes on about the thing itself: 第二个五年计划 does not.
_GOES_ON = (
    r"(?=$|[\s，,。？?！!、]|和|与|跟|及|在|有|是|哪|怎|能|可|还|的|呢|吗|讲|写|借|谁|什么|多少|几|如何|现|被|馆|索|适|值|我|多|"
    r"要|也|都|为|作|出版|is|are|can|where|please)"
)
_ORDINAL = re.compile(rf"(?P<back>倒数)?第(?P<n>{_N}){_ITEM}{_NOUN}{_GOES_ON}")
_LAST = re.compile(rf"(?:最后|末尾|末)(?:的)?(?:那|这)?一{_ITEM}{_NOUN}{_GOES_ON}")
_ENGLISH_ORDINAL = re.compile(
    r"\bthe (first|second|third|fourth|fifth|last)( one| book| item)?\b(?! \w+ (plan|edition))", re.I
)
_ENGLISH = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1}

TOPIC_CHANGE = re.compile(
    r"^(?:对了|换个(?:话题|问题)|另外(?:再|想)?(?:问|请教)(?:一?下|个问题)?|再问(?:一?下|个(?:别的|其他的?)?问题)|顺便(?:问|请教)(?:一?下)?|"
    r"还有个问题|(?:by the way|another question))[\s，,：:]+",
    re.I,
)
TITLE = re.compile(r"《[^》]+》")
STANDARD_NUMBER = re.compile(r"\b(?:GB|ISO|IEC|WH|DB\d*|HG|JB|YY|Q)\s*[/／]?\s*[A-Z]{0,4}\s*\d{2,}", re.I)
POINTING = re.compile(
    rf"(?:上面|刚才|前面|之前)?(?:说|提到|找到)?的?(?:这|那|该|此)(?:一)?{_ITEM}"
    r"(?!月|星期|学期|季度|问题|时候|时间|人|小时|馆|图书馆|城市|地方|学校)(?:书|标准|文献|论文|图书|规定|资料|文章)?|"
    r"(?:这|那|该|此)(?:书|标准|文献|论文|刊)(?!馆|证)|(?<![其])它(?!们)|(?<![与尤极或])其(?=的|在|有|是|多|什|哪|怎|$|[？?])|"
    r"\b(?:it|that (?:book|one|standard)|this (?:book|one|standard))\b"
)
THESE = re.compile(
    r"(?:上面|刚才|前面)?的?(?:这|那)(?:(?P<count>[两二三四五六])(?:本|部|册|个|篇|项)|几(?:本|部|册|个|篇|项)|些)(?:书|图书|标准|文献|论文|结果)?|它们|"
    r"\b(?:they|them|these books|those books)\b"
)
THERE = re.compile(
    r"(?:该|这个?|那个?|这家|那家)(?:图书)?馆(?!藏)|(?:那里|那儿|那边)(?=有|的|可|能|几|怎|在|是|离|停|周|还)"
)
PERSON = re.compile(
    r"(?:这|那)(?:个|位)(?:作者|作家|人)|该(?:作者|作家)|(?<![其他])他(?![们人])|她(?!们)|\b(?:he|she|his|her)\b"
)
MORE = re.compile(
    r"(?:那)?还有(?:没有)?(?:别的|其他的?|其它的?|更多的?)?(?:书|标准|资料|吗|么|呢|\s)*[？?]?|还有(?:吗|么|没有)[？?]?|(?:有)?更多(?:吗|的吗|呢)?[？?]?|"
    r"any (?:more|others)\??|what else\??",
    re.I,
)
TAIL = re.compile(r"[呢吗吧呀啊？?。！!\s]+$")
ELLIPSIS = re.compile(
    r"(?:那么?|然后|还有|再问|如果是?|要是|换成|and|what about|how about)?[\s，,]*(?P<rest>.{1,24}?)[\s，,]*"
    r"(?:呢|怎么样|如何|可以吗|行吗|也?一样吗|也(?:可以|能|行)吗)?[？?。]?",
    re.I,
)
_LEANS = re.compile(
    r"^(?:那(?![本个位家些里儿边种篇部册项])|那么|然后|还有|如果|要是|换成|and |what about|how about)|"
    r"呢[？?。]?$|一样吗[？?]?$",
    re.I,
)
_ASKS = re.compile(
    r"什么|怎|如何|谁|哪|几|多少|多久|多长|是否|为什么|有没有|能不能|可不可以|吗|\b(?:what|when|where|who|how)\b"
)
_VERB = re.compile(r"[\u4e00-\u9fff]{2,}(?:可以|能|要|需要|开放|收费|允许|提供|开门|关门)")

# Words without a subject of their own: what is left of a question when they are gone says what it is about.
_EMPTY = re.compile(
    r"请问|那么?|一共|总共|大概|大约|通常|一般|具体|需要|要|得|用|交|付|花|收|是|有|可以|能不能|能|可不可以|会|在|去|到|从|带|准备|填|提供|办理?|"
    r"什么|怎么(?:样|办)?|怎样|如何|谁|哪里|哪儿|哪个|哪些|哪天|哪|几个?|几天|几点|几次|多少|多久|多长时间|多长|多大|为什么|什么时候|何时|"
    r"时间|时候|材料|证件|手续|步骤|流程|条件|费用?|钱|元|块|收费|免费|贵|地方|地点|楼|层|电话|天|次|本|册|人|我|你们?|您|的|了|吗|呢|吧|啊|呀|"
    r"[\s，,。？?！!]"
)
_QUESTION = re.compile(
    r"请问|我想(?:知道|问)?|想(?:知道|问)|怎么样|怎么办(?=$|[？?])|怎么|怎样|如何|什么时候|什么时间|什么|多少钱|多少|多久|多长时间|多长|几点|几天|几本|几次|哪里有?|"
    r"哪儿有?|哪些|哪个|有没有|能不能|可不可以|可以|能|吗|呢|是|要|需要|为什么|[？?。！!]"
)
_TIME = (
    r"周[一二三四五六日末]|星期[一二三四五六日天]|礼拜[一二三四五六日天]|工作日|平时|平日|法定节假日|节假日|春节|国庆节?|寒暑假|寒假|暑假|今天|明天|后天|"
    r"昨天|早上|上午|中午|下午|晚上|夜间|\b(?:weekdays?|weekends?|(?:sun|mon|tues|wednes|thurs|fri|satur)days?|holidays?)\b"
)
_PEOPLE = (
    r"本科生|研究生|硕士生?|博士生?|教职工|留学生|学生|教师|老师|校友|儿童|少儿|未成年人|老年人?|老人|成人|市民|外地人|外籍(?:读者|人士)?|"
    r"残障(?:读者|人士)?|企业(?:用户|读者)?"
)
_MATERIALS = (
    r"过刊|期刊|杂志|报纸|图书(?!馆)|(?<![图])书(?!馆|证|卡)|学位论文|论文|光盘|电子书|古籍|教材|工具书|CD|DVD|dvd"
)
_ACTIONS = r"续借|预约|复印|打印|扫描|赔偿|挂失|退证|补办|办证|办理|注销|借(?!期|书证|阅|书卡|给|还)|还(?=书|$)"
_LIBRARY = r"[\u4e00-\u9fff]{2,12}(?:图书馆|学院|大学|分馆|馆)"
_SLOTS = tuple(re.compile(pattern, re.I) for pattern in (_TIME, _PEOPLE, _MATERIALS, _ACTIONS))
_PLACE = re.compile(_LIBRARY)
_ASKED_LIBRARY = re.compile(r"^(?:请问|我想问|想问|在|去|到|我在)+")
_YEARS = re.compile(
    r"(?:(?:19|20)\d{2}年?(?:以后|之后|以前|之前|以来|后|前)?|(?:最?近|过去)[一二两三四五六七八九十\d]+年)(?:出版)?的?"
)
_ABOUT = re.compile(
    r"关于(.{1,16}?)(?=的(?:书|图书|小说|资料|文献|论文|标准))|(?:有没有|有什么|有哪些|找|推荐)(?!关于)(.{1,12}?)(?=(?:方面)?的(?:书|图书|小说|资料))"
)
_AUTHOR = re.compile(
    r"^(?:请问|我想找|我想看|有没有|有哪些|有|找|推荐)?([\u4e00-\u9fff·]{2,12}?)(?=(?:都|还)?(?:写|著|编|出版|翻译)(?:过|了|的)?|的(?:书|作品|小说|著作|散文|诗))"
)
_NO_NAME = re.compile(r"喜欢|很|最|关于|方面|图书|最新|哪|什么|本馆|我们|你们|中国|外国|英文|中文")


def ordinals(question: str) -> list[tuple[int, int, int]]:
    """(start, end, number) of each place that counts in a list; negative numbers count from its end."""
    found = [
        (m.start(), m.end(), -number_of(m.group("n")) if m.group("back") else number_of(m.group("n")))
        for m in _ORDINAL.finditer(question)
    ]
    found += [(m.start(), m.end(), -1) for m in _LAST.finditer(question)]
    found += [(m.start(), m.end(), _ENGLISH[m.group(1).lower()]) for m in _ENGLISH_ORDINAL.finditer(question)]
    return sorted(found)


def number_of(text: str) -> int:
    return int(text) if text.isdigit() else _NUMERAL.get(text, 0)


def leans(question: str) -> bool:
    return len(question) <= 26 and _LEANS.search(question) is not None


def asks(text: str) -> bool:
    return _ASKS.search(text) is not None


def empty(question: str) -> bool:
    """Is there nothing in the question but question words and words that need a subject?"""
    return len(question) <= 14 and asks(question) and not _EMPTY.sub("", question)


def whole_sentence(rest: str) -> bool:
    """Is what is left a statement of its own (the subject and what is said of it)?"""
    return len(rest) > 12 and _VERB.search(rest) is not None


def library(question: str) -> str:
    """The library that a question names."""
    match = _PLACE.search(question)
    named = _ASKED_LIBRARY.sub("", match.group()) if match else ""
    return "" if named in ("图书馆", "本图书馆") else named


def author(question: str) -> str:
    """The person whose works a question asks for."""
    match = _AUTHOR.search(question)
    return match.group(1) if match and not _NO_NAME.search(match.group(1)) else ""


def subject(question: str) -> str:
    """What a question is about by name: a title, a standard's number, a library."""
    for pattern in (TITLE, STANDARD_NUMBER):
        if match := pattern.search(question):
            return match.group()
    return library(question)


def about(question: str) -> str:
    """A question without its question words: 怎么办借书证 → 办借书证."""
    return _QUESTION.sub("", question).strip("，, ")


def exchanged(rest: str, previous: str) -> str:
    """The previous question with ``rest`` in the place of its like; in front of it where nothing is like it."""
    if TITLE.search(rest) and TITLE.search(previous):
        return TITLE.sub(lambda _: rest, previous, count=1)
    for slot in _SLOTS:
        new, old = slot.search(rest), slot.search(previous)
        if new and old and len(rest) - len(new.group()) <= 2:
            return previous[: old.start()] + new.group() + previous[old.end() :]
        if new and len(rest) == len(new.group()):
            return f"{rest}{previous}"
    if years := _YEARS.fullmatch(rest):
        old_years = _YEARS.search(previous)
        phrase = years.group().rstrip("的") + "的"
        return previous.replace(old_years.group(), phrase) if old_years else f"{phrase}，{previous}"
    if _PLACE.fullmatch(rest) and (old := _PLACE.search(previous)):
        return previous[: old.start()] + rest + previous[old.end() :]
    if name := author(previous):
        return previous.replace(name, rest, 1)
    if topic := _ABOUT.search(previous):
        old_topic = topic.group(1) or topic.group(2)
        return previous.replace(old_topic, re.sub(r"^关于|的(?:书|资料)?$", "", rest), 1)
    return f"{rest}，{previous}"
