import assert from "node:assert/strict";
import { test } from "node:test";

import { fromOpen, fromTurn, locatorsOf, markers, newTurn, quotesOf, rangesOf, reduce, spoken, type TurnView } from "../src/turn.js";
import type { Turn } from "../src/types.js";

const TURN: Turn = {
  id: "t1", conversation_id: "c1", question: "问", refused: false, text: "甲有两册。𠮷乙没有。",
  sentences: [
    { text: "甲有两册。", citations: [{ source: 1, quote: "两册", start: 0, end: 2 }] },
    { text: "𠮷乙没有。", citations: [{ source: 1, quote: "无", start: 4, end: 5 }, { source: 2, quote: "乙", start: 0, end: 1 }, { source: 1, quote: "另", start: 9, end: 10 }] },
  ],
  sources: [], actions: [], suggestions: [],
};

const EVENTS: [string, Record<string, unknown>][] = [
  ["meta", { id: "t1", conversation_id: "c1" }],
  ["delta", { text: "甲有两册。" }],
  ["delta", { text: "𠮷乙没有。" }],
  ["citation", { start: 0, end: 5, citations: TURN.sentences[0]?.citations }],
  ["citation", { start: 5, end: 10, citations: TURN.sentences[1]?.citations }],
  ["done", { turn: TURN }],
];

function played(numbers: number[]): TurnView {
  return numbers.reduce((view, number) => {
    const [name, payload] = EVENTS[number - 1] ?? ["", {}];
    return reduce(view, number, name, payload);
  }, newTurn("k", "问"));
}

test("events seen twice change nothing: the text is there exactly once", () => {
  const once = played([1, 2, 3, 4, 5]);
  assert.equal(once.text, TURN.text);
  assert.deepEqual(played([1, 2, 1, 2, 3, 2, 3, 4, 5, 3]), once);
});

test("what streamed and what was finished show the same citations", () => {
  assert.deepEqual(played([1, 2, 3, 4, 5]).ranges, fromTurn(TURN).ranges);
  assert.deepEqual(played([1, 2, 3, 4, 5, 6]).ranges, fromTurn(TURN).ranges);
});

test("offsets are counted in characters, not in code units", () => {
  assert.deepEqual(played([1, 2, 3, 4, 5]).ranges.map(({ start, end }) => TURN.text.slice(start, end)), ["甲有两册。", "𠮷乙没有。"]);
});

test("a range outside the text, or without citations, sets no marker", () => {
  let view = reduce(newTurn("k", "问"), 1, "delta", { text: "短" });
  view = reduce(view, 2, "citation", { start: 0, end: 9, citations: [{ source: 1 }] });
  view = reduce(view, 3, "citation", { start: 0, end: 1, citations: [] });
  view = reduce(view, 4, "citation", { start: "x", end: null, citations: [{ source: 1 }] });
  assert.deepEqual(view.ranges, []);
});

test("replace takes back all that was said and cited", () => {
  const view = reduce(played([1, 2, 4]), 9, "replace", { text: "重说。" });
  assert.equal(view.text, "重说。");
  assert.deepEqual(view.ranges, []);
});

test("an error keeps what was said and gives its words", () => {
  const view = reduce(played([1, 2]), 9, "error", { code: "x", message: "出错了。" });
  assert.deepEqual([view.phase, view.error, view.text], ["failed", "出错了。", "甲有两册。"]);
});

test("unknown events and odd payloads are passed over", () => {
  const view = reduce(newTurn("k", "问"), 1, "novelty", {});
  assert.equal(reduce(view, 2, "sources", { sources: "none" }).sources.length, 0);
  assert.equal(reduce(view, 2, "delta", {}).text, "");
});

test("a marker names each source once", () => {
  assert.deepEqual(markers(fromTurn(TURN)).map((marker) => marker.citations.map((citation) => citation.source)), [[1], [1, 2]]);
});

test("a sentence that is not in the text carries no marker and hides no later one", () => {
  const sentences = [{ text: "不在", citations: [] }, ...TURN.sentences];
  assert.equal(rangesOf({ text: TURN.text, sentences }).length, 2);
});

test("quotations: all of a source, or those of one sentence", () => {
  const view = fromTurn(TURN);
  assert.deepEqual(quotesOf(view, 1), ["两册", "无", "另"]);
  assert.deepEqual(quotesOf(view, 1, 5), ["两册"]);
});

test("locators: all of a source, or those of one quotation, each once", () => {
  const citations = [
    { source: 1, quote: "甲", start: 0, end: 1, locator: "第 12 页" }, { source: 1, quote: "乙", start: 4, end: 5, locator: "4.3 条" },
    { source: 1, quote: "丙", start: 8, end: 9 }, { source: 1, quote: "丁", start: 9, end: 10, locator: "第 12 页" },
  ];
  const view = { ranges: [{ start: 0, end: 1, citations }] };
  assert.deepEqual(locatorsOf(view, 1), ["第 12 页", "4.3 条"]);
  assert.deepEqual(locatorsOf(view, 1, "乙"), ["4.3 条"]);
  assert.deepEqual(locatorsOf(view, 2), []);
});

test("words of a model are no quotation, and while they come nobody knows", () => {
  assert.equal(newTurn("k", "问").quoted, false);
  assert.equal(fromTurn({ ...TURN, mode: "model" }).quoted, false);
  assert.equal(fromTurn({ ...TURN, mode: "extractive" }).quoted, true);
});

test("an earlier visit's question goes on being answered, or can be asked again", () => {
  const running = fromOpen({ id: "t9", question: "问", state: "running" });
  assert.deepEqual([running.id, running.phase], ["t9", "streaming"]);
  assert.equal(reduce(running, 1, "delta", { text: "答" }).text, "答");
  assert.equal(fromOpen({ id: "t9", question: "问", state: "failed" }).phase, "failed");
});

test("a screen reader hears finished sentences only", () => {
  assert.equal(spoken("第一句。第二句还", false), 4);
  assert.equal(spoken("还没有", false), 0);
  assert.equal(spoken("GB/T 7714. 第 3.5 条", false), 10);
  assert.equal(spoken("还没有", true), 3);
});
