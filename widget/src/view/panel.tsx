import type { JSX } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { explain } from "../explain.js";
import type { Session } from "../session.js";
import type { Strings } from "../strings.js";
import { spoken } from "../turn.js";
import type { DeliveryRequest, Message } from "../types.js";
import { Composer } from "./composer.js";
import { type RequestTarget, Surrounding, type Surroundings } from "./context.js";
import { Icon } from "./icons.js";
import { News } from "./news.js";
import { MyRequests, Progress } from "./progress.js";
import { RequestForm } from "./request.js";
import { TurnArticle } from "./turn.js";

export interface PanelProps {
  readonly session: Session;
  /** Changes whenever the session does. */
  readonly state: Session["state"];
  readonly strings: Strings;
  readonly base: string;
  readonly heading: string;
  /** Absent where the panel is part of the page and cannot be closed. */
  readonly close?: (() => void) | undefined;
}

type Page =
  | { readonly name: "talk" | "requests" }
  | { readonly name: "form"; readonly target: RequestTarget }
  | { readonly name: "progress"; readonly number: string; readonly first: DeliveryRequest | null };

const TALK: Page = { name: "talk" };

export function Panel({ session, state, strings, base, heading, close }: PanelProps): JSX.Element {
  const [page, setPage] = useState<Page>(TALK);
  const [problem, setProblem] = useState<unknown>(null);
  const log = useRef<HTMLDivElement>(null);
  const away = useStickToEnd(log, state);
  const online = useOnline();

  const send = useCallback((text: string) => {
    setProblem(null);
    away.reset();
    if (session.withLibrarian) session.say(text).catch(setProblem);
    else if (!session.busy) void session.ask(text);
  }, [session]);
  const surroundings = useMemo<Surroundings>(() => ({
    session, strings, base,
    request: (target) => setPage({ name: "form", target }),
    handoff: () => void session.handoff().catch(setProblem),
    ask: (text) => { log.current?.focus({ preventScroll: true }); send(text); },
    again: (turn) => { log.current?.focus({ preventScroll: true }); void session.again(turn); },
  }), [session, strings, base, send]);
  const back = useCallback(() => setPage(TALK), []);
  const shownProblem = problem ?? (state.turns.at(-1)?.phase === "failed" ? null : state.problem);

  return (
    <Surrounding.Provider value={surroundings}>
      <div class="panel">
        <header>
          <h1 id="heading">{heading}<span>{strings.subtitle}</span></h1>
          <button type="button" class="icon-button" aria-label={strings.myRequests} title={strings.myRequests} onClick={() => setPage({ name: "requests" })}><Icon name="list" /></button>
          <button type="button" class="icon-button" aria-label={strings.fresh} title={strings.fresh} onClick={() => { session.fresh(); setPage(TALK); setProblem(null); }}><Icon name="fresh" /></button>
          {close && <button type="button" class="icon-button" aria-label={strings.close} title={strings.close} onClick={close}><Icon name="close" /></button>}
        </header>
        {page.name !== "form" && <News show={(number) => setPage({ name: "progress", number, first: null })} />}
        {page.name === "form" && <RequestForm target={page.target} close={back} placed={(first) => setPage({ name: "progress", number: first.number, first })} />}
        {page.name === "progress" && <Progress key={page.number} number={page.number} first={page.first} close={back} />}
        {page.name === "requests" && <MyRequests close={back} show={(number) => setPage({ name: "progress", number, first: null })} />}
        <div class="talk" hidden={page.name !== "talk"}>
          <div class="log" ref={log} tabIndex={0} role="region" aria-label={heading}>
            {state.turns.length === 0 && state.ready && <Welcome />}
            {talk(state)}
          </div>
          {away.is && <button type="button" class="latest" onClick={away.reset}><Icon name="down2" />{strings.newMessages}</button>}
          <div class="status" role="status">
            {!online ? strings.offline : state.lost ? strings.reconnecting : ""}
          </div>
          {shownProblem !== null && (
            <div class="problem" role="alert">
              <p>{explain(shownProblem, strings)}</p>
              <button type="button" class="quiet" onClick={() => { setProblem(null); session.forgive(); if (!state.turns.length) void session.restore(); }}>{strings.retry}</button>
            </div>
          )}
          <Composer busy={session.busy} withLibrarian={session.withLibrarian} send={send} stop={() => session.stop()} />
        </div>
        <Announcer state={state} strings={strings} />
      </div>
    </Surrounding.Provider>
  );
}

