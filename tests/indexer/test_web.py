"""Harvesting: records, deletions and tokens; refusal of the server's own network and of loops."""

from __future__ import annotations

import httpx
import pytest

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
