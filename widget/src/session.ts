/** One reader's conversation with the service: what happened so far, and what they can do next. No page in here. */

import { post, Service, ServiceError } from "./api.js";
import type { Memory } from "./storage.js";
import { follow } from "./stream.js";
import { fromOpen, fromTurn, newTurn, reduce, type TurnView } from "./turn.js";
import type { DeliveryRequest, Handoff, Message, Notice, Quote, QuoteDraft, RequestDraft } from "./types.js";

export interface State {
  readonly turns: readonly TurnView[];
  readonly messages: readonly Message[];
  readonly handoff: Handoff | null;
  /** How many turns stand before the talk with the librarian. */
  readonly handedAfter: number;
  /** The stream is cut and being resumed. */
  readonly lost: boolean;
  readonly problem: unknown;
  readonly ready: boolean;
}

const EMPTY: State = { turns: [], messages: [], handoff: null, handedAfter: 0, lost: false, problem: null, ready: false };
const FRAME_MS = 33;

export class Session {
  state: State = EMPTY;
  #conversation: string | null;
  #stop: AbortController | null = null;
  #stopping: Promise<unknown> = Promise.resolve();
  #listening: AbortController | null = null;
  #life = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #release: (() => void)[] = [];

  constructor(
    private readonly service: Service,
    private readonly memory: Memory,
    private readonly changed: () => void,
  ) {
    this.#conversation = memory.read().conversation ?? null;
    this.#release.push(memory.watch(() => void this.#otherTab()));
    const visible = (): void => this.#listen();
    document.addEventListener("visibilitychange", visible);
    this.#release.push(() => document.removeEventListener("visibilitychange", visible));
  }

  get busy(): boolean {
    return this.#stop !== null;
  }

  /** While a librarian is asked or answering, what the reader writes goes to them. */
  get withLibrarian(): boolean {
    const state = this.state.handoff?.state;
    return state === "waiting" || state === "open";
  }

