"""Chat models, and the supervisor that decides when to give one up. The only importer of LangChain.

``with_fallbacks`` protects a stream only up to its first chunk and ``with_retry`` does not retry ``astream``, so the
supervision of a stream is done here: time to the first token, a stall in mid-stream, the whole time, the amount of
text, one retry before the first token, the second model, and a circuit breaker for each model.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import httpx
from langchain.chat_models import init_chat_model

from backend.core.errors import ConfigurationError, UpstreamError

log = logging.getLogger(__name__)

Message = tuple[str, str]


class ModelFailed(UpstreamError):
    """No model gave an answer; the extractive one stands."""

    code = "model_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds and characters that an answer may take."""

    first_token: float = 8.0
    stall: float = 6.0
    whole: float = 30.0
    characters: int = 4_000
    retry_pause: float = 0.2


@dataclass(frozen=True, slots=True)
class Attempt:
    """A model begins: what was streamed before is void."""

    model: str


class ChatModel(Protocol):
    """A model that streams text."""

    @property
    def name(self) -> str: ...

    def stream(self, messages: Sequence[Message]) -> AsyncIterator[str]:
        """Chunks of text. :raises ModelFailed: for anything that goes wrong in the library or behind it."""

    async def close(self) -> None:
        """Release connections."""


class LangChainModel:
    """Any chat model that LangChain can name (``openai:qwen-plus``), at any OpenAI-compatible address."""

    def __init__(self, name: str, *, base_url: str = "", api_key: str = "", limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self.name = name
        options: dict[str, Any] = {"temperature": 0, "timeout": limits.whole, "max_retries": 0, "max_tokens": 1_024}
        self._client: httpx.AsyncClient | None = None
        if name.startswith("openai:"):
            # LangChain would share one client among all models and event loops of the process
            self._client = httpx.AsyncClient(timeout=limits.whole)
            options["http_async_client"] = self._client
        if base_url:
            options["base_url"] = base_url
        if api_key or base_url:
            options["api_key"] = api_key or "none"
        try:
            self._model = init_chat_model(name, **options)
        except (ImportError, ValueError, TypeError) as error:
            raise ConfigurationError(f"LIANWEN_CHAT_MODEL {name!r} cannot be used: {error}") from error

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
                    if text := str(chunk.text):
                        yield text
        except Exception as error:
            # every provider's library has an error tree of its own: this is the boundary that translates them all
            raise ModelFailed(f"{self.name}: {type(error).__name__}") from error
        if not ended:
            raise ModelFailed(f"{self.name}: the stream was cut off")


@dataclass(slots=True)
class Breaker:
    """Opens after ``failures`` in a row; after ``rest`` seconds one question may try again."""

    failures: int = 3
    rest: float = 30.0
    clock: Callable[[], float] = time.monotonic
    _count: int = 0
    _until: float = 0.0

    @property
    def closed(self) -> bool:
        return self._count < self.failures or self.clock() >= self._until

    def succeeded(self) -> None:
        self._count = 0

    def failed(self) -> None:
        self._count += 1
        self._until = self.clock() + self.rest


@dataclass(slots=True)
class Supervisor:
    """Streams from the first model that can; see the module."""

    models: Sequence[ChatModel]
    limits: Limits = field(default_factory=Limits)
    _breakers: dict[str, Breaker] = field(default_factory=dict)

    def breaker(self, name: str) -> Breaker:
        return self._breakers.setdefault(name, Breaker())

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[str | Attempt]:
        """An :class:`Attempt` whenever a model begins (text given before it is void), and text.

        :raises ModelFailed: when no model finished.
        """
        until = time.monotonic() + self.limits.whole
        begun = False
        for model in self.models:
            breaker = self.breaker(model.name)
            for attempt in range(2):
                if not breaker.closed or time.monotonic() >= until:
                    break
                yield Attempt(model.name)
                begun = False
                try:
                    async for text in self._once(model, messages, until):
                        begun = True
                        yield text
                    breaker.succeeded()
                    return
                except ModelFailed as error:
                    breaker.failed()
                    log.warning("chat model failed (attempt %d): %s", attempt + 1, error.message)
                    if begun:
                        break
                    await asyncio.sleep(self.limits.retry_pause)
        raise ModelFailed("no chat model finished an answer")

    async def close(self) -> None:
        """Release the connections of every model."""
        for model in self.models:
            await model.close()

    async def _once(self, model: ChatModel, messages: Sequence[Message], until: float) -> AsyncIterator[str]:
        stream = model.stream(messages)
        wait, length = self.limits.first_token, 0
        try:
            while length < self.limits.characters:
                left = until - time.monotonic()
                if left <= 0:
                    raise ModelFailed(f"{model.name}: took longer than {self.limits.whole} s")
                try:
                    text = await asyncio.wait_for(anext(stream), min(wait, left))
                except StopAsyncIteration:
                    break
                except TimeoutError as error:
                    raise ModelFailed(f"{model.name}: silent for {min(wait, left):.1f} s") from error
                wait = self.limits.stall
                length += len(text)
                yield text
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
        if length == 0:
            raise ModelFailed(f"{model.name}: an empty answer")


def build_supervisor(
    *, model: str, fallback: str = "", base_url: str = "", api_key: str = "", limits: Limits | None = None
) -> Supervisor | None:
    """The supervisor of the configured models; None without a model: answers are extractive.

    :raises ConfigurationError: when a name is none that LangChain knows.
    """
    names = [name for name in (model, fallback) if name]
    if not model:
        return None
    limits = limits or Limits()
    made = [LangChainModel(name, base_url=base_url, api_key=api_key, limits=limits) for name in names]
    return Supervisor(models=made, limits=limits)
