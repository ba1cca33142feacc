"""A small server that speaks the widget's half of the contract, with faults on demand.

The real service is tested by the browser journey; what it cannot be made to do at will (cut a stream in the middle of a
character, answer 503, forget a token, send hostile text) is tested here.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles

STATIC = Path(__file__).parents[2] / "widget" / "static"
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HOSTILE = (
    '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>[点我](javascript:window.hacked=1) **粗**'
)

LINKS = "预约见 https://seat.example/a 和 [读者指南](https://guide.example/b)。"

HOLDINGS = [
    {"member": "CITY", "member_name": "示例市图书馆", "call_number": "G258.22/X88", "location": "三楼社科借阅区",
     "available": 2, "loanable": True, "copyable": True},
    {"member": "EDU", "member_name": "示例师范学院图书馆", "call_number": "G258.22/12", "location": "密集书库",
     "available": 0, "loanable": True, "copyable": True},
]  # fmt: skip
SOURCE = {
    "n": 1, "id": "rec-1", "source_id": "demo-1", "collection": "catalogue", "kind": "catalogue",
    "title": "地市级区域图书馆联盟建设研究", "url": None, "holdings": HOLDINGS,
}  # fmt: skip
POLICY = {"n": 2, "id": "doc-2", "collection": "policy", "kind": "policy", "title": "馆际互借办法", "url": "/policy/2"}
SENTENCES = [
    (
        "《地市级区域图书馆联盟建设研究》由西南交通大学出版社 2011 年出版。",
        [(1, "出版：成都：西南交通大学出版社，2011.6")],
    ),
    ("示例市图书馆有 2 册在馆。", [(1, "馆藏：示例市图书馆 三楼社科借阅区")]),
    ("外馆读者可以申请馆际互借，一般三个工作日到馆。", [(2, "外馆读者凭证申请，三个工作日内到馆"), (1, "可外借")]),
]


@dataclass
class World:
    """What the tests look into and set."""

    delay: float = 0.01
    slow_start: float = 0.0
    faults: list[str] = field(default_factory=list)
    quotes: list[dict[str, Any]] = field(default_factory=list)
    notices: list[dict[str, str]] = field(default_factory=list)
    turns: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    requests: dict[str, dict[str, Any]] = field(default_factory=dict)
    request_keys: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    questions: list[str] = field(default_factory=list)
    feedback: list[dict[str, Any]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    handoff: dict[str, Any] | None = None
    closed: bool = False
    open: dict[str, Any] | None = None
    helpful: dict[str, bool] = field(default_factory=dict)
    streams: int = 0
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def take_fault(self, name: str) -> bool:
        if name in self.faults:
            self.faults.remove(name)
            return True
        return False


def said(question: str) -> list[dict[str, Any]]:
    """The sentences of the answer to ``question``."""
    if "量子" in question:
        return []
    if "网址" in question:
        return [
            {"text": LINKS, "citations": [{"source": 2, "quote": LINKS, "start": 0, "end": 9, "locator": "第 12 页"}]}
        ]
    if "恶意" in question:
        return [{"text": HOSTILE, "citations": [{"source": 1, "quote": HOSTILE, "start": 0, "end": len(HOSTILE)}]}]
    sentences = [
        {
            "text": text,
            "citations": [{"source": n, "quote": quote, "start": 0, "end": len(quote)} for n, quote in cited],
        }
        for text, cited in SENTENCES
    ]
    return [dict(sentences[index % 3]) for index in range(400)] if "很长" in question else sentences


def finished_turn(turn_id: str, question: str) -> dict[str, Any]:
    refused, hostile = "量子" in question, "恶意" in question
    sentences = said(question)
    source = {**SOURCE, "title": HOSTILE, "url": "javascript:window.hacked=1"} if hostile else SOURCE
    return {
        "id": turn_id, "conversation_id": "conv-1", "question": question, "standalone_question": question,
        "intent": "find_item", "mode": "model" if "模型" in question else "extractive",
        "refused": refused, "reason": "thin" if refused else None,
        "text": "".join(each["text"] for each in sentences) or "现有馆藏和资料里没有关于这个问题的可靠依据。",
        "sentences": sentences, "sources": [source, POLICY],
        "actions": [
            {"kind": "request", "label": "申请馆际互借", "record_id": "rec-1", "services": ["loan", "copy"]},
            {"kind": "handoff", "label": "联系馆员"},
            {"kind": "open", "label": "看看办法", "url": "javascript:window.hacked=1" if hostile else "/policy/2"},
        ],
        "suggestions": [HOSTILE] if hostile else ["第二本哪里有？", "外馆的书多久能到？"],
        "provenance": {"prompt": None, "model": None, "snapshot": "fake"},
    }  # fmt: skip


def events_of(turn: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    meta = {key: turn[key] for key in ("id", "conversation_id", "question", "intent", "mode")}
    events: list[tuple[str, dict[str, Any]]] = [("meta", meta), ("sources", {"sources": turn["sources"]})]
    step = 400 if len(turn["text"]) > 2_000 else 6
    events += [("delta", {"text": turn["text"][at : at + step]}) for at in range(0, len(turn["text"]), step)]
    at = 0
    for index, sentence in enumerate(turn["sentences"]):
        end = at + len(sentence["text"])
        events.append(("citation", {"sentence": index, "start": at, "end": end, "citations": sentence["citations"]}))
        at = end
    events.append(("actions", {"actions": turn["actions"], "suggestions": turn["suggestions"]}))
    events.append(("done", {"turn": turn}))
    return events


def block(number: int, name: str, payload: dict[str, Any]) -> bytes:
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(payload, ensure_ascii=False)}\n\n".encode()


def refuse(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)


def create_fake(world: World) -> FastAPI:
    app = FastAPI()
    app.mount("/widget", StaticFiles(directory=STATIC))
    pages(app, world)
    chat(app, world)
    desk(app, world)
    delivery(app, world)
    return app


def pages(app: FastAPI, world: World) -> None:
    @app.get("/")
    def demo() -> FileResponse:
        return FileResponse(STATIC / "demo.html")

    @app.get("/host")
    def host(lang: str = "zh-CN", attributes: str = "") -> HTMLResponse:
        """A member's page under the strictest policy, with the widget placed by the loader's script tag alone."""
        page = f"""<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Host</title>
            <link rel="icon" href="/widget/icon.svg">
            <meta name="viewport" content="width=device-width"></head><body><main><h1>Host</h1></main>
            <script src="/widget/loader.js" data-member="demo" {attributes}></script></body></html>"""
        return HTMLResponse(page, headers={"Content-Security-Policy": STRICT})

    @app.post("/api/visitors")
    async def visitors() -> Response:
        if world.take_fault("foreign"):
            return refuse(403, "origin_not_allowed", "这个网站不在任何成员馆的名单上。")
        token = f"token-{next(world.numbers)}"
        world.tokens.add(token)
        return JSONResponse({"token": token, "expires_at": "2099-01-01T00:00:00Z"})


def chat(app: FastAPI, world: World) -> None:
    async def send(turn_id: str, after: int) -> AsyncIterator[bytes]:
        cut, broken = world.take_fault("cut"), world.take_fault("error")
        world.streams += 1
        try:
            yield b": hello\n\n"
            await asyncio.sleep(world.slow_start)
            for number, (name, payload) in enumerate(world.turns[turn_id], 1):
                if number <= after:
                    continue
                if broken and number == 6:
                    yield block(number, "error", {"code": "internal", "message": "回答出错。"})
                    return
                whole = block(number, name, payload)
                if cut and number == 8:
                    yield whole[:-5]
                    return
                # In two pieces, in the middle of a character as often as not.
                yield whole[: len(whole) // 2]
                yield whole[len(whole) // 2 :]
                await asyncio.sleep(world.delay)
        finally:
            world.streams -= 1

    def stream(turn_id: str, after: int = 0) -> StreamingResponse:
        return StreamingResponse(send(turn_id, after), media_type="text/event-stream")

    @app.post("/api/chat/turns")
    async def turns(request: Request) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in world.tokens:
            return refuse(401, "token_expired", "访客令牌已过期，请重新获取。")
        for fault in (503, 429, 500):
            if world.take_fault(str(fault)):
                return refuse(fault, f"http_{fault}", "")
        body = await request.json()
        key = body["idempotency_key"]
        if key not in world.by_key:
            turn_id = f"turn-{next(world.numbers)}"
            world.by_key[key] = turn_id
            world.questions.append(body["question"])
            world.finished[turn_id] = finished_turn(turn_id, body["question"])
            world.turns[turn_id] = events_of(world.finished[turn_id])
        return stream(world.by_key[key])

    @app.get("/api/chat/turns/{turn_id}/events")
    async def resume(turn_id: str, request: Request) -> Response:
        after = request.headers.get("last-event-id", "0")
        world.resumed.append(after)
        return stream(turn_id, int(after))

    @app.post("/api/chat/turns/{turn_id}/stop")
    async def stop(turn_id: str) -> Response:
        world.stopped.append(turn_id)
        return Response(status_code=204)

    @app.post("/api/chat/turns/{turn_id}/feedback")
    async def feedback(turn_id: str, request: Request) -> Response:
        world.feedback.append(await request.json())
        world.helpful[turn_id] = world.feedback[-1]["helpful"]
        return Response(status_code=204)

    @app.get("/api/chat/conversations/{conversation_id}")
    def conversation(conversation_id: str) -> dict[str, Any]:
        handoff = world.handoff and {**world.handoff, "messages": world.messages}
        turns = [turn for turn in world.finished.values() if not world.open or turn["id"] != world.open["id"]]
        return {
            "id": conversation_id, "turns": turns, "open": world.open, "feedback": world.helpful, "handoff": handoff
        }  # fmt: skip


def desk(app: FastAPI, world: World) -> None:
    @app.post("/api/chat/conversations/{conversation_id}/handoff")
    def handoff(conversation_id: str) -> dict[str, Any]:
        world.handoff = {"state": "waiting", "position": 2}
        return {**world.handoff, "messages": world.messages}

    @app.post("/api/chat/conversations/{conversation_id}/messages")
    async def say(conversation_id: str, request: Request) -> dict[str, Any]:
        message = {"id": f"m{next(world.numbers)}", "author": "reader", "text": (await request.json())["text"]}
        world.messages.append(message)
        return message

    async def spoken() -> AsyncIterator[bytes]:
        world.streams += 1
        try:
            yield block(1, "handoff", {"state": "open", "librarian": "值班馆员"})
            sent = 0
            while True:
                for message in world.messages[sent:]:
                    yield block(sent + 2, "message", message)
                    sent += 1
                if world.closed:
                    yield block(sent + 2, "handoff", {"state": "closed"})
                    return
                await asyncio.sleep(0.02)
        finally:
            world.streams -= 1

    @app.get("/api/chat/conversations/{conversation_id}/events")
    def listen(conversation_id: str) -> Response:
        return StreamingResponse(spoken(), media_type="text/event-stream")


def delivery(app: FastAPI, world: World) -> None:
    def find(number: str) -> dict[str, Any] | None:
        return next((each for each in world.requests.values() if each["number"] == number), None)

    @app.post("/api/delivery/requests")
    async def place(request: Request) -> Response:
        key = request.headers["idempotency-key"]
        world.request_keys.append(key)
        if world.take_fault("limit"):
            return refuse(409, "patron_limit", "同时进行的申请已达上限。")
        draft = await request.json()
        view = {
            "number": f"R2026-{key[:6]}", "state": "requested", "state_label": "已受理", "title": SOURCE["title"],
            "service": draft["service"], "next_step": "等待供书馆确认", "draft": draft, "can_cancel": True,
            "supplier": {"code": "EDU", "name": "示例师范学院图书馆"},
            "history": [{"at": "2026-03-02T09:30:00+08:00", "state": "requested", "text": "读者提交申请"}],
        }  # fmt: skip
        stored = world.requests.setdefault(key, view)
        # Stored, but the reader never hears of it.
        return refuse(503, "unavailable", "") if world.take_fault("place") else JSONResponse(stored, 201)

    @app.post("/api/delivery/requests/quote")
    async def quote(request: Request) -> dict[str, Any]:
        asked = await request.json()
        world.quotes.append(asked)
        known = "record_id" in asked
        return {
            "title": SOURCE["title"], "record_id": SOURCE["id"] if known else None,
            "matched": "" if known else f"可能是《{HOSTILE}》，待馆员核对",
            "understood": [] if known else [{"field": "title", "label": "题名", "value": HOSTILE}],
            "candidates": [{"record_id": "rec-1", "title": SOURCE["title"], "creators": [], "year": 2011}],
            "conditions": ["先向示例师范学院图书馆申请。", "每页 0.20 元。"],
        }  # fmt: skip

    @app.post("/api/delivery/requests/notices")
    def notices() -> list[dict[str, str]]:
        told, world.notices = world.notices, []
        return told

    @app.get("/api/delivery/requests")
    def own() -> list[dict[str, Any]]:
        return list(world.requests.values())

    @app.post("/api/delivery/requests/{number}/actions")
    async def act(number: str, request: Request) -> Response:
        found = find(number)
        if found is None:
            return refuse(404, "not_found", "没有这个编号的申请。")
        found.update(acted=await request.json(), actions=[], state_label="已申请续借")
        return JSONResponse(found)

    @app.get("/api/delivery/requests/{number}")
    def follow(number: str) -> Response:
        found = find(number)
        return JSONResponse(found) if found else refuse(404, "not_found", "没有这个编号的申请。")

    @app.post("/api/delivery/requests/{number}/cancel")
    def cancel(number: str) -> Response:
        found = find(number)
        if found is None:
            return refuse(404, "not_found", "没有这个编号的申请。")
        found.update(state="cancelled", state_label="已撤销", can_cancel=False, next_step=None)
        return JSONResponse(found)
