"""Real HTTP servers on this machine that speak OAI-PMH and SRU, well or badly."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape

Answer = tuple[int, dict[str, str], str | bytes]
Respond = Callable[[str, dict[str, str]], Answer]


@contextmanager
def serving(respond: Respond) -> Iterator[str]:
    """A server that answers (path, query) as told; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, headers, body = respond(parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)))
            content = body.encode() if isinstance(body, str) else body
            self.send_response(status)
            for name, value in {"Content-Type": "text/xml", "Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Repository:
    """Records with their datestamps, given two a page. ``requests`` remembers what was asked."""

    records: dict[str, tuple[str, str]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    now: str = "2026-03-01T08:00:00Z"
    granularity: str = "YYYY-MM-DDThh:mm:ssZ"
    requests: list[dict[str, str]] = field(default_factory=list)
    before: Callable[[dict[str, str]], Answer | None] = lambda query: None
    size: int = 2

    def respond(self, _path: str, query: dict[str, str]) -> Answer:
        self.requests.append(query)
        early = self.before(query)
        if early is not None:
            return early
        return 200, {}, self.answer(query)

    def lists(self) -> list[dict[str, str]]:
        """The ListRecords requests so far."""
        return [query for query in self.requests if query.get("verb") == "ListRecords"]

    def answer(self, query: dict[str, str]) -> str:
        verb = query.get("verb", "")
        if verb == "Identify":
            return self.whole(f"<Identify><granularity>{self.granularity}</granularity></Identify>")
        if verb == "ListMetadataFormats":
            prefix = "<metadataFormat><metadataPrefix>oai_dc</metadataPrefix></metadataFormat>"
            return self.whole(f"<ListMetadataFormats>{prefix}</ListMetadataFormats>")
        if verb != "ListRecords":
            return self.error("badVerb", "no such verb")
        since, start = query.get("from", ""), 0
        if token := query.get("resumptionToken"):
            try:
                since, _, number = token.partition("|")
                start = int(number)
            except ValueError:
                return self.error("badResumptionToken", token)
        return self.page(since, start)

    def page(self, since: str, start: int) -> str:
        stamp = len(since) or 20
        found = [key for key, (when, _) in self.records.items() if when[:stamp] >= since]
        if not found:
            return self.error("noRecordsMatch", "nothing")
        body = "".join(self.record(key) for key in found[start : start + self.size])
        more = start + self.size < len(found)
        token = f"<resumptionToken>{escape(since)}|{start + self.size}</resumptionToken>" if more else ""
        return self.whole(f"<ListRecords>{body}{token}</ListRecords>")

    def record(self, key: str) -> str:
        when, title = self.records[key]
        if key in self.deleted:
            return (
                f"<record><header status='deleted'><identifier>{key}</identifier><datestamp>{when}</datestamp></header>"
                "</record>"
            )
        dc = (
            "<oai_dc:dc xmlns:oai_dc='http://www.openarchives.org/OAI/2.0/oai_dc/'"
            f" xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title>{escape(title)}</dc:title></oai_dc:dc>"
        )
        header = f"<header><identifier>{key}</identifier><datestamp>{when}</datestamp></header>"
        return f"<record>{header}<metadata>{dc}</metadata></record>"

    def error(self, code: str, said: str) -> str:
        return self.whole(f"<error code='{code}'>{escape(said)}</error>")

    def whole(self, body: str) -> str:
        return (
            "<?xml version='1.0' encoding='UTF-8'?><OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'>"
            f"<responseDate>{self.now}</responseDate><request>x</request>{body}</OAI-PMH>"
        )
