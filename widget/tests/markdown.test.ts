import assert from "node:assert/strict";
import { test } from "node:test";

import { blocks, inlines, splitMarks, webAddress, withMarks } from "../src/markdown.js";

test("paragraphs and lists are told apart", () => {
  assert.deepEqual(blocks("所需材料：\n- 身份证\n- 照片\n\n3. 交押金\n4. 领证\n完。"), [
    { kind: "paragraph", lines: ["所需材料："] },
    { kind: "list", ordered: false, start: 1, items: ["身份证", "照片"] },
    { kind: "list", ordered: true, start: 3, items: ["交押金", "领证"] },
    { kind: "paragraph", lines: ["完。"] },
  ]);
});

test("a year at the start of a line is no list number", () => {
  assert.deepEqual(blocks("2011 年出版"), [{ kind: "paragraph", lines: ["2011 年出版"] }]);
});

test("bold, code and web links; nothing else is markup", () => {
  assert.deepEqual(inlines("**家** `G258` [页](https://a.example/x) <b>", true), [
    { kind: "strong", text: "家" }, { kind: "text", text: " " }, { kind: "code", text: "G258" }, { kind: "text", text: " " },
    { kind: "link", text: "页（a.example）", href: "https://a.example/x" }, { kind: "text", text: " <b>" },
  ]);
});

test("a bare address ends before Chinese punctuation", () => {
  assert.deepEqual(inlines("见 https://a.example/b。", true), [
    { kind: "text", text: "见 " }, { kind: "link", text: "https://a.example/b", href: "https://a.example/b" }, { kind: "text", text: "。" },
  ]);
});

test("where links are not wanted, an address is only text", () => {
  const text = "见 https://a.example/b 和 [页](https://a.example/x)";
  assert.deepEqual(inlines(text, false).map((piece) => piece.kind), ["text", "text", "text", "text"]);
  assert.equal(inlines(text, false).map((piece) => piece.text).join(""), text);
});

test("addresses that run or mislead lead nowhere", () => {
  for (const address of ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", " javascript:x", "https://bank.example@evil.example/", "", null, undefined, "not an address"]) {
    assert.equal(webAddress(address), null, String(address));
  }
  assert.equal(webAddress("javascript:alert(1)", "https://a.example/"), null);
  assert.equal(webAddress("/policy/2", "https://a.example/x/"), "https://a.example/policy/2");
});

test("marks survive the cutting, and private-use characters of the text are no marks", () => {
  const marked = withMarks("甲。乙\uE000。", [2, 5]);
  assert.deepEqual(splitMarks(marked), ["甲。", 0, "乙\uFFFD。", 1]);
});

test("a hundred thousand brackets take no time", () => {
  const began = performance.now();
  inlines("[".repeat(100_000), true);
  inlines("**".repeat(50_000), true);
  inlines("`".repeat(100_000), true);
  assert.ok(performance.now() - began < 500);
});
