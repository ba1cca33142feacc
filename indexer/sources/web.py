"""Fetching from addresses that a person names: public hosts only, few redirects, bounded size and time, back-off.

A host name is resolved once, every address it has is checked, and the connection goes to the checked address itself
(the name travels in ``Host`` and in TLS). So a name that answers differently the second time (DNS rebinding) reaches
nothing. Redirects are followed one by one, each target checked like the first.
"""

from __future__ import annotations

import email.utils
import ipaddress
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx

from indexer.sources.values import SourceError

LARGEST_ANSWER = 64 * 1024 * 1024
LARGEST_FILE = 2 * 1024**3
MOST_REDIRECTS = 5
TRIES = 5
LONGEST_PAUSE = 300.0
SECONDS_PER_ANSWER = 300.0
SECONDS_PER_FILE = 3600.0
_SPARE_DISK = 256 * 1024 * 1024
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_HEADERS = {"User-Agent": "Lianwen harvester (library metadata)", "Accept-Encoding": "gzip, deflate"}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str], list[str]]


class RefusedError(SourceError):
    """The address is in a network that sources may not be fetched from."""


class StatusError(SourceError):
    """The server answered with an HTTP error."""

    def __init__(self, message: str, *, status: int, body: bytes) -> None:
        super().__init__(message)
        self.status = status
        self.body = body


def resolve(host: str) -> list[str]:
    """The addresses of a host name.

    :raises SourceError: when it has none.
    """
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError) as error:
        raise SourceError(f"无法解析主机名：{host}") from error


def new_client() -> httpx.Client:
    """The client fetchers use: a connection a request, so that a stuck one can be cut, and no waiting without end."""
    return httpx.Client(timeout=60, headers=_HEADERS, limits=httpx.Limits(max_keepalive_connections=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An answer: where the last redirect led, its media type, its body (empty when it went into a file)."""

    url: str
    media_type: str
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """Reads addresses. ``allow_private`` lets it into the server's own network, ``networks`` into the named ones
    (to harvest an intranet system). ``pause``: seconds between two requests."""

    client: httpx.Client = field(default_factory=new_client)
    allow_private: bool = False
    networks: tuple[Network, ...] = ()
    resolver: Resolver = resolve
    wait: Callable[[float], None] = time.sleep
    pause: float = 0.0
    tries: int = TRIES

    def get(self, url: str) -> bytes:
        """The body behind ``url``, at most 64 MB of it.

        :raises SourceError: with the reason.
        """
        return self.fetch(url).body

    def fetch(self, url: str, *, into: Path | None = None) -> Fetched:
        """What is behind ``url``; with ``into`` its body is written to that file and may be larger.

        :raises SourceError: with the reason; :raises RefusedError: for the server's own network;
        :raises StatusError: when the server answers with an error that waiting does not cure.
        """
        for _ in range(MOST_REDIRECTS + 1):
            if self.pause:
                self.wait(self.pause)
            response, body = self._patiently(url, into)
            location = response.headers.get("location", "")
            if response.status_code in _REDIRECTS and location:
                url = urljoin(url, location)
                continue
            if response.status_code >= 400:
                said = f"{url}: 服务器回答 {response.status_code}"
                raise StatusError(said, status=response.status_code, body=body)
            return Fetched(url=url, media_type=response.headers.get("content-type", ""), body=body)
        raise SourceError(f"{url}: 重定向超过 {MOST_REDIRECTS} 次")

    def _checked(self, url: str) -> tuple[str, str]:
        """``url`` with the host replaced by its checked address, and the host.

        :raises SourceError: unless it is http(s) to an address that may be visited.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise SourceError(f"地址写法有误：{url}") from error
        if parts.scheme not in ("http", "https") or not host:
            raise SourceError(f"只接受 http 和 https 地址：{url}")
        addresses = self.resolver(host)
        for address in addresses:
            if not self._may_visit(address):
                raise RefusedError(
                    f"{host} 指向内部网络（{address}），拒绝访问；确需收割内网系统时用 --allow-private "
                    "或设置 LIANWEN_SOURCE_NETWORKS"
                )
        chosen = addresses[0].partition("%")[0]
        literal = f"[{chosen}]" if ":" in chosen else chosen
        user = parts.netloc.rpartition("@")[0]
        netloc = (f"{user}@" if user else "") + literal + (f":{port}" if port else "")
        return urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, "")), host

    def _may_visit(self, address: str) -> bool:
        found = embedded(ipaddress.ip_address(address.partition("%")[0]))
        if self.allow_private or any(found in network for network in self.networks):
            return True
        return found.is_global and not found.is_multicast and not found.is_reserved

    def _patiently(self, url: str, into: Path | None) -> tuple[httpx.Response, bytes]:
        problem = ""
        for attempt in range(self.tries):
            pause = min(2.0**attempt, LONGEST_PAUSE)
            try:
                response, body = self._once(url, into)
            except httpx.HTTPError as error:
                problem = f"{type(error).__name__}：{error}" if str(error) else type(error).__name__
            except httpx.InvalidURL as error:
                raise SourceError(f"地址写法有误：{url}") from error
            else:
                if response.status_code not in _BUSY:
                    return response, body
                problem = f"服务器回答 {response.status_code}"
                pause = _told_pause(response.headers.get("retry-after", "")) or pause
            if attempt + 1 < self.tries:
                self.wait(pause)
        raise SourceError(f"{url}: 试了 {self.tries} 次仍然失败（{problem}）")

    def _once(self, url: str, into: Path | None) -> tuple[httpx.Response, bytes]:
        pinned, host = self._checked(url)
        port = urlsplit(url).port
        named = f"[{host}]" if ":" in host else host
        headers = {"Host": f"{named}:{port}" if port else named}
        with _cut_after(SECONDS_PER_FILE if into else SECONDS_PER_ANSWER) as trace:
            extensions = {"sni_hostname": host, "trace": trace}
            with self.client.stream(
                "GET", pinned, headers=headers, extensions=extensions, follow_redirects=False
            ) as response:
                if response.headers.get("content-encoding", "identity").strip().lower() not in (
                    "identity", "gzip", "x-gzip", "deflate", "",
                ):  # fmt: skip
                    raise SourceError(f"{url}: 服务器用了没有请求过的压缩方式")
                if into is None or response.status_code != 200:
                    return response, _bounded_body(response, url)
                _write_body(response, url, into)
                return response, b""


