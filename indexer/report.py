"""What a load did, for the terminal, as JSON and for the librarians' console."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from indexer.load import BatchCounts
from indexer.sources.values import Deleted, Noticed, Outcome, Read, Skipped, Unchanged

LISTED = 500
DIFFERENT_REASONS = 500
"""Skipped records and remarks are listed one by one up to this many; all are counted by reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Place (file, record number with byte offset, line, page) and what there was to say."""

    source: str
    place: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """One run. ``read`` counts what the source held, skipped ones included; ``loaded`` is in the catalogue now."""

    run_id: int
    collection: str
    member: str
    read: int
    added: int
    changed: int
    unchanged: int
    withdrawn: int
    merged: int
    deleted: int
    repeated: int
    skipped_count: int
    skipped: tuple[Remark, ...]
    skip_reasons: dict[str, int]
    remarks: tuple[Remark, ...]
    remark_count: int
    encodings: dict[str, int]
    encoding_reasons: dict[str, str]
    seconds: float
    withdrawal_withheld: str = ""
    unmapped: dict[str, int] = field(default_factory=dict)
    """Library codes in holdings that the rule file does not map, with how many holdings each has."""
    same_as_run: int = 0
    """The run that had read the very same input: nothing was read again, what is told of it is what that run told."""

    @property
    def loaded(self) -> int:
        """Entries that the catalogue holds after the run: added, changed and unchanged."""
        return self.added + self.changed + self.unchanged

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values for JSON: ``skipped`` is the count, ``skipped_items`` lists the first of them."""
        said = asdict(self)
        said["skipped_items"] = said.pop("skipped")
        return {**said, "skipped": said.pop("skipped_count"), "loaded": self.loaded}

    def lines(self) -> list[str]:
        """The report as a person reads it."""
        told = [f"输入与第 {self.same_as_run} 次载入完全相同，没有重新读取"] if self.same_as_run else []
        told += [
            f"读入 {self.read}：新增 {self.added}，更新 {self.changed}，未变 {self.unchanged}，"
            f"撤下 {self.withdrawn}，合并 {self.merged}，跳过 {self.skipped_count}；{self.seconds:.1f} 秒"
        ]
        for name, count in sorted(self.encodings.items(), key=lambda pair: -pair[1]):
            told.append(f"编码 {name}：{count}（{self.encoding_reasons.get(name, '')}）")
        if self.unmapped:
            listed = "、".join(f"{code}（{count}）" for code, count in list(self.unmapped.items())[:20])
            told.append(f"馆藏代码没有对应的成员馆，按原样保留：{listed}")
        if self.repeated:
            told.append(f"同一编号在来源中出现多次：{self.repeated}（以最后一次为准）")
        told += [f"跳过 {one.source} {one.place}：{one.reason}" for one in self.skipped[:20]]
        if self.skipped_count > 20:
            told += [f"  {count} × {reason}" for reason, count in list(self.skip_reasons.items())[:10]]
        told += [f"注意 {one.source} {one.place}：{one.reason}" for one in self.remarks[:20]]
        if self.remark_count > 20:
            told.append(f"  另有 {self.remark_count - 20} 条注意事项，见 --json 或工作台的“数据来源”")
        if self.withdrawal_withheld:
            told.append(self.withdrawal_withheld)
        return told


def _reasons(whys: Counter[str]) -> str:
    """The reasons for which an encoding was told, the commonest first, with their counts where there are several."""
    if len(whys) == 1:
        return next(iter(whys))
    return "；".join(f"{why} {count} 条" for why, count in whys.most_common(4))


def again(former: Mapping[str, Any], *, run_id: int, seconds: float) -> IngestReport:
    """The report of a run that found the very input of ``former`` (a report as plain values): all of it unchanged."""
    said = {name: former[name] for name in ("collection", "member", "read", "skip_reasons", "encodings")}
    return IngestReport(
        run_id=run_id, **said, added=0, changed=0, unchanged=former["loaded"], withdrawn=0, merged=0, deleted=0,
        repeated=former["repeated"], skipped_count=former["skipped"],
        skipped=tuple(Remark(**one) for one in former["skipped_items"]),
        remarks=tuple(Remark(**one) for one in former["remarks"]), remark_count=former["remark_count"],
        encoding_reasons=former["encoding_reasons"], seconds=round(seconds, 3), unmapped=former.get("unmapped", {}),
        same_as_run=former.get("same_as_run") or former["run_id"],
    )  # fmt: skip


class Tally:
    """The report in the making."""

    def __init__(self) -> None:
        self.read = self.skipped_count = self.deleted = self.repeated = self.remark_count = self.withdrawn = 0
        self.counts = BatchCounts()
        self.broken_off = False
        self.unmapped: Counter[str] = Counter()
        self.failed = False
        self._unidentified = 0
        self._skipped: list[Remark] = []
        self._remarks: list[Remark] = []
        self._reasons: Counter[str] = Counter()
        self._encodings: Counter[str] = Counter()
        self._why: dict[str, Counter[str]] = {}

    def note(self, source: str, outcome: Outcome) -> None:
        """Count what a source yielded."""
        if isinstance(outcome, Read):
            self.read += 1
            if outcome.encoding:
                self._encodings[outcome.encoding] += 1
                self._why.setdefault(outcome.encoding, Counter())[outcome.note] += 1
        elif isinstance(outcome, Skipped):
            self.read += 1
            self.skipped_count += 1
            self._unidentified += not outcome.source_id
            self.broken_off |= outcome.cut
            kind = re.sub(r"[0-9]+", "N", outcome.reason)
            self._reasons[kind if kind in self._reasons or len(self._reasons) < DIFFERENT_REASONS else "其他"] += 1
            if len(self._skipped) < LISTED:
                self._skipped.append(Remark(source=source, place=outcome.place, reason=outcome.reason))
        elif isinstance(outcome, Noticed):
            self.failed |= outcome.partial
            self.remark_count += 1
            if len(self._remarks) < LISTED:
                self._remarks.append(Remark(source=source, place=outcome.place, reason=outcome.remark))
        elif isinstance(outcome, Deleted):
            self.deleted += 1
        elif isinstance(outcome, Unchanged):
            self.read += 1

    def stored(self, counts: BatchCounts) -> None:
        self.counts += counts

    @property
    def trustworthy(self) -> bool:
        """Was so much read that what is missing may be taken for gone? What was skipped, but is known to be still
        there, does not count against it."""
        return not self.broken_off and self.read > self.skipped_count and self._unidentified <= self.read // 100

    def report(self, *, run_id: int, collection: str, member: str, seconds: float, withheld: str = "") -> IngestReport:
        counts = self.counts
        return IngestReport(
            run_id=run_id, collection=collection, member=member, read=self.read, added=counts.added,
            changed=counts.changed, unchanged=counts.unchanged, withdrawn=counts.withdrawn, merged=counts.merged,
            deleted=self.deleted, repeated=self.repeated, skipped_count=self.skipped_count,
            skipped=tuple(self._skipped), skip_reasons=dict(self._reasons.most_common()),
            remarks=tuple(self._remarks), remark_count=self.remark_count, encodings=dict(self._encodings),
            encoding_reasons={name: _reasons(whys) for name, whys in self._why.items()},
            seconds=round(seconds, 3), withdrawal_withheld=withheld,
            unmapped=dict(self.unmapped.most_common()),
        )  # fmt: skip
