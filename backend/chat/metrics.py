"""What operators see of the chat on /metrics."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from backend.chat.turn import Chat

_STATES = ("closed", "half_open", "open")


class ChatMetrics(Collector):
    """Reads the chat's counts whenever it is asked."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("lianwen_turns_running", "turns being answered here", value=self._chat.answering)
        cache = CounterMetricFamily("lianwen_answer_cache", "remembered answers by outcome", labels=["outcome"])
        for outcome in ("hit", "miss", "stale", "kept", "error"):
            cache.add_metric([outcome], self._chat.remembered.counts[outcome])
        yield cache
        model = self._chat.answerer.modelled
        if model is None:
            return
        states = GaugeMetricFamily("lianwen_chat_model_breaker", "1 for the breaker's state", labels=["model", "state"])
        for name, state in model.supervisor.states().items():
            for one in _STATES:
                states.add_metric([name, one], float(one == state))
        yield states
        yield CounterMetricFamily(
            "lianwen_chat_model_fallbacks", "answers given without the configured models", value=model.fell_back
        )
