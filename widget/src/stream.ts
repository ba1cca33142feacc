/** Following an event stream to its end, over any number of cuts. */

import { ServiceError } from "./api.js";
import { EventParser, type ServerEvent } from "./sse.js";

export interface StreamOptions {
  /** Opens the stream after the event with this id ("" at first). */
  readonly open: (lastEvent: string, signal: AbortSignal) => Promise<Response>;
  /** Takes an event; true when it was the last. */
  readonly take: (event: ServerEvent) => boolean;
  /** Told when the connection is lost (true) and found again (false). */
  readonly lost: (lost: boolean) => void;
  readonly signal: AbortSignal;
  /** Attempts without one event between them before giving up. */
  readonly attempts?: number;
  /** Silence after which a connection counts as dead; the service sends a heartbeat every 15 s. */
  readonly silenceMs?: number;
}

const WAITS_MS = [300, 1_000, 2_000, 4_000, 8_000];

/** Resolves when `take` said so. Rejects with the last error when the service stays away or refuses. */
export async function follow(options: StreamOptions): Promise<void> {
  let lastEvent = "";
  let failures = 0;
  const attempts = options.attempts ?? 8;
  const take = (event: ServerEvent): boolean => {
    if (event.id) lastEvent = event.id;
    failures = 0;
    return options.take(event);
  };
  for (;;) {
    let problem: unknown = new ServiceError(0, "network", "");
    try {
      const response = await options.open(lastEvent, options.signal);
      options.lost(false);
      if (await drain(response, take, options)) return;
    } catch (error) {
      if (options.signal.aborted || !passing(error)) throw error;
      problem = error;
    }
    if (options.signal.aborted) return;
    if (++failures >= attempts) throw problem;
    options.lost(true);
    await pause(WAITS_MS[Math.min(failures, WAITS_MS.length) - 1] ?? 8_000, options.signal);
  }
}

/** May the same call succeed a little later? */
function passing(error: unknown): boolean {
  if (!(error instanceof ServiceError)) return true;
  return error.status === 0 || error.status === 502 || error.status === 503 || error.status === 504;
}

async function drain(response: Response, take: (event: ServerEvent) => boolean, options: StreamOptions): Promise<boolean> {
  if (!response.body) throw new ServiceError(0, "network", "");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), options.silenceMs ?? 45_000);
      if (done) return false;
      for (const event of parser.feed(value)) if (take(event)) return true;
    }
  } finally {
    // Cancelling a stream that has already failed rejects; there is nothing left to release then.
    reader.cancel().catch(() => undefined);
  }
}

function within<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ServiceError(0, "network", "")), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Waits, or until the browser is online again while it is offline. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const offline = typeof navigator !== "undefined" && navigator.onLine === false;
    const timer = setTimeout(finish, offline ? 60_000 : milliseconds);
    function finish(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      globalThis.removeEventListener?.("online", finish);
      resolve();
    }
    signal.addEventListener("abort", finish);
    globalThis.addEventListener?.("online", finish);
  });
}
