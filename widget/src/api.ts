/** The service over HTTP: one visitor token, one error type, nothing of the page. */

import type { Conversation, DeliveryRequest, Handoff, Message, Notice, Quote, QuoteDraft, RequestDraft } from "./types.js";

export class ServiceError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

interface Token {
  readonly value: string;
  readonly expires: number;
}

/** Where the token of a visitor is kept between page loads, so that the conversation stays the visitor's own. */
export interface TokenStore {
  load(): Token | null;
  save(token: Token): void;
}

const EARLY_MS = 30_000;

export class Service {
  #token: Token | null;
  #renewing: Promise<string> | null = null;

  constructor(
    readonly base: string,
    readonly member: string,
    private readonly tokens: TokenStore,
    private readonly language: string,
  ) {
    this.#token = tokens.load();
  }

  /** Has this visitor been here before? Nobody else can have requests. */
  get known(): boolean {
    return this.#token !== null;
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const first = await this.#send(path, init, await this.#bearer());
    if (first.ok) return first;
    const error = await errorOf(first);
    if (first.status !== 401 && error.code !== "origin_not_allowed") throw error;
    // Expired or issued for another address of this site: once more with a new token.
    if (this.#token) this.#keep({ ...this.#token, expires: 0 });
    const second = await this.#send(path, init, await this.#bearer());
    if (!second.ok) throw await errorOf(second);
    return second;
  }

  async json<T>(path: string, init: RequestInit = {}): Promise<T> {
    const response = await this.fetch(path, init);
    return (response.status === 204 ? null : await response.json()) as T;
  }

  conversation(id: string, signal: AbortSignal): Promise<Conversation> {
    return this.json(`api/chat/conversations/${encodeURIComponent(id)}`, { signal });
  }

  stop(turn: string): Promise<unknown> {
    return this.json(`api/chat/turns/${encodeURIComponent(turn)}/stop`, post({}));
  }

  feedback(turn: string, helpful: boolean): Promise<unknown> {
    return this.json(`api/chat/turns/${encodeURIComponent(turn)}/feedback`, post({ helpful }));
  }

  handoff(conversation: string): Promise<Handoff> {
    return this.json(`api/chat/conversations/${encodeURIComponent(conversation)}/handoff`, post({}));
  }

  message(conversation: string, text: string): Promise<Message> {
    return this.json(`api/chat/conversations/${encodeURIComponent(conversation)}/messages`, post({ text }));
  }

  place(draft: RequestDraft, key: string): Promise<DeliveryRequest> {
    return this.json("api/delivery/requests", post(draft, { "Idempotency-Key": key }));
  }

  quote(draft: QuoteDraft, signal: AbortSignal): Promise<Quote> {
    return this.json("api/delivery/requests/quote", { ...post(draft), signal });
  }

  notices(signal: AbortSignal): Promise<Notice[]> {
    return this.json("api/delivery/requests/notices", { ...post({}), signal });
  }

  erase(number: string): Promise<null> {
    return this.json(`api/delivery/requests/${encodeURIComponent(number)}/erase`, post({}));
  }

  request(number: string, signal: AbortSignal): Promise<DeliveryRequest> {
    return this.json(`api/delivery/requests/${encodeURIComponent(number)}`, { signal });
  }

  requests(signal: AbortSignal): Promise<DeliveryRequest[]> {
    return this.json("api/delivery/requests", { signal });
  }

  act(number: string, action: string, version: number | undefined, reason: string): Promise<DeliveryRequest> {
    return this.json(`api/delivery/requests/${encodeURIComponent(number)}/actions`, post({ action, version, reason }));
  }

  withdraw(number: string): Promise<DeliveryRequest> {
    return this.json(`api/delivery/requests/${encodeURIComponent(number)}/cancel`, post({}));
  }

  #send(path: string, init: RequestInit, bearer: string): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("Authorization", `Bearer ${bearer}`);
    return this.#request(path, { ...init, headers });
  }

  async #request(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("Accept-Language", this.language);
    if (!headers.has("Accept")) headers.set("Accept", "application/json");
    try {
      return await fetch(new URL(path, this.base), { ...init, headers, cache: "no-store" });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new ServiceError(0, "network", "");
    }
  }

  async #bearer(): Promise<string> {
    if (this.#token && this.#token.expires - EARLY_MS > Date.now()) return this.#token.value;
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  async #renew(): Promise<string> {
    const old = this.#token?.value;
    // The old token shows that this is the same visitor, who keeps their conversations and requests.
    const response = await this.#request("api/visitors", post({ member: this.member }, old ? { Authorization: `Bearer ${old}` } : {}));
    if (!response.ok) throw await errorOf(response);
    const given = (await response.json()) as { token: string; expires_at: string | number };
    this.#keep({ value: given.token, expires: instant(given.expires_at) });
    return given.token;
  }

  #keep(token: Token): void {
    this.#token = token;
    this.tokens.save(token);
  }
}

/** Milliseconds since 1970 of an ISO date or a Unix time in seconds; unreadable means: renew at the next call. */
export function instant(value: string | number): number {
  const time = typeof value === "number" ? value * 1000 : Date.parse(value);
  return Number.isFinite(time) ? time : 0;
}

export function post(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) };
}

async function errorOf(response: Response): Promise<ServiceError> {
  const after = Number(response.headers.get("Retry-After"));
  const retryAfter = after > 0 ? after : null;
  try {
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    return new ServiceError(response.status, error.code, error.message, retryAfter);
  } catch {
    return new ServiceError(response.status, `http_${response.status}`, "", retryAfter);
  }
}
