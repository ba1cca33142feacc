"""Chat models as this program uses them. The only importer of LangChain.

Whatever goes wrong in a provider's library or behind it leaves here as one error, :class:`ModelFailed`, which knows
whether another try may help and how long the provider asks to be left alone.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, Protocol, cast

import httpx

from backend.core.errors import ConfigurationError, UpstreamError

Message = tuple[str, str]

MAX_BYTES = 4_000_000
"""Bytes of one response; the longest answer is a few thousand characters, so more is a fault or an attack."""

_LASTING = frozenset({400, 401, 402, 403, 404, 405, 413, 415, 422})
"""HTTP answers that will be the same when asked again."""


class ModelFailed(UpstreamError):
    """A model gave no answer. ``retry_after``: seconds it asked to wait; ``temporary``: may asking again help?"""

    code = "model_failed"

    def __init__(self, message: str, *, temporary: bool = True, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.temporary = temporary
        self.retry_after = retry_after


class ChatModel(Protocol):
    """A model that streams text."""

    @property
    def name(self) -> str: ...

    def stream(self, messages: Sequence[Message]) -> AsyncIterator[str]:
        """Chunks of text; an empty one where the model does something else than speak. Closing it hangs up.

        :raises ModelFailed: for anything that goes wrong in the library or behind it.
        """

    async def close(self) -> None:
        """Release connections."""


class LangChainModel:
    """Any chat model that LangChain can name (``openai:qwen-plus``), at any OpenAI-compatible address."""

    def __init__(
        self, name: str, *, base_url: str = "", api_key: str = "", timeout: float = 30.0, max_tokens: int = 1_024
    ) -> None:
        """:raises ConfigurationError: when the name is none that LangChain knows, or its package is missing."""
        from langchain.chat_models import init_chat_model  # seconds to import: only where a model is configured

        self.name = name
        options: dict[str, Any] = {"temperature": 0, "timeout": timeout, "max_retries": 0, "max_tokens": max_tokens}
        self._client: httpx.AsyncClient | None = None
        if name.startswith("openai:"):
            # LangChain would share one client among all models and event loops of the process
            self._client = httpx.AsyncClient(
                timeout=timeout, transport=_Bounded(), headers={"accept-encoding": "identity"}
            )
            options["http_async_client"] = self._client
        if base_url:
            options["base_url"] = base_url
        if api_key or base_url:
            options["api_key"] = api_key or "none"
        try:
            self._model = init_chat_model(name, **options)
        except Exception as error:
            # each provider's package refuses a name or a missing key with an error of its own
            words = str(error).strip().splitlines() or [type(error).__name__]
            raise ConfigurationError(f"LIANWEN_CHAT_MODEL {name!r} cannot be used: {words[0]}") from error

    async def close(self) -> None:
        """Close the connections that are kept open."""
        if self._client is not None:
            await self._client.aclose()

    async def stream(self, messages: Sequence[Message]) -> AsyncIterator[str]:
        ended = not self.name.startswith("openai:")  # this protocol always says why it ends; a cut connection does not
        try:
            async with aclosing(cast(AsyncGenerator[Any], self._model.astream(list(messages)))) as chunks:
                async for chunk in chunks:
                    ended = ended or bool(chunk.response_metadata.get("finish_reason"))
                    yield str(chunk.text)
        except Exception as error:
            # every provider's library has an error tree of its own: this is the boundary that translates them all
            raise _failed(self.name, error) from error
        if not ended:
            raise ModelFailed(f"{self.name}: the stream was cut off")


def _failed(name: str, error: Exception) -> ModelFailed:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    said = f"{name}: {type(error).__name__}" + (f" {status}" if status else "")
    headers = getattr(response, "headers", None) or {}
    return ModelFailed(said, temporary=status not in _LASTING, retry_after=retry_after(headers.get("retry-after", "")))


def retry_after(header: str) -> float | None:
    """Seconds of a ``Retry-After`` header (RFC 9110 §10.2.3: seconds or a date); None when it says nothing readable."""
    text = header.strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    moment = email.utils.parsedate_to_datetime(text).timestamp() if _is_date(text) else None
    return max(0.0, moment - time.time()) if moment is not None else None


def _is_date(text: str) -> bool:
    return email.utils.parsedate_tz(text) is not None


class _Bounded(httpx.AsyncHTTPTransport):
    """Hangs up on a response that never ends, also where no line of it does, and on one whose size is hidden."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise httpx.RemoteProtocolError("a compressed response, which nobody asked for")
        response.stream = _BoundedStream(cast(httpx.AsyncByteStream, response.stream))
        return response


class _BoundedStream(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for part in self._stream:
            read += len(part)
            if read > MAX_BYTES:
                raise httpx.ReadError(f"a response of more than {MAX_BYTES} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
