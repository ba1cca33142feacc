"""Answers that may be given again: for the same question, to somebody who may see and should hear exactly the same.

An answer is kept under everything that it depends on (:class:`CacheKey`): the question's certain form
(:mod:`backend.chat.sameness`), intent and language, the index snapshot, the asker's audiences and member, and what
words the answer. So a new snapshot makes all old answers unreachable, and none crosses an audience or a member. Before
one is given again, each of its quotations is compared with its source as this reader may see it now.

Kept are only answers with sentences: no refusal, no failure, nothing stopped, no request's status, nothing that rests
on the conversation or on the moment of asking, and no extractive answer that stood in for a failed model.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
import zlib
from collections import Counter, OrderedDict
from dataclasses import asdict, dataclass
from typing import Protocol

import redis

from backend.answer.answerer import Answerer
from backend.answer.values import Answer, Intent, Question
from backend.chat.sameness import same_form, timely

TTL_SECONDS = 600.0
LARGEST = 64_000
"""Bytes of a packed answer; a larger one is not worth its place."""

_FORMAT = 1
_NEVER = (Intent.REQUEST_STATUS, Intent.LIBRARIAN, Intent.GREETING, Intent.PERSONAL, Intent.OFF_TOPIC)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheKey:
    """Everything that an answer depends on."""

    form: str
    intent: str
    language: str
    member: str
    audiences: tuple[str, ...]
    snapshot: str
    version: str

    def digest(self) -> str:
        packed = json.dumps([_FORMAT, asdict(self)], ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(packed.encode()).hexdigest()


class AnswerCache(Protocol):
    """Packed answers by digest, the least recently used forgotten first. All methods are safe in any thread."""

    def get(self, digest: str) -> bytes | None: ...

    def put(self, digest: str, packed: bytes) -> None: ...


class InProcessCache:
    """At most ``capacity`` answers of one process."""

    def __init__(self, capacity: int, *, ttl: float = TTL_SECONDS) -> None:
        self._capacity = capacity
        self._ttl = ttl
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: str) -> bytes | None:
        with self._lock:
            until, packed = self._kept.get(digest, (0.0, b""))
            if until <= time.monotonic():
                self._kept.pop(digest, None)
                return None
            self._kept.move_to_end(digest)
            return packed

    def put(self, digest: str, packed: bytes) -> None:
        with self._lock:
            self._kept[digest] = (time.monotonic() + self._ttl, packed)
            self._kept.move_to_end(digest)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)


class RedisCache:
    """At most ``capacity`` answers that all processes share: one hash, and a sorted set of last uses."""

    _GET = """
    local packed = redis.call('GET', KEYS[2] .. ARGV[1])
    if packed then redis.call('ZADD', KEYS[1], redis.call('TIME')[1], ARGV[1])
    else redis.call('ZREM', KEYS[1], ARGV[1]) end
    return packed
    """
    _PUT = """
    redis.call('SET', KEYS[2] .. ARGV[1], ARGV[2], 'PX', ARGV[3])
    redis.call('ZADD', KEYS[1], redis.call('TIME')[1], ARGV[1])
    local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[4])
    if over > 0 then
        for _, old in ipairs(redis.call('ZPOPMIN', KEYS[1], over)) do redis.call('DEL', KEYS[2] .. old) end
    end
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
    """

    def __init__(self, url: str, capacity: int, *, prefix: str = "lianwen:", ttl: float = TTL_SECONDS) -> None:
        client = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
        self._get, self._put = client.register_script(self._GET), client.register_script(self._PUT)
        self._keys = [f"{prefix}answers", f"{prefix}answer:"]
        self._capacity = capacity
        self._ttl = ttl

    def get(self, digest: str) -> bytes | None:
        found: bytes | None = self._get(keys=self._keys, args=[digest])
        return found

    def put(self, digest: str, packed: bytes) -> None:
        self._put(keys=self._keys, args=[digest, packed, int(self._ttl * 1000), self._capacity])


class Remembered:
    """What the chat asks: the answer to give again, and the one to keep. A cache that fails is only a miss."""

    def __init__(self, answerer: Answerer, cache: AnswerCache | None) -> None:
        self._answerer = answerer
        self._cache = cache
        self.counts: Counter[str] = Counter()
        """``hit``, ``miss``, ``stale`` (a quotation is no longer in its source), ``kept``, ``error``"""

    def key(self, question: Question, audiences: frozenset[str]) -> CacheKey | None:
        """The key of a question's answer; None when that must not be remembered."""
        if self._cache is None or question.focus or question.intent in _NEVER or timely(question.text):
            return None
        return CacheKey(
            form=same_form(question.text),
            intent=question.intent.value,
            language=question.language,
            member=question.member or "",
            audiences=tuple(sorted(audiences)),
            snapshot=self._answerer.engine.snapshot_name(),
            version=self._answerer.version,
        )

    def recall(self, key: CacheKey) -> Answer | None:
        """The kept answer, if every quotation still stands where this reader may read it."""
        if self._cache is None:
            return None
        try:
            packed = self._cache.get(key.digest())
        except redis.RedisError:
            self.counts["error"] += 1
            return None
        answer = Answer.model_validate_json(zlib.decompress(packed)) if packed else None
        if answer is not None and not self._stands(answer, frozenset(key.audiences)):
            self.counts["stale"] += 1
            answer = None
        self.counts["hit" if answer else "miss"] += 1
        return answer

    def keep(self, key: CacheKey, answer: Answer) -> bool:
        """Remember the answer when it is one to remember; says whether."""
        if self._cache is None or not self._lasting(key, answer):
            return False
        packed = zlib.compress(answer.model_dump_json().encode())
        if len(packed) > LARGEST:
            return False
        try:
            self._cache.put(key.digest(), packed)
        except redis.RedisError:
            self.counts["error"] += 1
            return False
        self.counts["kept"] += 1
        return True

    def _lasting(self, key: CacheKey, answer: Answer) -> bool:
        whole = bool(answer.sentences) and not answer.refused and answer.reason is None
        stood_in = self._answerer.modelled is not None and answer.mode != "model"
        # the index may have changed while the answer was made
        current = key.snapshot == answer_snapshot(answer) == self._answerer.engine.snapshot_name()
        return whole and not stood_in and current

    def _stands(self, answer: Answer, audiences: frozenset[str]) -> bool:
        texts: dict[int, str] = {}
        for source in answer.sources:
            item = self._answerer.engine.item(source.id, audiences)
            if item is None:
                return False
            texts[source.n] = item.text
        cited = [citation for sentence in answer.sentences for citation in sentence.citations]
        return all(texts.get(c.source, "")[c.start : c.end] == c.quote for c in cited)


def answer_snapshot(answer: Answer) -> str:
    """The snapshot that the answer was made from."""
    return answer.provenance.snapshot
