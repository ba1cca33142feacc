"""Rules and FAQ put together: whose rule it is, and in the order in which it is written. Pure.

The asker's own library comes first, or the one that the question names; then the consortium's rule; then others', each
with its name. Of a FAQ entry the beginning is said, since it was written as the answer; of a rule the sentence that
answers and what follows it closely, from one entry only: a sentence from another rule beside it would mislead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from backend.answer.asking import wanted
from backend.answer.citing import Sources
from backend.answer.evidence import Evidence, Unit, owner
from backend.answer.extractive import said, step, steps
from backend.answer.instructions import for_readers
from backend.answer.replies import say
from backend.answer.sentences import split
from backend.answer.values import Language, Sentence
from backend.search.query import folded

OWN_FIRST = 1.2
"""Log-odds that the asker's own rule may stand behind another library's and still be the answer."""

COMMON = 1.2
"""Log-odds that the consortium's rule may stand behind one library's and still be the answer."""

DIFFERS = 2.5
"""Log-odds within which several libraries' rules answer alike: then each is said."""

FOLLOWS = 2.5
"""Log-odds behind the best sentence within which the next one of the same rule is said, too."""

SAME = 0.95
"""Share of the question's rare words in a title from which the entry was written for this very question."""

LONGEST = 150
"""Characters from which no further sentence is added."""

_SPECIAL = re.compile(
    r"节假日|寒暑假|寒假|暑假|除夕|夏令|期末|新书|过刊|校外读者|外国|外籍|少儿|少年|儿童|学生凭|holiday|children|foreign"
)
"""What a rule says of a special case: not the answer to a question that does not name it."""

_FACTS = ("when", "how_many", "where", "who")


def policy(
    evidence: Evidence, sources: Sources, *, members: Sequence[str], language: Language, elsewhere: bool = False
) -> list[Sentence]:
    """Sentences that answer a question about rules; ``elsewhere``: those of ``members`` do not, and it says so."""
    if not evidence.units:
        return []
    units = fitted(evidence)
    groups = by_owner(units)
    first = _whose(groups, units, () if elsewhere else members)
    best = groups[first][0]
    kind = evidence.asked.wanted
    if kind == "how_to" and (numbered := steps(best)):
        told = [step(unit, sources) for unit in numbered]
        return [_led(told[0], _lead(first, best, sources, language)), *told[1:]]
    note = say("no_own_rule", language) if elsewhere and first else ""
    if (elsewhere or first not in ("", *members)) and first and len(several := differing(units)) > 1:
        told = [said(unit, sources, lead=_lead(code, unit, sources, language)) for code, unit in several]
        return [_led(told[0], note), *told[1:]]
    asked_so = evidence.asked.covered(folded(best.hit.item.title)) > SAME
    faq = best.hit.item.kind == "faq" and (kind not in _FACTS or asked_so)
    chosen = _from_the_start(best, whole=asked_so) if faq else []
    chosen = chosen or _onwards(best, groups[first])
    return [
        said(unit, sources, lead=note + _lead(first, unit, sources, language) if not at else "")
        for at, unit in enumerate(chosen)
    ]


def fitted(evidence: Evidence) -> list[Unit]:
    """The units, best first, by how their entry's title fits the question, too: a title says what the entry is for."""
    asked = evidence.asked

    def fit(unit: Unit) -> float:
        title = folded(unit.hit.item.title)
        alike = asked.wanted == wanted(title) and asked.wanted != "other" and unit.hit.item.kind == "faq"
        counts = asked.counts(asked.rest(folded(unit.text)))
        text = folded(unit.text)
        special = any(word not in asked.text for word in _SPECIAL.findall(text)[:1])
        return unit.score + 2.0 * asked.covered(title) + 1.5 * alike + 1.5 * counts - 1.5 * special

    return sorted((replace(unit, score=fit(unit)) for unit in evidence.units), key=lambda unit: -unit.score)


def by_owner(units: Sequence[Unit]) -> dict[str, list[Unit]]:
    """Units by the member whose rule they are, best first."""
    groups: dict[str, list[Unit]] = {}
    for unit in units:
        groups.setdefault(owner(unit.hit.item), []).append(unit)
    return groups


def differing(units: Sequence[Unit]) -> list[tuple[str, Unit]]:
    """The best unit of each library whose rule answers about as well as the best: two of them are a conflict."""
    near = [(code, own[0]) for code, own in by_owner(units).items() if own[0].score >= units[0].score - DIFFERS]
    return [(code, unit) for code, unit in near if code][:4]


def _whose(groups: dict[str, list[Unit]], units: Sequence[Unit], members: Sequence[str]) -> str:
    """Whose rule answers: the asker's own when it is nearly as good as the best, else the best one's owner."""
    best = units[0]
    own = [code for code in members if code in groups]
    if own and groups[own[0]][0].score >= best.score - OWN_FIRST:
        return own[0]
    common = groups.get("")
    if common and common[0].score >= best.score - COMMON:
        return ""
    return owner(best.hit.item)


def _from_the_start(best: Unit, *, whole: bool) -> list[Unit]:
    """The first sentences of a FAQ entry, to the one that answers at least; ``whole``: wherever that stands."""
    text = best.hit.item.text
    spans = [span for span in for_readers(text, split(text)) if not text[span.start : span.end].endswith(("？", "?"))]
    if best.span not in spans or (spans.index(best.span) > 2 and not whole):
        return []
    needed = 1 if whole else spans.index(best.span) + 1
    chosen: list[Unit] = []
    for at, span in enumerate(spans[:4]):
        if at >= needed and sum(one.span.end - one.span.start for one in chosen) > LONGEST // 2:
            break
        chosen.append(replace(best, span=span))
    return chosen


def _onwards(best: Unit, units: Sequence[Unit]) -> list[Unit]:
    """The best sentence, then those close behind it in the same entry, as they are written."""
    same = [u for u in units[1:] if u.hit.item.id == best.hit.item.id and u.score >= best.score - FOLLOWS]
    room = LONGEST - (best.span.end - best.span.start)
    more: list[Unit] = []
    for unit in same[:2]:
        room -= unit.span.end - unit.span.start
        if room > 0:
            more.append(unit)
    return [best, *sorted(more, key=lambda unit: unit.span.start)]


def _lead(code: str, unit: Unit, sources: Sources, language: Language) -> str:
    """Whose rule it is, unless the sentence says so itself."""
    name = sources.name(code) if code else ""
    return say("rule_of", language, member=name) if name and name not in unit.text else ""


def _led(sentence: Sentence, lead: str) -> Sentence:
    return sentence.model_copy(update={"text": lead + sentence.text})
