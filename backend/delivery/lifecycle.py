"""The one lifecycle of a request, as data: states, who may do what, what each person reads, what needs attention.

Routes, the desk's buttons, the patron's wording, the timers, the diagram and the tables of ``lifecycle.md``
(:mod:`backend.delivery.lifecycle_document`) are all drawn from :data:`STATES` and :data:`TRANSITIONS`. Pure: nothing
here touches a database.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from backend.core.errors import Conflict


class State(StrEnum):
    REVIEW = "review"
    REQUESTED = "requested"
    CONDITIONAL = "conditional"
    RETRY_OFFERED = "retry_offered"
    WILL_SUPPLY = "will_supply"
    SHIPPED = "shipped"
    RECEIVED = "received"
    RENEWAL_ASKED = "renewal_asked"
    OVERDUE = "overdue"
    RECALLED = "recalled"
    RETURNED = "returned"
    DELIVERED = "delivered"
    CANCEL_ASKED = "cancel_asked"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    UNFILLED = "unfilled"
    LOST = "lost"


class Side(StrEnum):
    """In which capacity someone acts on a request."""

    PATRON = "patron"
    REQUESTER = "requester"
    SUPPLIER = "supplier"
    OFFICE = "office"
    TIMER = "timer"


P, R, S, F, T = Side.PATRON, Side.REQUESTER, Side.SUPPLIER, Side.OFFICE, Side.TIMER

NEXT = "next"
"""Target of a transition that hands the request to the next place of the rota: requested there, or unfilled."""

STAY = "stay"
"""Target of a transition that is written down and told to the other library, but leaves the state and its timer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRule:
    """``patron`` is what the reader is told, ``next_step`` what happens next. ``responsible`` must act; after
    ``attention`` in this state the desk marks the request. ``timer`` fires ``on_timer`` by itself."""

    label: str
    patron: str
    next_step: str
    responsible: Side | None = None
    attention: timedelta | None = None
    timer: timedelta | None = None
    on_timer: str | None = None
    final: bool = False
    tone: str = "info"


def _days(count: float) -> timedelta:
    return timedelta(days=count)


