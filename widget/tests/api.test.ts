import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { instant, Service, ServiceError } from "../src/api.js";
import { explain } from "../src/explain.js";
import { Memory } from "../src/storage.js";
import { follow } from "../src/stream.js";
import { stringsFor } from "../src/strings.js";

const real = globalThis.fetch;
afterEach(() => { globalThis.fetch = real; });

interface Seen { path: string; bearer: string | null }

function serve(answer: (path: string, bearer: string | null) => Response): Seen[] {
  const seen: Seen[] = [];
  globalThis.fetch = (input, init) => {
    const call = { path: new URL(String(input)).pathname, bearer: new Headers(init?.headers).get("Authorization") };
    seen.push(call);
    return Promise.resolve(answer(call.path, call.bearer));
  };
  return seen;
}

function service(): Service {
  const memory = new Memory("https://a.example/", "demo", null);
  return new Service("https://a.example/", "demo", { load: () => memory.read().token ?? null, save: (token) => memory.update({ token }) }, "zh-CN");
}

let issued = 0;
const token = (): Response => Response.json({ token: `t${++issued}`, expires_at: "2099-01-01T00:00:00Z" });
const refused = (status: number, code: string, message = ""): Response => Response.json({ error: { code, message } }, { status });

test("one token serves many calls, also when they start together", async () => {
  const seen = serve((path) => (path === "/api/visitors" ? token() : Response.json({})));
  const calls = service();
  await Promise.all([calls.json("api/a"), calls.json("api/b")]);
  await calls.json("api/c");
  assert.equal(seen.filter(({ path }) => path === "/api/visitors").length, 1);
});

test("an expired token is renewed once, and the call repeated", async () => {
  let first = true;
  const seen = serve((path) => {
    if (path === "/api/visitors") return token();
    if (!first) return Response.json({ ok: 1 });
    first = false;
    return refused(401, "token_expired");
  });
  assert.deepEqual(await service().json("api/a"), { ok: 1 });
  assert.deepEqual(seen.map(({ path }) => path), ["/api/visitors", "/api/a", "/api/visitors", "/api/a"]);
});

test("a service that always says 401 is asked twice, not for ever", async () => {
  const seen = serve((path) => (path === "/api/visitors" ? token() : refused(401, "unauthenticated")));
  await assert.rejects(service().json("api/a"), (error: unknown) => error instanceof ServiceError && error.status === 401);
  assert.equal(seen.length, 4);
});

test("errors become words: the service's own for the reader's input, ours for the rest", () => {
  const zh = stringsFor("zh-CN");
  assert.equal(explain(new ServiceError(409, "patron_limit", "已达上限。"), zh), "已达上限。");
  assert.equal(explain(new ServiceError(500, "internal", "Traceback"), zh), zh.server);
  assert.equal(explain(new ServiceError(0, "network", ""), zh), zh.network);
  assert.equal(explain(new ServiceError(429, "x", "Too many"), zh), zh.limited);
  assert.equal(explain(new ServiceError(403, "origin_not_allowed", "x"), zh), zh.forbidden);
  assert.equal(explain(new TypeError("bug"), zh), zh.server);
});

test("moments are read from ISO dates and Unix seconds", () => {
  assert.equal(instant("2026-01-01T00:00:00Z"), 1767225600000);
  assert.equal(instant(1767225600), 1767225600000);
  assert.equal(instant("soon"), 0);
});

test("the language decides the words, Chinese where nothing is said", () => {
  for (const tag of ["", "zh", "zh-CN", "zh-Hant", "ZH"]) assert.equal(stringsFor(tag).send, "发送", tag);
  for (const tag of ["en", "en-GB", "fr", "zhx"]) assert.equal(stringsFor(tag).send, "Send", tag);
});

function streamed(text: string): Response {
  return new Response(new Blob([text]).stream());
}

test("a cut stream goes on after the last event, until the end", async () => {
  const asked: string[] = [];
  const parts = ["id: 1\ndata: a\n\nid: 2\ndata: b", "id: 2\ndata: b\n\n", "id: 3\ndata: end\n\n"];
  const taken: string[] = [];
  const lost: boolean[] = [];
  await follow({
    open: (last) => { asked.push(last); return Promise.resolve(streamed(parts[asked.length - 1] ?? "")); },
    take: (event) => { taken.push(event.data); return event.data === "end"; },
    lost: (now) => void lost.push(now),
    signal: new AbortController().signal,
  });
  assert.deepEqual(asked, ["", "1", "2"]);
  assert.deepEqual(taken, ["a", "b", "end"]);
  assert.deepEqual(lost, [false, true, false, true, false]);
});

test("a refusal is final, an unreachable service is tried again", async () => {
  const run = (error: ServiceError): { tries: () => number; ended: Promise<void> } => {
    let tries = 0;
    const ended = follow({ open: () => { tries++; return Promise.reject(error); }, take: () => true, lost: () => undefined, signal: new AbortController().signal, attempts: 2 });
    return { tries: () => tries, ended };
  };
  const final = run(new ServiceError(404, "not_found", ""));
  await assert.rejects(final.ended);
  assert.equal(final.tries(), 1);
  const passing = run(new ServiceError(503, "unavailable", ""));
  await assert.rejects(passing.ended);
  assert.equal(passing.tries(), 2);
});

test("a silent connection counts as lost", async () => {
  let opened = 0;
  await follow({
    open: () => Promise.resolve(++opened === 1 ? new Response(new ReadableStream()) : streamed("id: 1\ndata: x\n\n")),
    take: () => true, lost: () => undefined, signal: new AbortController().signal, silenceMs: 20,
  });
  assert.equal(opened, 2);
});

test("where storage throws, the page's own memory serves", () => {
  const forbidden = { getItem() { throw new Error("denied"); }, setItem() { throw new Error("full"); } } as unknown as Storage;
  const memory = new Memory("https://a.example/", "demo", forbidden);
  memory.update({ conversation: "c1" });
  assert.equal(memory.read().conversation, "c1");
});

test("what another program left in storage does no harm", () => {
  const area = { getItem: () => "[broken", setItem: () => undefined } as unknown as Storage;
  assert.deepEqual(new Memory("https://a.example/", "demo", area).read(), {});
});
