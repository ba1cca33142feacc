"""The supervisor of a model's stream: it decides when to wait, try again, change the model or give up.

``with_fallbacks`` protects a stream only up to its first chunk and ``with_retry`` does not retry ``astream``, so this
is done here: time to the first sign of life, silence in mid-stream, the whole time, the amount of text, tries again
before the first text (backing off, or after what ``Retry-After`` asks where there is time for it), the second model,
and a circuit breaker for each model.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from backend.answer.model import ChatModel, LangChainModel, Message, ModelFailed
from backend.answer.thinking import Thinking

log = logging.getLogger(__name__)

LONGEST_REST = 300.0
"""Seconds after which a model is probed again, however long it asked to be left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds, characters and tries that an answer may take.

    A model that stays silent for ``first_token`` seconds is not tried again: the reader has waited enough.
    """

    first_token: float = 8.0
    stall: float = 6.0
    whole: float = 30.0
    characters: int = 4_000
    tries: int = 3
    retry_pause: float = 0.25
    longest_pause: float = 4.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """A model begins: what was streamed before is void."""

    model: str


@dataclass(slots=True)
class Breaker:
    """Opens after ``failures`` in a row; after ``rest`` seconds one question at a time may probe the model."""

    failures: int = 3
    rest: float = 30.0
    clock: Callable[[], float] = time.monotonic
    _count: int = 0
    _until: float = 0.0
    _probing: bool = False

    @property
    def state(self) -> str:
        """``closed`` (asked freely), ``open`` (not asked) or ``half_open`` (may be probed)."""
        if self._count < self.failures:
            return "closed"
        return "open" if self.clock() < self._until else "half_open"

    def enter(self) -> bool:
        """May this question ask the model? In the half-open state only one may until its outcome is known."""
        if self.state == "closed":
            return True
        if self.state == "open" or self._probing:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        self._count, self._probing = 0, False

    def failed(self, *, rest: float | None = None) -> None:
        """``rest``: how long the model itself asked to be left alone; then nobody asks it until that is over."""
        self._count = self._count + 1 if rest is None else max(self._count + 1, self.failures)
        self._until = self.clock() + (self.rest if rest is None else min(rest, LONGEST_REST))
        self._probing = False

    def left(self) -> None:
        """The question was given up by its reader: no verdict on the model."""
        self._probing = False


@dataclass(slots=True)
class Supervisor:
    """Streams from the first model that can; see the module."""

    models: Sequence[ChatModel]
    limits: Limits = field(default_factory=Limits)
    _breakers: dict[int, Breaker] = field(default_factory=dict)

    def breaker(self, place: int) -> Breaker:
        """The breaker of ``models[place]``."""
        return self._breakers.setdefault(place, Breaker())

    def states(self) -> dict[str, str]:
        """Each model's name with the state of its breaker."""
        return {model.name: self.breaker(place).state for place, model in enumerate(self.models)}

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[str | Attempt]:
        """An :class:`Attempt` whenever a model begins (text given before it is void), and text.

        :raises ModelFailed: when no model finished.
        """
        until, why = time.monotonic() + self.limits.whole, "none was asked: their breakers are open"
        for place, model in enumerate(self.models):
            async with aclosing(self._tries(place, model, messages, until)) as values:
                try:
                    async for value in values:
                        yield value
                except ModelFailed as error:
                    why = error.message
                    continue
                return
        raise ModelFailed(f"no chat model finished an answer; {why}")

    async def close(self) -> None:
        """Release the connections of every model."""
        for model in self.models:
            await model.close()

    async def _tries(
        self, place: int, model: ChatModel, messages: Sequence[Message], until: float
    ) -> AsyncGenerator[str | Attempt]:
        """One model, again while it fails before its first text for a reason that time may heal."""
        breaker, began = self.breaker(place), time.monotonic()
        for number in range(self.limits.tries):
            if time.monotonic() >= until or not breaker.enter():
                break
            begun, settled = False, False
            try:
                yield Attempt(model.name)
                async with aclosing(self._once(model, messages, until)) as values:
                    async for value in values:
                        begun = begun or isinstance(value, str)
                        yield value
                breaker.succeeded()
                settled = True
                return
            except ModelFailed as error:
                settled = True
                pause = self._pause(error, number, began, until)
                breaker.failed(rest=error.retry_after if pause is None else None)
                log.warning("chat model failed (attempt %d): %s", number + 1, error.message)
                if begun or pause is None:
                    raise
            finally:
                if not settled:  # the caller has left: a model that had begun to speak is well
                    (breaker.succeeded if begun else breaker.left)()
            await asyncio.sleep(pause)
        raise ModelFailed(f"{model.name}: given up, its breaker is {breaker.state}")

    def _pause(self, error: ModelFailed, number: int, began: float, until: float) -> float | None:
        """Seconds until the next try; None when another try is of no use or would keep the reader waiting."""
        if not error.temporary or number + 1 >= self.limits.tries:
            return None
        pause = error.retry_after if error.retry_after is not None else self.limits.retry_pause * 2**number
        pause *= random.uniform(1.0, 1.2)
        moment = time.monotonic()
        late = moment - began + pause > self.limits.first_token or moment + pause >= until
        return None if pause > self.limits.longest_pause or late else pause

    async def _once(self, model: ChatModel, messages: Sequence[Message], until: float) -> AsyncGenerator[str | Attempt]:
        thinking, left = Thinking(), self.limits.characters
        async with aclosing(self._alive(model, messages, until)) as chunks:
            async for chunk in chunks:
                text = thinking.feed(chunk[: self.limits.characters])[:left]
                if thinking.closed_unopened:
                    thinking.closed_unopened = False
                    yield Attempt(model.name)  # everything so far was thought, not said
                if text:
                    left -= len(text)
                    yield text
                if left <= 0:
                    return
        if rest := thinking.finish()[:left]:
            yield rest
        elif left == self.limits.characters:
            raise ModelFailed(f"{model.name}: an empty answer")

    async def _alive(self, model: ChatModel, messages: Sequence[Message], until: float) -> AsyncGenerator[str]:
        """The model's chunks while they keep coming; empty ones (reasoning, tool calls) are signs of life."""
        stream, wait = model.stream(messages), self.limits.first_token
        try:
            while True:
                left = until - time.monotonic()
                try:
                    chunk = await asyncio.wait_for(anext(stream), max(0.0, min(wait, left)))
                except StopAsyncIteration:
                    return
                except TimeoutError as error:
                    late = f"silent for {wait} s" if wait < left else f"took longer than {self.limits.whole} s"
                    raise ModelFailed(f"{model.name}: {late}", temporary=False) from error
                wait = self.limits.stall
                yield chunk
        finally:
            await _closed(stream)


async def _closed(stream: AsyncIterator[str]) -> None:
    """End the stream, which closes the connection behind it."""
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A model's LangChain name and where it is served."""

    model: str
    base_url: str = ""
    api_key: str = ""


def build_supervisor(
    endpoints: Sequence[Endpoint], *, limits: Limits | None = None, max_tokens: int = 1_024
) -> Supervisor | None:
    """The supervisor of the configured models, the first one first; None without one: answers are extractive.

    :raises ConfigurationError: when a name is none that LangChain knows.
    """
    named = [endpoint for endpoint in endpoints if endpoint.model]
    if not named:
        return None
    limits = limits or Limits()
    made = [
        LangChainModel(
            one.model, base_url=one.base_url, api_key=one.api_key, timeout=limits.whole, max_tokens=max_tokens
        )
        for one in named
    ]
    return Supervisor(models=made, limits=limits)
