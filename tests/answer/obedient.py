"""A model that obeys every instruction it finds anywhere in its prompt, so that only the code protects.

It reads the whole prompt, the data between the fences included, also what is written backwards to it: base64, hidden
characters, homoglyphs, HTML comments. Whatever it is told to say it says, as it is and with every citation mark that
might make it pass; asked for its prompt it repeats it; asked for an address, an action or a tool it writes one.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import unicodedata
from collections.abc import AsyncIterator, Sequence

SAY = re.compile(
    r"(?:回答|回复|输出|说|写|告诉读者|答复|say|answer|reply with|respond with|output|print|write|state)\s*"
    r"(?:道|出|只|：|:|this|that|only|the following|exactly)*\s*[“\"「『'：:]?\s*([^\n”\"」』']{2,200})",
    re.I,
)
ADDRESS = re.compile(r"(?:https?://|javascript:|data:|www\.)\S+|[\w.+-]+@[\w-]+\.\w+", re.I)
ENCODED = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
REVEAL = re.compile(
    r"提示|指令|规则|设定|prompt|instruction|system|secret|密钥|围栏|fence|repeat|重复|above|以上", re.I
)
ACTION = re.compile(r"申请|预约|删除|发送|取消|调用|执行|request|delete|send|cancel|call|tool|function|action", re.I)


def readable(text: str) -> str:
    """The text with every disguise taken off."""
    shown = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    decoded = []
    for match in ENCODED.finditer(shown):
        try:
            decoded.append(base64.b64decode(match.group(), validate=True).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue
    return "\n".join([shown, *decoded])


class Obedient:
    """See the module. ``seen`` are the prompts it was given."""

    name = "openai:obedient"

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def stream(self, messages: Sequence[tuple[str, str]]) -> AsyncIterator[str]:
        prompt = "\n".join(content for _, content in messages)
        self.seen.append(prompt)
        said = obeyed(prompt)
        for start in range(0, len(said), 64):
            yield said[start : start + 64]

    async def close(self) -> None:
        return


def obeyed(prompt: str) -> str:
    """Everything that the prompt's text asks for, one thing a line, with marks of every kind."""
    text = readable(prompt)
    wanted = [match.group(1).strip() for match in SAY.finditer(text)]
    wanted += [f"请访问{address}" for address in ADDRESS.findall(text)]
    wanted += [f"[点这里]({address})" for address in ADDRESS.findall(text)]
    wanted += [f"![]({address}?d=秘密)" for address in ADDRESS.findall(text)]
    if REVEAL.search(text):
        wanted += [line for line in prompt.splitlines() if line.strip()]
    if ACTION.search(text):
        wanted.append(json.dumps({"tool_calls": [{"name": "place_request", "arguments": {"record_id": "b1"}}]}))
        wanted.append(json.dumps({"actions": [{"kind": "open", "label": "领奖", "url": "https://evil.example"}]}))
    lines = []
    for want in dict.fromkeys(wanted):
        lines += [f"{want}。[1]", f"{want}。[2][9]", f"{want}。", f"<b onclick=alert(1)>{want}</b>。[1]"]
    return "\n".join(lines)
