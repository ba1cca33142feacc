"""The lifecycle as people read it: a Mermaid diagram, and Markdown tables for ``lifecycle.md``.

``lianwen delivery lifecycle --markdown > backend/delivery/lifecycle.md`` writes the committed file; a test compares
them.
"""

from __future__ import annotations

from datetime import timedelta

from backend.delivery.lifecycle import NEXT, STATES, STAY, TRANSITIONS, Side, State, Transition

SIDES = {
    Side.PATRON: "读者",
    Side.REQUESTER: "申请馆",
    Side.SUPPLIER: "供书馆",
    Side.OFFICE: "联盟办公室",
    Side.TIMER: "定时",
}
SERVICES = {None: "借阅、复制", "loan": "借阅", "copy": "复制"}


def mermaid() -> str:
    """The lifecycle as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> requested", "    [*] --> review"]
    lines += [f"    {state.value} : {rule.label}" for state, rule in STATES.items()]
    for transition in TRANSITIONS:
        lines += _arrows(transition)
    lines += [f"    {state.value} --> [*]" for state, rule in STATES.items() if rule.final]
    return "\n".join(lines) + "\n"


def _arrows(transition: Transition) -> list[str]:
    sources = sorted(transition.sources)
    if transition.target == STAY:
        return [f"    note right of {sources[0].value} : {transition.label}（{len(sources)} 种状态下，不改变状态）"]
    target = "requested" if transition.target == NEXT else transition.target
    arrows = [f"    {source.value} --> {target} : {transition.label}" for source in sources]
    if transition.target == NEXT:
        arrows += [f"    {source.value} --> unfilled : {transition.label}（已无下家）" for source in sources]
    return arrows


def markdown() -> str:
    """The whole document."""
    parts = [
        "# 申请的生命周期",
        "由 `lianwen delivery lifecycle --markdown` 自 backend/delivery/lifecycle.py 生成，请勿手改。",
        f"```mermaid\n{mermaid()}```",
        "## 状态",
        _table(("状态", "读者所见", "该谁办理", "提醒期限", "到期自动"), [_state_row(state) for state in State]),
        "## 操作",
        _table(("操作", "按钮", "服务", "由谁", "从", "到"), [_transition_row(one) for one in TRANSITIONS]),
    ]
    return "\n\n".join(parts) + "\n"


def _state_row(state: State) -> tuple[str, ...]:
    rule = STATES[state]
    return (
        f"{rule.label} `{state.value}`",
        rule.patron,
        SIDES[rule.responsible] if rule.responsible else "（终）",
        _span(rule.attention),
        f"{_span(rule.timer)}：`{rule.on_timer}`" if rule.on_timer else "",
    )


def _transition_row(transition: Transition) -> tuple[str, ...]:
    everywhere = len(transition.sources) == len(State)
    sources = (
        "任何状态" if everywhere else "、".join(STATES[state].label for state in State if state in transition.sources)
    )
    ends = {NEXT: "下一家，没有则未能满足", STAY: "不变"}
    target = ends.get(str(transition.target)) or STATES[State(transition.target)].label
    who = "、".join(SIDES[side] for side in Side if side in transition.sides)
    return (f"`{transition.name}`", transition.label, SERVICES[transition.service], who, sources, target)


def _span(span: timedelta | None) -> str:
    return "" if span is None else "立即" if not span else f"{span / timedelta(days=1):g} 天"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