STATES: dict[State, StateRule] = {
    State.REVIEW: StateRule(
        label="待核对",
        patron="您的申请正由馆员核对文献信息。",
        next_step="本馆馆员核对后发往供书馆。",
        responsible=R,
        attention=_days(2),
        tone="warn",
    ),
    State.REQUESTED: StateRule(
        label="已发出请求",
        patron="申请已发往供书馆，等待答复。",
        next_step="供书馆在三天内答复；逾时自动转下一家。",
        responsible=S,
        attention=_days(2),
        timer=_days(3),
        on_timer="expire",
    ),
    State.CONDITIONAL: StateRule(
        label="待确认条件",
        patron="供书馆提出了提供条件，请确认是否接受。",
        next_step="接受条件，或转下一家供书馆。",
        responsible=R,
        attention=_days(2),
        timer=_days(5),
        on_timer="refuse_conditions",
        tone="warn",
    ),
    State.RETRY_OFFERED: StateRule(
        label="供书馆暂时不能提供",
        patron="供书馆暂时不能提供，可稍后再试。",
        next_step="本馆决定等待或转下一家。",
        responsible=R,
        attention=_days(1),
        timer=_days(2),
        on_timer="skip",
        tone="warn",
    ),
    State.WILL_SUPPLY: StateRule(
        label="备书中",
        patron="供书馆已同意提供，正在准备。",
        next_step="供书馆寄出图书或传送复制件。",
        responsible=S,
        attention=_days(4),
    ),
    State.SHIPPED: StateRule(
        label="运送中",
        patron="图书已寄出，正在运送途中。",
        next_step="图书到达取书馆后通知您。",
        responsible=R,
        attention=_days(10),
    ),
    State.RECEIVED: StateRule(
        label="已到馆",
        patron="图书已到取书馆，可前往借取。",
        next_step="请在应还日期前归还。",
        responsible=R,
        attention=_days(45),
        tone="good",
    ),
    State.RENEWAL_ASKED: StateRule(
        label="续借待答复",
        patron="续借申请已发给供书馆，等待答复。",
        next_step="供书馆答复是否续借。",
        responsible=S,
        attention=_days(2),
        timer=_days(7),
        on_timer="refuse_renewal",
    ),
    State.OVERDUE: StateRule(
        label="已逾期",
        patron="图书已超过应还日期，请尽快归还。",
        next_step="请尽快归还取书馆。",
        responsible=R,
        attention=_days(0),
        tone="bad",
    ),
    State.RECALLED: StateRule(
        label="被召回",
        patron="供书馆需要收回图书，请立即归还。",
        next_step="请立即归还取书馆。",
        responsible=R,
        attention=_days(3),
        tone="bad",
    ),
    State.RETURNED: StateRule(
        label="归还途中",
        patron="图书已归还，正寄回供书馆。",
        next_step="供书馆收到后办结。",
        responsible=S,
        attention=_days(10),
    ),
    State.DELIVERED: StateRule(
        label="已送达",
        patron="复制件已送达，可下载或领取。",
        next_step="请在期限内下载；如有缺页请告知馆员。",
        responsible=R,
        attention=_days(40),
        timer=_days(30),
        on_timer="confirm",
        tone="good",
    ),
    State.CANCEL_ASKED: StateRule(
        label="取消待确认",
        patron="已请供书馆取消，等待确认。",
        next_step="供书馆确认取消，或告知已寄出。",
        responsible=S,
        attention=_days(1),
        tone="warn",
    ),
    State.COMPLETED: StateRule(label="已办结", patron="申请已办结。", next_step="", final=True, tone="good"),
    State.CANCELLED: StateRule(label="已取消", patron="申请已取消。", next_step="", final=True),
    State.UNFILLED: StateRule(
        label="未能满足",
        patron="很抱歉，目前没有图书馆能够提供这份文献。",
        next_step="可以请本馆考虑采购，或咨询馆员寻找替代文献。",
        final=True,
        tone="bad",
    ),
    State.LOST: StateRule(
        label="遗失",
        patron="图书遗失，馆员将与您联系。",
        next_step="由两馆按协议处理赔偿。",
        final=True,
        tone="bad",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """``label`` is the desk's button; ``needs`` the fields its form must fill; ``told`` what the patron reads of it
    (empty: the new state's own sentence)."""

    name: str
    sources: frozenset[State]
    target: State | str
    sides: frozenset[Side]
    label: str
    told: str = ""
    service: str | None = None
    needs: tuple[str, ...] = ()
    danger: bool = False
    local: bool = True


def _transition(
    name: str, sources: Iterable[State], target: State | str, sides: Iterable[Side], label: str, **more: object
) -> Transition:
    return Transition(name=name, sources=frozenset(sources), target=target, sides=frozenset(sides), label=label, **more)  # type: ignore[arg-type]


Z = State
_OUT = (Z.RECEIVED, Z.OVERDUE, Z.RENEWAL_ASKED)
_SUPPLIABLE = (Z.REQUESTED, Z.WILL_SUPPLY, Z.CANCEL_ASKED)
_WITH_SUPPLIER = (*_SUPPLIABLE, Z.RENEWAL_ASKED, Z.RETURNED)

TRANSITIONS: tuple[Transition, ...] = (
    _transition("match", [Z.REVIEW], NEXT, [R, F], "核对无误，发出请求", told="馆员已核对文献信息，申请已发出。"),
    _transition("give_up", [Z.REVIEW], Z.UNFILLED, [R, F], "无法办理", needs=("reason",), danger=True),
    _transition("accept", [Z.REQUESTED], Z.WILL_SUPPLY, [S], "同意提供"),
    _transition("offer_conditions", [Z.REQUESTED], Z.CONDITIONAL, [S], "有条件提供", needs=("reason",)),
    _transition("offer_retry", [Z.REQUESTED], Z.RETRY_OFFERED, [S], "请稍后再试", needs=("reason",)),
    _transition(
        "decline",
        [Z.REQUESTED, Z.CONDITIONAL, Z.RETRY_OFFERED, Z.WILL_SUPPLY],
        NEXT,
        [S],
        "不能提供",
        told="这家图书馆不能提供，已转下一家。",
        needs=("reason",),
        danger=True,
    ),
    _transition("expire", [Z.REQUESTED], NEXT, [T], "逾时未答复", told="供书馆逾时未答复，已转下一家。"),
    _transition(
        "accept_conditions", [Z.CONDITIONAL], Z.WILL_SUPPLY, [P, R, F], "接受条件", told="条件已接受，供书馆正在准备。"
    ),
    _transition(
        "refuse_conditions", [Z.CONDITIONAL], NEXT, [P, R, F, T], "不接受条件", told="未接受所提条件，已转下一家。"
    ),
    _transition("retry", [Z.RETRY_OFFERED], Z.REQUESTED, [R, F], "再次请求", told="已再次向供书馆提出请求。"),
    _transition("skip", [Z.RETRY_OFFERED], NEXT, [R, F, T], "转下一家", told="不再等待，已转下一家。"),
    _transition(
        "reroute",
        [Z.REQUESTED, Z.CONDITIONAL, Z.RETRY_OFFERED, Z.WILL_SUPPLY],
        NEXT,
        [F],
        "改派下一家",
        told="申请已改派另一家图书馆。",
        needs=("reason",),
        danger=True,
    ),
    _transition("ship", _SUPPLIABLE, Z.SHIPPED, [S], "寄出", service="loan", needs=("due",)),
    _transition("deliver", _SUPPLIABLE, Z.DELIVERED, [S], "送达复制件", service="copy"),
    _transition("receive", [Z.SHIPPED], Z.RECEIVED, [R], "登记到馆", service="loan"),
    _transition(
        "ask_renewal",
        [Z.RECEIVED, Z.OVERDUE],
        Z.RENEWAL_ASKED,
        [P, R],
        "申请续借",
        service="loan",
    ),
    _transition(
        "grant_renewal",
        [Z.RENEWAL_ASKED],
        Z.RECEIVED,
        [S],
        "同意续借",
        told="续借成功。",
        service="loan",
        needs=("due",),
    ),
    _transition(
        "refuse_renewal",
        [Z.RENEWAL_ASKED],
        Z.RECEIVED,
        [S, T],
        "不同意续借",
        told="未能续借，请按原应还日期归还。",
        service="loan",
    ),
    _transition("overdue", [Z.RECEIVED], Z.OVERDUE, [S, T], "标为逾期", service="loan"),
    _transition("recall", [Z.SHIPPED, *_OUT], Z.RECALLED, [S], "召回", service="loan", danger=True),
    _transition("return", [Z.SHIPPED, *_OUT, Z.RECALLED], Z.RETURNED, [R], "登记寄还", service="loan"),
    _transition("check_in", [Z.RETURNED, *_OUT, Z.RECALLED], Z.COMPLETED, [S, F], "收到还书，办结", service="loan"),
    _transition("confirm", [Z.DELIVERED], Z.COMPLETED, [P, R, T], "确认收到，办结", service="copy"),
    _transition(
        "report_problem",
        [Z.DELIVERED],
        Z.WILL_SUPPLY,
        [P, R],
        "复制件有问题",
        told="已请供书馆重新提供复制件。",
        service="copy",
        needs=("reason",),
    ),
    _transition(
        "lose",
        [Z.SHIPPED, *_OUT, Z.RECALLED, Z.RETURNED],
        Z.LOST,
        [R, S, F],
        "登记遗失",
        service="loan",
        needs=("reason",),
        danger=True,
    ),
    _transition(
        "cancel",
        [Z.REVIEW, Z.REQUESTED, Z.CONDITIONAL, Z.RETRY_OFFERED],
        Z.CANCELLED,
        [P, R, F],
        "取消申请",
        danger=True,
    ),
    _transition("ask_cancel", [Z.WILL_SUPPLY], Z.CANCEL_ASKED, [P, R, F], "请求取消", danger=True),
    _transition("agree_cancel", [Z.CANCEL_ASKED], Z.CANCELLED, [S, F], "同意取消"),
    _transition("refuse_cancel", [Z.CANCEL_ASKED], Z.WILL_SUPPLY, [S], "不能取消", told="供书馆已在办理，不能取消。"),
    _transition(
        "lapse",
        [Z.REVIEW, Z.REQUESTED, Z.CONDITIONAL, Z.RETRY_OFFERED],
        Z.UNFILLED,
        [T],
        "已过需要日期",
        told="已过您填写的最迟需要日期，申请已停止办理。",
    ),
    _transition("reopen", [Z.UNFILLED], Z.REVIEW, [R, F], "重新办理", told="馆员正在重新办理您的申请。"),
    _transition("ask_status", _WITH_SUPPLIER, STAY, [R, F], "询问进展", told="已向供书馆询问进展。"),
    _transition("message", State, STAY, [R, S, F], "留言", told="两馆正就这份申请沟通。", needs=("reason",)),
)

BY_NAME = {transition.name: transition for transition in TRANSITIONS}
OPEN_STATES = frozenset(state for state, rule in STATES.items() if not rule.final)
SUPPLIED = frozenset({"ship", "deliver"})
CANCELS = ("cancel", "ask_cancel")
TALK = frozenset(transition.name for transition in TRANSITIONS if transition.target == STAY)
"""Transitions that change nothing but what the libraries know of each other."""


def allowed(state: State, sides: Iterable[Side], *, service: str) -> list[Transition]:
    """What someone acting in ``sides`` may do with a request in ``state``, in the table's order."""
    acting = frozenset(sides)
    return [
        transition
        for transition in TRANSITIONS
        if state in transition.sources and acting & transition.sides and transition.service in (None, service)
    ]


def check(name: str, state: State, sides: Iterable[Side], *, service: str) -> Transition:
    """The transition, when it is allowed here and now.

    :raises Conflict: when the state, the service or the actor does not allow it.
    """
    transition = BY_NAME.get(name)
    if transition is None:
        raise Conflict(f"没有这样的操作：{name[:40]}", detail={"action": name[:40]})
    detail = {"state": state.value, "action": name}
    if state not in transition.sources or transition.service not in (None, service):
        raise Conflict(f"“{STATES[state].label}”的申请不能“{transition.label}”。", detail=detail)
    if not frozenset(sides) & transition.sides:
        raise Conflict(f"您不能对这份申请“{transition.label}”。", detail=detail)
    return transition


def needs_attention(state: State, since: timedelta) -> bool:
    """Has the request stood in this state longer than it should?"""
    limit = STATES[state].attention
    return limit is not None and since >= limit
