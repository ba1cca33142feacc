"""Which character encoding a piece of text is in, and why: found from its bytes, never assumed in silence."""

from __future__ import annotations

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GB_PAIR = re.compile(rb"[\x81-\xfe][\x30-\x39][\x81-\xfe][\x30-\x39]|[\x81-\xfe][\x40-\x7e\x80-\xfe]")
_BIG5_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\xa1-\xfe]")


def detect(content: bytes) -> tuple[str, str]:
    """Codec and reason: a byte order mark, valid UTF-8, or the double-byte code whose common block the bytes lie in."""
    for bom, codec in _BOMS:
        if content.startswith(bom):
            return codec, "有字节顺序标记（BOM）"
    if b"\x00" in content and (wide := _wide(content)):
        return wide, "隔一个字节为零（没有标记的 UTF-16）"
    if content.isascii():
        return "utf-8", "全部为 ASCII"
    if _valid(content, "utf-8"):
        return "utf-8", "字节是有效的 UTF-8"
    gb, big5 = gb_share(content), big5_share(content)
    if max(gb, big5) >= 0.5:
        codec, share = ("gb18030", gb) if gb >= big5 else ("big5hkscs", big5)
        return codec, f"{share:.0%} 的双字节落在常用字区"
    if _valid(content, "gb18030"):
        return "gb18030", "不是 UTF-8，但全部字节是有效的 GB18030"
    return "utf-8", "无法确定，按 UTF-8 读取并替换无效字节"


def _wide(content: bytes) -> str:
    """UTF-16 without a mark: nearly all zero bytes stand at even (or at odd) places, and there are many; else empty."""
    even, odd = content[::2].count(0), content[1::2].count(0)
    if even + odd < len(content) * 0.05:
        return ""
    for here, there, codec in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if here > 20 * there and _valid(content[: len(content) // 2 * 2], codec):
            return codec
    return ""


def _valid(content: bytes, codec: str) -> bool:
    """Is it ``codec``, but for a character that the end of the sample cuts in two?"""
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        decoder.decode(content, final=False)
    except UnicodeDecodeError:
        return False
    return True


def gb_share(content: bytes) -> float:
    """Share of double-byte characters in GB 2312's symbols and level 1 (3,755 everyday ones); 0 if invalid."""
    pairs = _GB_PAIR.findall(content)
    if not pairs or not _valid(content, "gb18030"):
        return 0.0
    common = sum(len(p) == 2 and (0xB0 <= p[0] <= 0xD7 or p[0] in (0xA1, 0xA3)) and p[1] >= 0xA1 for p in pairs)
    return float(common / len(pairs))


def big5_share(content: bytes) -> float:
    """Share of double-byte characters in Big5's symbols and its frequently used block (A440-C67E); 0 if invalid."""
    pairs = _BIG5_PAIR.findall(content)
    if not pairs or not _valid(content, "big5hkscs"):
        return 0.0
    return float(sum(0xA4 <= p[0] <= 0xC6 or p[0] == 0xA1 for p in pairs) / len(pairs))


def decode_text(content: bytes) -> tuple[str, str, str]:
    """Text, codec and reason of a whole file."""
    codec, why = detect(content)
    return content.decode(codec, errors="replace"), codec.removesuffix("-sig"), why


def decode_line(line: bytes) -> tuple[str, str]:
    """Text and codec of one line: UTF-8 as a rule, another only when its bytes are not."""
    try:
        return line.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        text, codec, _ = decode_text(line)
        return text, codec
