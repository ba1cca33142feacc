"""Harvesting: records, deletions and tokens; refusal of the server's own network and of loops."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
import time

import httpx
import pytest

from indexer.sources import web
from indexer.sources.oai_pmh import harvest
from indexer.sources.values import Deleted, Read, SourceError
from indexer.sources.web import Fetcher

HEAD = "<OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'><ListRecords>"
TAIL = "</ListRecords></OAI-PMH>"
DC = "xmlns:dc='http://purl.org/dc/elements/1.1/'"


def record(number: int) -> str:
    body = f"<metadata><d {DC}><dc:title>题名{number}</dc:title><dc:date>2019-05</dc:date></d></metadata>"
    return f"<record><header><identifier>oai:x:{number}</identifier></header>{body}</record>"


def fetcher(handler: httpx.MockTransport, address: str = "93.184.216.34") -> Fetcher:
    waits: list[float] = []
    return Fetcher(client=httpx.Client(transport=handler), resolver=lambda host: [address], wait=waits.append)


def test_pages_follow_tokens_and_deletions_are_told() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("resumptionToken"):
            gone = "<record><header status='deleted'><identifier>oai:x:9</identifier></header></record>"
            return httpx.Response(200, text=HEAD + record(2) + gone + TAIL)
        return httpx.Response(200, text=f"{HEAD}{record(1)}<resumptionToken>t1</resumptionToken>{TAIL}")

    outcomes = list(harvest("http://oai.example/", fetcher(httpx.MockTransport(answer)), arguments={}))
    assert [(one.thing.source_id, one.thing.title) for one in outcomes if isinstance(one, Read)] == [
        ("oai:x:1", "题名1"),
        ("oai:x:2", "题名2"),
    ]
    assert [one.source_id for one in outcomes if isinstance(one, Deleted)] == ["oai:x:9"]


def test_a_token_that_comes_again_ends_the_harvest() -> None:
    text = f"{HEAD}{record(1)}<resumptionToken>again</resumptionToken>{TAIL}"
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text=text))
    with pytest.raises(SourceError, match="resumptionToken"):
        list(harvest("http://oai.example/", fetcher(transport), arguments={}))


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:192.168.0.1", "0.0.0.0"]
)
def test_the_servers_own_network_is_refused(address: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200)

    with pytest.raises(SourceError, match="内部网络"):
        fetcher(httpx.MockTransport(answer), address).get("http://inside.example/")
    assert asked == []


def test_a_redirect_inside_is_refused_and_endless_ones_end() -> None:
    inside = httpx.MockTransport(lambda request: httpx.Response(302, headers={"location": "http://inside/"}))
    guarded = Fetcher(
        client=httpx.Client(transport=inside),
        resolver=lambda host: ["127.0.0.1" if host == "inside" else "93.184.216.34"],
    )
    with pytest.raises(SourceError, match="内部网络"):
        guarded.get("http://outside.example/")
    loop = httpx.MockTransport(lambda request: httpx.Response(302, headers={"location": "/again"}))
    with pytest.raises(SourceError, match="重定向"):
        fetcher(loop).get("http://outside.example/")


def test_a_busy_server_is_asked_again() -> None:
    answers = iter([httpx.Response(503, headers={"retry-after": "3"}), httpx.Response(200, content=b"ok")])
    assert fetcher(httpx.MockTransport(lambda request: next(answers))).get("http://outside.example/") == b"ok"


@pytest.mark.parametrize(
    "address", ["64:ff9b::7f00:1", "2002:7f00:1::", "100.64.0.1", "224.0.0.1", "fe80::1%eth0", "fc00::1", "::"]
)
def test_addresses_that_end_inside_by_a_detour_are_refused(address: str) -> None:
    with pytest.raises(SourceError, match="内部网络"):
        fetcher(httpx.MockTransport(lambda request: httpx.Response(200)), address).get("http://inside.example/")


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    asked: list[tuple[str, str, object]] = []
    names = iter([["93.184.216.34"], ["127.0.0.1"]])

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.host, request.headers["host"], request.extensions["sni_hostname"]))
        return httpx.Response(200, content=b"ok")

    rebinding = Fetcher(
        client=httpx.Client(transport=httpx.MockTransport(answer)),
        resolver=lambda host: next(names),
        wait=lambda seconds: None,
    )
    assert rebinding.get("https://rebind.example:8443/x") == b"ok"
    assert asked == [("93.184.216.34", "rebind.example:8443", "rebind.example")]
    with pytest.raises(SourceError, match="内部网络"):
        rebinding.get("https://rebind.example:8443/x")


def test_a_named_network_may_be_visited_and_no_other() -> None:
    network = ipaddress.ip_network("10.1.0.0/16")
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=b"ok"))
    inside = Fetcher(client=httpx.Client(transport=transport), networks=(network,), resolver=lambda host: ["10.1.2.3"])
    assert inside.get("http://opac.example/") == b"ok"
    other = Fetcher(client=httpx.Client(transport=transport), networks=(network,), resolver=lambda host: ["10.2.2.3"])
    with pytest.raises(SourceError, match="内部网络"):
        other.get("http://opac.example/")


def test_an_answer_that_drips_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SECONDS_PER_ANSWER", 0.3)
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = listener.accept()
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        with connection, contextlib.suppress(OSError):
            while not stop.wait(0.05):
                connection.sendall(b"X-Drip: 1\r\n")

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    began = time.monotonic()
    with web.new_client() as client:
        patient = Fetcher(client=client, allow_private=True, tries=1, wait=lambda seconds: None)
        with pytest.raises(SourceError, match="仍然失败"):
            patient.get(f"http://127.0.0.1:{listener.getsockname()[1]}/")
    stop.set()
    listener.close()
    thread.join()
    assert time.monotonic() - began < 5


def test_layers_of_compression_are_refused() -> None:
    bomb = httpx.Response(200, headers={"content-encoding": "gzip, gzip"}, stream=httpx.ByteStream(b"x"))
    with pytest.raises(SourceError, match="压缩"):
        fetcher(httpx.MockTransport(lambda request: bomb)).get("http://outside.example/")


def test_an_answer_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "LARGEST_ANSWER", 1000)
    large = httpx.MockTransport(lambda request: httpx.Response(200, content=b"x" * 5000))
    with pytest.raises(SourceError, match="超过"):
        fetcher(large).get("http://outside.example/")


@pytest.mark.parametrize("url", ["ftp://x/", "file:///etc/passwd", "http://", "http://[::1", "gopher://x/"])
def test_only_web_addresses_are_taken(url: str) -> None:
    with pytest.raises(SourceError):
        fetcher(httpx.MockTransport(lambda request: httpx.Response(200))).get(url)


def test_retry_after_may_be_a_date_and_is_bounded() -> None:
    waits: list[float] = []
    answers = iter(
        [
            httpx.Response(503, headers={"retry-after": "999999"}),
            httpx.Response(429, headers={"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}),
            httpx.Response(200, content=b"ok"),
        ]
    )
    patient = Fetcher(
        client=httpx.Client(transport=httpx.MockTransport(lambda request: next(answers))),
        resolver=lambda host: ["93.184.216.34"],
        wait=waits.append,
    )
    assert patient.get("http://outside.example/") == b"ok"
    assert waits == [web.LONGEST_PAUSE, 1.0]
