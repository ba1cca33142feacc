/** What the reader sees of one turn, as a pure function of the events that arrived. */

import type { Action, Citation, Sentence, Source, Turn } from "./types.js";

export type Phase = "sending" | "streaming" | "done" | "stopped" | "failed";

export interface CitedRange {
  readonly start: number;
  readonly end: number;
  readonly citations: readonly Citation[];
}

export interface TurnView {
  readonly key: string;
  readonly id: string | null;
  readonly question: string;
  readonly phase: Phase;
  readonly text: string;
  readonly ranges: readonly CitedRange[];
  readonly sources: readonly Source[];
  readonly actions: readonly Action[];
  readonly suggestions: readonly string[];
  readonly refused: boolean;
  readonly reason: string | null;
  /** Are the words quotations (known when the turn has ended)? Only then an address in them may be a link. */
  readonly quoted: boolean;
  readonly error: string | null;
  readonly helpful: boolean | null;
  /** The last event taken in; anything at or before it is a repetition. */
  readonly lastEvent: number;
}

export function newTurn(key: string, question: string): TurnView {
  return {
    key, question, id: null, phase: "sending", text: "", ranges: [], sources: [], actions: [], suggestions: [],
    refused: false, reason: null, quoted: false, error: null, helpful: null, lastEvent: 0,
  };
}

export function fromTurn(turn: Turn, helpful: boolean | null = null): TurnView {
  return { ...newTurn(turn.id, turn.question), ...finished(turn), helpful };
}

/** A question of an earlier visit that has no answer yet, or never got one. */
export function fromOpen(open: { readonly id: string; readonly question: string; readonly state: string }): TurnView {
  return { ...newTurn(open.id, open.question), id: open.id, phase: open.state === "running" ? "streaming" : "failed" };
}

function finished(turn: Turn): Partial<TurnView> {
  return {
    id: turn.id,
    phase: turn.reason === "stopped" ? "stopped" : "done",
    text: turn.text,
    ranges: rangesOf(turn),
    sources: turn.sources ?? [],
    actions: turn.actions ?? [],
    suggestions: turn.suggestions ?? [],
    refused: turn.refused,
    reason: turn.reason ?? null,
    quoted: turn.mode === "extractive",
    error: null,
  };
}

/** Where each sentence stands in the text. Sentences not found there in order carry no markers. */
export function rangesOf(turn: Pick<Turn, "text" | "sentences">): CitedRange[] {
  const found: CitedRange[] = [];
  let from = 0;
  for (const sentence of turn.sentences ?? []) {
    const start = turn.text.indexOf(sentence.text, from);
    if (start < 0 || sentence.text === "") continue;
    from = start + sentence.text.length;
    found.push({ start, end: from, citations: sentence.citations ?? [] });
  }
  return found;
}

type Payload = Record<string, unknown>;

/** Take in one event. Events seen before change nothing, so a resumed stream repeats no text. */
export function reduce(view: TurnView, id: number, name: string, payload: Payload): TurnView {
  if (id > 0 && id <= view.lastEvent) return view;
  return { ...view, ...change(view, name, payload), lastEvent: id > 0 ? id : view.lastEvent };
}

function change(view: TurnView, name: string, payload: Payload): Partial<TurnView> {
  switch (name) {
    case "meta":
      return { id: text(payload["id"]) || view.id, phase: view.phase === "stopped" ? "stopped" : "streaming", error: null };
    case "sources":
      return { sources: list<Source>(payload["sources"]) };
    case "delta":
      return { text: view.text + text(payload["text"]), phase: "streaming" };
    case "citation":
      return cite(view, payload);
    case "replace":
      return replaced(text(payload["text"]), list<Sentence>(payload["sentences"]));
    case "actions":
      return { actions: list<Action>(payload["actions"]), suggestions: list<string>(payload["suggestions"]) };
    case "done":
      return payload["turn"] ? finished(payload["turn"] as Turn) : { phase: "done" };
    case "error":
      return { phase: "failed", error: text(payload["message"]) || text((payload["error"] as Payload | undefined)?.["message"]) };
    default:
      return {};
  }
}

function replaced(anew: string, sentences: readonly Sentence[]): Partial<TurnView> {
  return { text: anew, ranges: rangesOf({ text: anew, sentences }) };
}

function cite(view: TurnView, payload: Payload): Partial<TurnView> {
  const start = codeUnits(view.text, Number(payload["start"]));
  const end = codeUnits(view.text, Number(payload["end"]));
  const citations = list<Citation>(payload["citations"]);
  if (!(start >= 0 && end > start && end <= view.text.length) || citations.length === 0) return {};
  return { ranges: [...view.ranges.filter((range) => range.start !== start), { start, end, citations }] };
}

/** The service counts characters (code points), a JavaScript string code units. */
function codeUnits(text: string, characters: number): number {
  if (!(characters >= 0)) return -1;
  let units = 0;
  let left = characters;
  for (const character of text) {
    if (left-- === 0) return units;
    units += character.length;
  }
  return left === 0 ? units : -1;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function list<T>(value: unknown): T[] {
  return Array.isArray(value) ? (value as T[]) : [];
}

/** Where a marker stands in the text: right after the sentence's words. */
export interface Marker {
  readonly at: number;
  readonly citations: readonly Citation[];
}

export function markers(view: Pick<TurnView, "ranges">): Marker[] {
  return view.ranges
    .filter((range) => range.citations.length > 0)
    .map((range) => ({ at: range.end, citations: onePerSource(range.citations) }))
    .sort((left, right) => left.at - right.at);
}

function onePerSource(citations: readonly Citation[]): Citation[] {
  const seen = new Map<number, Citation>();
  for (const citation of citations) if (!seen.has(citation.source)) seen.set(citation.source, citation);
  return [...seen.values()];
}

/** Quotations of one source, in order and without repetition: all of a turn's, or those of the sentence ending `at`. */
export function quotesOf(view: Pick<TurnView, "ranges">, source: number, at?: number): string[] {
  return [...new Set(citationsOf(view, source, at).map((citation) => citation.quote))];
}

/** Where in the source its quotations stand, in words; empty where the service does not say. */
export function locatorsOf(view: Pick<TurnView, "ranges">, source: number, quote?: string): string[] {
  const cited = citationsOf(view, source).filter((citation) => quote === undefined || citation.quote === quote);
  return [...new Set(cited.map((citation) => citation.locator ?? "").filter(Boolean))];
}

function citationsOf(view: Pick<TurnView, "ranges">, source: number, at?: number): Citation[] {
  const ranges = at === undefined ? view.ranges : view.ranges.filter((range) => range.end === at);
  return ranges.flatMap((range) => range.citations).filter((citation) => citation.source === source);
}

const SENTENCE_END = /[。！？!?；;\n]|\.(?=\s)/g;

/** How far the text is made of finished sentences: what a screen reader may be told so far. */
export function spoken(text: string, done: boolean): number {
  if (done) return text.length;
  let end = 0;
  for (const match of text.matchAll(SENTENCE_END)) end = match.index + match[0].length;
  return end;
}