def embedded(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one (mapped, 6to4, Teredo, NAT64), which is where the connection would end."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        teredo = address.teredo
        return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
    return address


def _told_pause(told: str) -> float:
    """Seconds of a Retry-After header (a number or a date), bounded; 0 when it says nothing."""
    if told.strip().isdigit():
        return min(float(told), LONGEST_PAUSE)
    try:
        moment = email.utils.parsedate_to_datetime(told)
    except (TypeError, ValueError):
        return 0.0
    return min(max(moment.timestamp() - time.time(), 1.0), LONGEST_PAUSE)


@contextmanager
def _cut_after(seconds: float) -> Iterator[Callable[[str, dict[str, Any]], None]]:
    """A trace function for httpx that remembers the connection; it is cut when ``seconds`` are over. Read timeouts
    alone do not end an answer that comes a byte a minute."""
    streams: list[Any] = []

    def trace(event: str, told: dict[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            streams.append(told["return_value"])

    def cut() -> None:
        if streams and (connection := streams[-1].get_extra_info("socket")) is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it ended by itself meanwhile

    watchdog = threading.Timer(seconds, cut)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield trace
    finally:
        watchdog.cancel()


def _bounded_body(response: httpx.Response, url: str) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise SourceError(f"{url}: 超过 {LARGEST_ANSWER // 1024 // 1024} MB")
    return bytes(body)


def _write_body(response: httpx.Response, url: str, into: Path) -> None:
    written = 0
    with into.open("wb") as file:
        for chunk in response.iter_bytes():
            written += len(chunk)
            if written > LARGEST_FILE:
                raise SourceError(f"{url}: 超过 {LARGEST_FILE // 1024**3} GB")
            if shutil.disk_usage(into.parent).free < _SPARE_DISK:
                raise SourceError(f"{url}: 磁盘空间不足")
            file.write(chunk)
