"""XML that a server sent: entities and the network stay off, and what servers do wrong with characters is put right."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_REFERENCE = re.compile(rb"&#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));")
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']""")


def parse(body: bytes) -> tuple[etree._Element, str]:
    """The root element, and what had to be put right first (empty: nothing).

    :raises ValueError: when it is no XML even then, or declares entities of its own.
    """
    body = body.lstrip()
    try:
        return _parsed(body), ""
    except etree.XMLSyntaxError as error:
        mended = mend(body)
        if mended == body:
            raise ValueError(f"不是有效的 XML：{error}") from error
    try:
        return _parsed(mended), "回答里有 XML 不允许的字符，已去除"
    except etree.XMLSyntaxError as error:
        raise ValueError(f"不是有效的 XML：{error}") from error


def _parsed(body: bytes) -> etree._Element:
    if b"<!ENTITY" in body[:65536]:
        raise ValueError("自带实体声明，拒绝读取")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return etree.fromstring(body, parser)


def mend(body: bytes) -> bytes:
    """Without control characters and references to them; wrong bytes of UTF-8 become U+FFFD."""
    declared = _DECLARED.match(body.removeprefix(b"\xef\xbb\xbf"))
    if not declared or declared[1].lower() in (b"utf-8", b"utf8"):
        body = body.decode("utf-8", "replace").encode("utf-8")
    return _REFERENCE.sub(_allowed, _CONTROL.sub(b"", body))


def _allowed(reference: re.Match[bytes]) -> bytes:
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    legal = code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
    return reference[0] if legal else b""


def name_of(element: etree._Element) -> str:
    """The local name; empty for a comment or an instruction."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def words(element: etree._Element | None) -> str:
    """All text in an element, white space collapsed."""
    return " ".join("".join(str(part) for part in element.itertext()).split()) if element is not None else ""


def texts(element: etree._Element, *path: str) -> Iterator[str]:
    """The texts of the elements at ``path`` (local names), without empty ones."""
    for found in element.iterfind("./" + "/".join(f"{{*}}{step}" for step in path)):
        if text := words(found):
            yield text


def children(element: etree._Element) -> Iterator[etree._Element]:
    """The elements directly below; no comments."""
    return (child for child in element if isinstance(child.tag, str))