  /** Bring back the conversation of an earlier visit. One that is gone is forgotten without a word. */
  async restore(): Promise<void> {
    if (this.#conversation === null) return this.#set({ ready: true, problem: null });
    try {
      const kept = await this.service.conversation(this.#conversation, this.#life.signal);
      const open = kept.open ? [fromOpen(kept.open)] : [];
      this.#set({
        turns: [...kept.turns.map((turn) => this.#known(turn.id) ?? fromTurn(turn, kept.feedback?.[turn.id] ?? null)), ...open],
        handoff: kept.handoff ?? null,
        messages: kept.handoff?.messages ?? [],
        handedAfter: kept.turns.filter((turn) => !later(kept.times?.[turn.id], kept.handoff?.opened_at)).length,
        ready: true,
        problem: null,
      });
      this.#listen();
      for (const turn of open) if (turn.phase === "streaming") void this.#run(turn, {});
    } catch (error) {
      if (this.#life.signal.aborted) return;
      const gone = error instanceof ServiceError && (error.status === 404 || error.status === 403);
      if (gone) this.fresh();
      else this.#set({ ready: true, problem: error });
    }
  }

  async ask(question: string): Promise<void> {
    const turn = newTurn(crypto.randomUUID(), question);
    this.#set({ turns: [...this.state.turns, turn], problem: null });
    await this.#run(turn, {});
  }

  /** The same question once more: after a failure, or because the reader wants another answer. */
  async again(key: string): Promise<void> {
    const old = this.state.turns.find((turn) => turn.key === key);
    if (!old || this.busy) return;
    const turn = newTurn(crypto.randomUUID(), old.question);
    this.#set({ turns: this.state.turns.map((each) => (each.key === key ? turn : each)) });
    await this.#run(turn, old.id ? { regenerate: old.id } : {});
  }

  async #run(turn: TurnView, extra: object): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    try {
      await this.#stopping;
      await this.#stream(turn, extra, stop.signal);
    } catch (error) {
      if (!stop.signal.aborted) this.#patch(turn.key, (view) => ({ ...view, phase: "failed", error: null }), error);
    } finally {
      if (this.#stop === stop) this.#stop = null;
      if (!stop.signal.aborted) this.#set({ lost: false });
      this.memory.update({ conversation: this.#conversation });
    }
  }

  #stream(turn: TurnView, extra: object, signal: AbortSignal): Promise<void> {
    const body = { conversation_id: this.#conversation ?? undefined, question: turn.question, idempotency_key: turn.key, ...extra };
    return follow({
      signal,
      lost: (lost) => this.#set({ lost }),
      open: (lastEvent, abort) => {
        const id = this.#find(turn.key)?.id;
        return id
          ? this.service.fetch(`api/chat/turns/${encodeURIComponent(id)}/events`, {
              headers: after(lastEvent),
              signal: abort,
            })
          : this.service.fetch("api/chat/turns", { ...post(body, after("")), signal: abort });
      },
      take: (event) => {
        const payload = JSON.parse(event.data) as Record<string, unknown>;
        if (event.name === "meta" && typeof payload["conversation_id"] === "string") {
          this.#conversation = payload["conversation_id"];
          this.memory.update({ conversation: this.#conversation }); // a reload in mid-answer finds it again
        }
        this.#patch(turn.key, (view) => reduce(view, Number(event.id), event.name, payload));
        const now = this.#find(turn.key);
        if (now?.phase === "stopped" && now.id) this.#tellStop(now.id);
        return event.name === "done" || event.name === "error" || now?.phase === "stopped";
      },
    });
  }

  stop(): void {
    const turn = this.state.turns.find((each) => each.phase === "sending" || each.phase === "streaming");
    if (!turn) return;
    this.#patch(turn.key, (view) => ({ ...view, phase: "stopped" }));
    // A turn whose name is not known yet is stopped as soon as the service names it.
    if (!turn.id) return;
    this.#stop?.abort();
    this.#stop = null;
    this.#set({ lost: false });
    this.#tellStop(turn.id);
  }

  #tellStop(id: string): void {
    this.#stopping = this.service.stop(id).catch((problem: unknown) => this.#set({ problem }));
  }

  async feedback(key: string, helpful: boolean): Promise<void> {
    const turn = this.#find(key);
    if (!turn?.id) return;
    this.#patch(key, (view) => ({ ...view, helpful }));
    try {
      await this.service.feedback(turn.id, helpful);
    } catch (error) {
      this.#patch(key, (view) => ({ ...view, helpful: null }), error);
    }
  }

  fresh(): void {
    this.stop();
    this.#stop?.abort();
    this.#stop = null;
    this.#listening?.abort();
    this.#listening = null;
    this.#conversation = null;
    this.memory.update({ conversation: null });
    this.#set({ ...EMPTY, ready: true });
  }

  async handoff(): Promise<void> {
    if (this.#conversation === null) return;
    const handoff = await this.service.handoff(this.#conversation);
    this.#set({ handoff, messages: handoff.messages ?? this.state.messages, handedAfter: this.withLibrarian ? this.state.handedAfter : this.state.turns.length, problem: null });
    this.memory.update({ conversation: this.#conversation });
    this.#listen();
  }

  async say(text: string): Promise<void> {
    if (this.#conversation === null) return;
    this.#hear(await this.service.message(this.#conversation, text));
  }

  place(draft: RequestDraft, key: string): Promise<DeliveryRequest> {
    return this.service.place(draft, key);
  }

  requests(signal: AbortSignal): Promise<DeliveryRequest[]> {
    return this.service.requests(signal);
  }

  act(number: string, action: string, version: number | undefined, reason: string): Promise<DeliveryRequest> {
    return this.service.act(number, action, version, reason);
  }

  quote(draft: QuoteDraft, signal: AbortSignal): Promise<Quote> {
    return this.service.quote(draft, signal);
  }

  /** Asks nothing of the service for somebody who was never here. */
  notices(signal: AbortSignal): Promise<Notice[]> {
    return this.service.known ? this.service.notices(signal) : Promise.resolve([]);
  }

  erase(number: string): Promise<null> {
    return this.service.erase(number);
  }

  request(number: string, signal: AbortSignal): Promise<DeliveryRequest> {
    return this.service.request(number, signal);
  }

  withdraw(number: string): Promise<DeliveryRequest> {
    return this.service.withdraw(number);
  }

  forgive(): void {
    this.#set({ problem: null });
  }

  dispose(): void {
    this.#life.abort();
    this.#stop?.abort();
    this.#listening?.abort();
    for (const release of this.#release) release();
    clearTimeout(this.#timer);
  }

  /** Follow what the librarian says, in the tab that is looked at: a host allows few connections. */
  #listen(): void {
    const wanted = this.withLibrarian && this.#conversation !== null && document.visibilityState === "visible";
    if (!wanted) {
      this.#listening?.abort();
      this.#listening = null;
      return;
    }
    if (this.#listening) return;
    const listening = new AbortController();
    this.#listening = listening;
    const path = `api/chat/conversations/${encodeURIComponent(this.#conversation ?? "")}/events`;
    follow({
      signal: listening.signal,
      attempts: Infinity,
      lost: (lost) => this.#set({ lost }),
      open: async (lastEvent, signal) => {
        await this.#catchUp(signal);
        return this.service.fetch(path, { headers: after(lastEvent), signal });
      },
      take: (event) => this.#fromDesk(event.name, JSON.parse(event.data) as Record<string, unknown>),
    }).catch((problem: unknown) => {
      if (!listening.signal.aborted) this.#set({ problem });
    });
  }

  /** What was said while nobody listened: a stream keeps its events for minutes, a conversation for good. */
  async #catchUp(signal: AbortSignal): Promise<void> {
    if (this.#conversation === null) return;
    const { handoff } = await this.service.conversation(this.#conversation, signal);
    for (const message of handoff?.messages ?? []) this.#hear(message);
    if (handoff) this.#set({ handoff });
  }

  #fromDesk(name: string, payload: Record<string, unknown>): boolean {
    if (name === "message") this.#hear(payload as unknown as Message);
    if (name === "handoff") this.#set({ handoff: { ...this.state.handoff, ...(payload as unknown as Handoff) } });
    const over = !this.withLibrarian;
    if (over) this.#listening = null;
    return over;
  }

  #hear(message: Message): void {
    if (this.state.messages.some((each) => each.id === message.id)) return;
    this.#set({ messages: [...this.state.messages, message] });
  }

  async #otherTab(): Promise<void> {
    const conversation = this.memory.read().conversation ?? null;
    if (this.busy) return;
    if (conversation === null && this.#conversation !== null) this.fresh();
    else {
      this.#conversation = conversation;
      await this.restore();
    }
  }

  #find(key: string): TurnView | undefined {
    return this.state.turns.find((turn) => turn.key === key);
  }

  #known(id: string): TurnView | undefined {
    return this.state.turns.find((turn) => turn.id === id && turn.phase === "done");
  }

  #patch(key: string, change: (view: TurnView) => TurnView, problem: unknown = this.state.problem): void {
    this.#set({ turns: this.state.turns.map((turn) => (turn.key === key ? change(turn) : turn)), problem });
  }

  #set(change: Partial<State>): void {
    this.state = { ...this.state, ...change };
    if (this.#life.signal.aborted) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.changed();
    }, FRAME_MS);
  }
}

/** Headers that ask for a stream after the event with this id; "" for all of it. */
function after(lastEvent: string): Record<string, string> {
  return { Accept: "text/event-stream", ...(lastEvent ? { "Last-Event-ID": lastEvent } : {}) };
}

function later(moment: string | undefined, than: string | null | undefined): boolean {
  return Boolean(moment && than) && Date.parse(moment ?? "") > Date.parse(than ?? "");
}