/** Turns, and the talk with a librarian where it took place. */
function talk(state: Session["state"]): JSX.Element[] {
  const turns = state.turns.map((turn, index) => (
    <TurnArticle key={turn.key} turn={turn} last={index === state.turns.length - 1} problem={turn.phase === "failed" ? state.problem : null} />
  ));
  const at = Math.min(state.handedAfter, turns.length);
  return [...turns.slice(0, at), <Desk key="desk" state={state} />, ...turns.slice(at)];
}

function Welcome(): JSX.Element {
  return (
    <Surrounding.Consumer>
      {(around) => around && (
        <div class="welcome">
          <p>{around.strings.welcome}</p>
          <h2>{around.strings.tryThese}</h2>
          <ul class="chips">
            {around.strings.examples.map((each) => <li key={each}><button type="button" onClick={() => around.ask(each)}>{each}</button></li>)}
          </ul>
        </div>
      )}
    </Surrounding.Consumer>
  );
}

function Desk({ state }: { state: Session["state"] }): JSX.Element | null {
  return (
    <Surrounding.Consumer>
      {(around) => {
        const handoff = state.handoff;
        if (!around || !handoff) return null;
        const { strings } = around;
        const words = handoff.state === "closed" ? strings.handoffClosed
          : handoff.state === "open" ? strings.handoffOpen(handoff.librarian ?? "") : strings.handoffWaiting;
        const place = handoff.state === "waiting" && handoff.position ? ` ${strings.handoffPosition(handoff.position)}` : "";
        const how = <p key="state" class="desk-state"><Icon name="person" />{words}{place}</p>;
        const said = state.messages.map((message) => <Said key={message.id} message={message} strings={strings} />);
        return (
          <section class="desk" aria-label={strings.handoff}>{handoff.state === "closed" ? [...said, how] : [how, ...said]}</section>
        );
      }}
    </Surrounding.Consumer>
  );
}

function Said({ message, strings }: { message: Message; strings: Strings }): JSX.Element {
  const who = message.author === "reader" ? strings.you : message.author === "system" ? "" : message.name || strings.librarian;
  return <div class={`said ${message.author === "reader" ? "mine" : message.author === "system" ? "system" : ""}`}>{who && <b>{who}</b>}<p>{message.text}</p></div>;
}

/** Reads out finished sentences and messages, each once; the growing answer itself is not a live region. */
function Announcer({ state, strings }: { state: Session["state"]; strings: Strings }): JSX.Element {
  const told = useRef({ key: "", upTo: 0, done: false, messages: state.messages.length });
  const lines = useRef<{ id: number; text: string }[]>([]);
  const turn = state.turns.at(-1);
  const say = (text: string): void => {
    if (text.trim()) lines.current = [...lines.current.slice(-5), { id: (lines.current.at(-1)?.id ?? 0) + 1, text }];
  };
  const memory = told.current;
  if (turn && (turn.phase === "streaming" || memory.key === turn.key)) {
    if (memory.key !== turn.key) Object.assign(memory, { key: turn.key, upTo: 0, done: false });
    const done = turn.phase !== "streaming" && turn.phase !== "sending";
    const end = spoken(turn.text, done);
    if (end > memory.upTo) say(turn.text.slice(memory.upTo, end));
    memory.upTo = Math.max(end, memory.upTo);
    if (done && !memory.done) {
      memory.done = true;
      say(turn.phase === "done" ? strings.answered : turn.phase === "stopped" ? strings.stopped : "");
    }
  }
  for (const message of state.messages.slice(memory.messages)) {
    if (message.author !== "reader") say(`${message.name || strings.librarian}: ${message.text}`);
  }
  memory.messages = state.messages.length;
  return <div class="hidden" role="log" aria-live="polite">{lines.current.map((line) => <p key={line.id}>{line.text}</p>)}</div>;
}

/** Keeps the newest words in sight unless the reader has scrolled up to read. */
function useStickToEnd(log: { current: HTMLDivElement | null }, state: Session["state"]): { is: boolean; reset: () => void } {
  const [is, setAway] = useState(false);
  const sticking = useRef(true);
  useEffect(() => {
    const area = log.current;
    if (!area) return;
    const scrolled = (): void => {
      sticking.current = area.scrollHeight - area.scrollTop - area.clientHeight < 48;
      setAway(!sticking.current);
    };
    area.addEventListener("scroll", scrolled, { passive: true });
    return () => area.removeEventListener("scroll", scrolled);
  }, []);
  const toEnd = (): void => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  };
  useLayoutEffect(() => {
    if (sticking.current) toEnd();
  }, [state]);
  return { is, reset: () => { sticking.current = true; setAway(false); toEnd(); } };
}

function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const look = (): void => setOnline(navigator.onLine);
    addEventListener("online", look);
    addEventListener("offline", look);
    return () => { removeEventListener("online", look); removeEventListener("offline", look); };
  }, []);
  return online;
}
