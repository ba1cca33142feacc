import assert from "node:assert/strict";
import { test } from "node:test";

import { EventParser } from "../src/sse.js";

const STREAM = ': hello\r\n\r\nid: 1\nevent: meta\ndata: {"a":1}\n\nid: 2\ndata: 你好\ndata: 世界\n\nevent: empty\n\nid:3\rdata:x\r\rdata: unfinished';
const EXPECTED = [
  { id: "1", name: "meta", data: '{"a":1}' },
  { id: "2", name: "message", data: "你好\n世界" },
  { id: "3", name: "message", data: "x" },
];

test("events come out whole and once, however the text is cut", () => {
  for (let size = 1; size <= STREAM.length; size++) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < STREAM.length; at += size) events.push(...parser.feed(STREAM.slice(at, at + size)));
    assert.deepEqual(events, EXPECTED, `pieces of ${size}`);
  }
});

test("a block without data is no event, and a heartbeat is none", () => {
  assert.deepEqual(new EventParser().feed(": ping\n\nid: 4\nevent: delta\n\n"), []);
});

test("an id with a NUL is ignored, one space after the colon belongs to the field", () => {
  assert.deepEqual(new EventParser().feed("id: 1\0\ndata:  two\n\n"), [{ id: "", name: "message", data: " two" }]);
});
