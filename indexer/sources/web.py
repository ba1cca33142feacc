"""Fetching from addresses that a person names: public hosts only, few redirects, bounded size, back-off."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx

from indexer.sources.values import SourceError

LARGEST = 256 * 1024 * 1024
MOST_REDIRECTS = 5
TRIES = 4
_BUSY = frozenset({429, 500, 502, 503, 504})

Resolver = Callable[[str], list[str]]


def resolve(host: str) -> list[str]:
    """The addresses of a host name.

    :raises SourceError: when it has none.
    """
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError) as error:
        raise SourceError(f"无法解析主机名：{host}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """Reads addresses. ``allow_private`` lets it into the server's own network (for harvesting an intranet system)."""

    client: httpx.Client
    allow_private: bool = False
    resolver: Resolver = resolve
    wait: Callable[[float], None] = time.sleep

    def get(self, url: str) -> bytes:
        """The body behind ``url``; redirects are followed one by one, each target checked like the first.

        :raises SourceError: with the reason.
        """
        for _ in range(MOST_REDIRECTS + 1):
            self._check(url)
            status, location, body = self._patiently(url)
            if status in (301, 302, 303, 307, 308) and location:
                url = urljoin(url, location)
                continue
            if status >= 400:
                raise SourceError(f"{url}: 服务器回答 {status}")
            return body
        raise SourceError(f"{url}: 重定向超过 {MOST_REDIRECTS} 次")

    def _check(self, url: str) -> None:
        """:raises SourceError: unless ``url`` is http(s) to a public address."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SourceError(f"只接受 http 和 https 地址：{url}")
        if self.allow_private:
            return
        for address in self.resolver(parts.hostname):
            found = ipaddress.ip_address(address.partition("%")[0])
            mapped = getattr(found, "ipv4_mapped", None) or found
            if not mapped.is_global or mapped.is_multicast:
                raise SourceError(f"{parts.hostname} 指向内部网络（{address}），拒绝访问")

    def _patiently(self, url: str) -> tuple[int, str, bytes]:
        problem = ""
        for attempt in range(TRIES):
            try:
                status, headers, body = self._once(url)
            except httpx.HTTPError as error:
                problem, pause = f"{type(error).__name__}", 2.0**attempt
            else:
                if status not in _BUSY:
                    return status, headers.get("location", ""), body
                told = headers.get("retry-after", "")
                problem, pause = f"服务器回答 {status}", min(float(told), 60.0) if told.isdigit() else 2.0**attempt
            if attempt + 1 < TRIES:
                self.wait(pause)
        raise SourceError(f"{url}: 试了 {TRIES} 次仍然失败（{problem}）")

    def _once(self, url: str) -> tuple[int, httpx.Headers, bytes]:
        with self.client.stream("GET", url, follow_redirects=False) as response:
            stream = response.extensions.get("network_stream")
            peer = stream.get_extra_info("server_addr") if stream is not None else None
            if peer and not self.allow_private and not ipaddress.ip_address(str(peer[0]).partition("%")[0]).is_global:
                raise SourceError(f"{url}: 连接落在内部网络，拒绝读取")
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > LARGEST:
                    raise SourceError(f"{url}: 超过 {LARGEST // 1024 // 1024} MB")
            return response.status_code, response.headers, bytes(body)
