"""ISO 5426, the extended Latin set of older UNIMARC files: a diacritic stands before its letter.

The table follows ISO 5426:1983 as the UNIMARC manual (appendix J) lists it; bytes it leaves free become U+FFFD.
"""

from __future__ import annotations

import unicodedata

_SINGLE = dict(
    zip(
        b"\xa1\xa2\xa3\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf"
        b"\xe1\xe2\xe6\xe8\xe9\xea\xec\xf1\xf2\xf3\xf5\xf6\xf8\xf9\xfa\xfb\xfc",
        "¡„£¥†§′‘“«♭©℗®ʻʼ‚‡·″’”»♯ʹʺ¿ÆĐĲŁØŒÞæđðıĳłøœßþ",
        strict=True,
    )
)
_COMBINING = dict(
    zip(
        range(0xC0, 0xDC),
        "\u0309\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u0308\u030a\u0315\u0312\u030b\u031b\u030c"
        "\u0327\u031c\u0326\u0328\u0325\u032e\u0323\u0324\u0332\u0333\u0329\u032d",
        strict=True,
    )
)
COMBINING = frozenset(_COMBINING)


def decode(content: bytes) -> str:
    """
    >>> decode(b"r\\xc3eve fran\\xd0cais")
    'rêve français'
    """
    found: list[str] = []
    waiting = ""
    for byte in content:
        if byte in _COMBINING:
            waiting += _COMBINING[byte]
            continue
        found.append(chr(byte) if byte < 0x80 else _SINGLE.get(byte, "\ufffd"))
        found.append(waiting)
        waiting = ""
    return unicodedata.normalize("NFC", "".join(found))
