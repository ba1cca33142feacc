"""The table of states and transitions: no dead ends, and the document is true to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.errors import Conflict
from backend.delivery.lifecycle import (
    BY_NAME,
    NEXT,
    OPEN_STATES,
    STATES,
    TALK,
    TRANSITIONS,
    Side,
    State,
    Transition,
    allowed,
    check,
)
from backend.delivery.lifecycle_document import markdown, mermaid

DOCUMENT = Path(__file__).parents[2] / "backend" / "delivery" / "lifecycle.md"
SERVICES = ("loan", "copy")
MOVES = [one for one in TRANSITIONS if one.name not in TALK]


def targets(transition: Transition) -> set[State]:
    return {State.REQUESTED, State.UNFILLED} if transition.target == NEXT else {State(transition.target)}


def reachable(service: str, sides: set[Side], start: set[State]) -> set[State]:
    """Where these parties together can bring a request of this service."""
    found, before = set(start), set[State]()
    while found != before:
        before = set(found)
        for one in MOVES:
            if one.sources & found and one.sides & sides and one.service in (None, service):
                found |= targets(one)
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_every_state_is_reached_by_one_service_or_the_other(service: str) -> None:
    found = reachable(service, set(Side), {State.REVIEW, State.REQUESTED})
    only_loans = {State.SHIPPED, State.RECEIVED, State.RENEWAL_ASKED, State.OVERDUE, State.RECALLED, State.RETURNED}
    only_loans |= {State.LOST}
    assert found == set(State) - (only_loans if service == "copy" else {State.DELIVERED})


@pytest.mark.parametrize("service", SERVICES)
def test_no_state_is_a_dead_end_for_whoever_is_responsible(service: str) -> None:
    for state in OPEN_STATES & reachable(service, set(Side), {State.REVIEW, State.REQUESTED}):
        rule = STATES[state]
        assert rule.responsible is not None, state
        assert rule.attention is not None, state
        moves = [one for one in allowed(state, [rule.responsible], service=service) if one.name not in TALK]
        assert moves, (state, service)


@pytest.mark.parametrize("service", SERVICES)
def test_a_silent_supplier_can_keep_no_request_open(service: str) -> None:
    """The library that asked, the office and the clock bring every request to an end by themselves."""
    alone = {Side.REQUESTER, Side.OFFICE, Side.TIMER}
    for state in OPEN_STATES & reachable(service, set(Side), {State.REVIEW, State.REQUESTED}):
        assert any(STATES[end].final for end in reachable(service, alone, {state})), (state, service)


@pytest.mark.parametrize("service", SERVICES)
def test_a_silent_reader_and_requester_can_keep_no_request_open(service: str) -> None:
    alone = {Side.SUPPLIER, Side.OFFICE, Side.TIMER}
    for state in OPEN_STATES & reachable(service, set(Side), {State.REVIEW, State.REQUESTED}):
        assert any(STATES[end].final for end in reachable(service, alone, {state})), (state, service)


def test_what_a_timer_does_is_allowed_to_it() -> None:
    for state, rule in STATES.items():
        assert (rule.timer is None) == (rule.on_timer is None)
        if rule.on_timer:
            assert state in BY_NAME[rule.on_timer].sources
            assert Side.TIMER in BY_NAME[rule.on_timer].sides
            assert rule.attention is not None
            assert rule.timer is not None


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([one.name for one in TRANSITIONS]),
    st.sampled_from(list(State)),
    st.sets(st.sampled_from(list(Side))),
    st.sampled_from(SERVICES),
)
def test_what_is_offered_is_what_is_allowed(name: str, state: State, sides: set[Side], service: str) -> None:
    offered = name in {one.name for one in allowed(state, sides, service=service)}
    if offered:
        assert check(name, state, sides, service=service).name == name
        return
    with pytest.raises(Conflict) as refused:
        check(name, state, sides, service=service)
    assert refused.value.detail == {"state": state.value, "action": name}


def test_the_diagram_names_every_state_and_transition() -> None:
    drawn = mermaid()
    assert all(f"{state.value} : {rule.label}" in drawn for state, rule in STATES.items())
    assert all(transition.label in drawn for transition in TRANSITIONS)


def test_the_committed_document_is_generated_from_the_table() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == markdown()
