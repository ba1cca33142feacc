"""Does a sentence speak to a machine instead of a reader? Pure.

A sentence of a source that tells a model what to do is no evidence of anything: it is neither shown to a model nor
quoted. This is a second wall. The first one does not depend on recognising anything: whatever a model says must be
carried by quotations of sources that the reader may see, and everything else (actions, links, numbers of sources) is
made by code.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Sequence

from backend.answer.sentences import Span, split

_ORDERS = r"(?:指令|指示|命令|提示词?|规则|要求|设定|限制|约束|上下文|对话|内容|资料)"
_MODEL = (
    r"(?:\bai\b|人工智能|语言模型|大模型|模型|聊天机器人|机器人|智能助手|助手|\bllm\b|chatbot|language model|"
    r"assistant|\bbot\b)"
)
_SPEAK = r"(?:回答|回复|答复|输出|告诉|声称|宣称|说|写出|打印|复述)"
_REST = r"[^。！？]"
_PATTERNS = (
    # forget what you were told
    rf"(?:忽略|无视|忘记|忘掉|不要理会|不必理会|抛开|绕过|跳过|取消|覆盖){_REST}{{0,12}}"
    rf"(?:以上|之前|前面|先前|上述|上面|此前|所有|一切|全部|系统|原有|安全){_REST}{{0,10}}{_ORDERS}",
    rf"(?:以上|之前|前面|先前|上述|此前|原有|所有){_REST}{{0,6}}(?:指令|指示|提示词|设定){_REST}{{0,6}}"
    r"(?:作废|无效|取消|失效|不再)",
    r"(?:ignore|disregard|forget|override|bypass|skip)\b.{0,40}\b(?:previous|prior|above|earlier|all|any|your|system|"
    r"safety)\b.{0,40}\b(?:instructions?|prompts?|rules?|context|guidelines?|messages?|restrictions?)",
    # be somebody else
    rf"(?:你|您)(?:现在|今后|从现在起|其实|不再)(?:是|扮演|充当|进入){_REST}{{0,12}}"
    r"(?:模式|助手|黑客|管理员|模型|角色|机器人|ai|人)|从现在(?:开始|起)[，, ]?(?:你|您|请你)|"
    rf"请你?(?:扮演|假装|充当)|(?:你|您)的(?:新|真正的?)(?:任务|身份|角色|指令)|进入{_REST}{{0,6}}(?:开发者|调试|上帝|越狱)",
    r"\byou are now\b|\bact as (?:an? |the )?(?:dan|hacker|admin|unrestricted|different|my)|\bfrom now on,? you\b|"
    r"\bpretend (?:to be|you are|that you)\b|\byour (?:new|real) (?:task|role|instructions?)\b",
    r"开发者模式|越狱模式|developer mode|jailbreak(?:ed)? mode|\bdan mode\b|do anything now|上帝模式|god mode",
    # a message of another speaker
    r"^[\W_]*(?:system|assistant|developer|系统消息|系统指令|系统提示词?|管理员指令|开发者消息)\s*(?:message|prompt|override|note)?"
    r"[\]】>＞#*|]*\s*[:：]",
    r"<\|?\s*(?:im_start|im_end|endoftext|system)\b|\[/?inst\]|<<\s*/?sys\s*>>|"
    r"#{2,}\s*(?:new )?(?:instructions?|指令)\s*[:：]?",
    # tell what you must not
    rf"(?:输出|显示|打印|重复|泄露|透露|告诉|复述|翻译|公布|列出|说出){_REST}{{0,14}}"
    r"(?:系统提示|提示词|初始指令|系统指令|隐藏(?:的)?(?:指令|资料)|密钥|围栏)",
    r"\b(?:print|reveal|repeat|show|leak|output|disclose|translate|list|dump)\b.{0,30}\b(?:system prompts?|"
    r"your (?:instructions?|prompts?|rules)|hidden (?:instructions?|prompts?)|initial prompt|api keys?)",
    # say what I want
    rf"{_MODEL}{_REST}{{0,16}}(?:必须|务必|应当|应该|请|一律|只能|must|should|shall|please|has to|needs? to)"
    rf"{_REST}{{0,24}}(?:{_SPEAK}|推荐|访问|发送|调用|执行|\bsay|answer|reply|"
    rf"respond|output|state|visit|send|call|execute|recommend)",
    rf"(?:当|若|如果|凡|只要|每当)[^。！？，,]{{0,10}}(?:有人|读者|用户)?(?:问|询问|提问){_REST}{{0,24}}(?:请|务必|一律|必须|就|都){_REST}{{0,6}}"
    rf"{_SPEAK}",
    r"\b(?:when(?:ever)?|if)\b.{0,30}\b(?:asks?|asked)\b.{0,60}\b(?:say|answer|reply|respond|output|tell them)\b",
    rf"^[\W_]*(?:请|务必|必须|你必须|你要)*(?:只|直接|一律|改为|立即)?{_SPEAK}(?:道|出|以下内容|下面的?话|如下内容)?\s*[:：“\"「]",
    r"^[\W_]*(?:please |just |only |instead,? |you must |now )*(?:say|answer|reply|respond|output|print|write)\b"
    r"(?: with| exactly| only| the following)*\s*[:\"“']",
    rf"请(?:一律|直接|只|务必|原样|照此)*{_SPEAK}\s*[:：“\"「]|(?:并|并且|然后|再|之后|接着)请?{_SPEAK}\s*[:：“\"「]|请(?:输出|复述|背诵)|"
    rf"(?:无论如何|不管怎样|不论谁问){_REST}{{0,6}}{_SPEAK}",
    # do something
    r"\"?(?:tool_calls?|function_call|tool_name)\"?\s*[:：]|\{\s*\"(?:actions?|tool|function|role)\"\s*:",
    r"\b(?:javascript|vbscript)\s*:|data\s*:\s*text/html|<\s*(?:script|iframe|svg)\b|<[^<>]*\bon[a-z]{3,}\s*=",
)
_SPEAKS_TO_MACHINES = re.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS), re.MULTILINE)
_LETTERS = str.maketrans("аеорсухіјѕԁӏһκοραεν", "aeopcyxijsdlhkopaev")
_ENCODED = re.compile(r"[A-Za-z0-9+/]{20,}={0,2}")
_SPACED = re.compile(r"\b(?:[a-z] ){4,}[a-z]\b")
_SPACED_HAN = re.compile(r"(?<=[\u4e00-\u9fff])[ \-_.·*]+(?=[\u4e00-\u9fff])")


def speaks_to_machines(text: str) -> bool:
    """Is the text, or what it hides, an instruction to a model?"""
    return any(_SPEAKS_TO_MACHINES.search(form) for form in _undisguised(text))


def for_readers(text: str, spans: Sequence[Span]) -> list[Span]:
    """The spans of ``text`` that speak to readers, in their order.

    From where a line begins to speak to machines to its end nothing of it counts: what follows an instruction belongs
    to it, and a disguise may be cut into sentences.
    """
    void_from: dict[int, int] = {}
    kept = []
    for span in sorted(spans, key=lambda one: (one.start, one.end)):
        line = text.rfind("\n", 0, span.start) + 1
        if line not in void_from:
            void_from[line] = _void_from(text, line, _line_end(text, span.start))
        if span.end <= void_from[line]:
            kept.append(span)
    return [span for span in spans if span in kept]


def _void_from(text: str, start: int, end: int) -> int:
    """Where in the line ``text[start:end]`` the sentence begins that speaks to machines; ``end`` when none does."""
    whole = speaks_to_machines(text[start:end])
    for sentence in split(text, start=start, end=end):
        own = speaks_to_machines(text[sentence.start : sentence.end])
        if own or (whole and speaks_to_machines(text[start : sentence.end])):
            return sentence.start
    return start if whole else end


def _line_end(text: str, start: int) -> int:
    found = text.find("\n", start)
    return len(text) if found < 0 else found


def _undisguised(text: str) -> list[str]:
    """The text without invisible and look-alike characters, entities and spacing, and what it holds in base64."""
    unified = unicodedata.normalize("NFKC", html.unescape(text))
    visible = "".join(c for c in unified if unicodedata.category(c) not in ("Cf", "Cc") or c == "\n")
    folded = visible.lower().translate(_LETTERS)
    joined = _SPACED_HAN.sub("", _SPACED.sub(lambda match: match.group().replace(" ", ""), folded))
    return [folded, joined, *filter(None, (_decoded(match.group()) for match in _ENCODED.finditer(visible)))]


def _decoded(text: str) -> str:
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return decoded.lower() if decoded.isprintable() else ""
