import { Component, type JSX } from "preact";
import { useCallback, useMemo, useRef, useState } from "preact/hooks";

import { explain } from "../explain.js";
import { webAddress } from "../markdown.js";
import { markers, type TurnView } from "../turn.js";
import type { Action } from "../types.js";
import { useSurroundings } from "./context.js";
import { Icon } from "./icons.js";
import { Markup } from "./markup.js";
import { servicesOf, Sources, type Opened } from "./sources.js";

interface TurnProps {
  readonly turn: TurnView;
  readonly last: boolean;
  readonly problem: unknown;
}

/** A turn is drawn anew only when it changed: a long conversation costs nothing while the next answer streams. */
export class TurnArticle extends Component<TurnProps> {
  override shouldComponentUpdate(next: TurnProps): boolean {
    return next.turn !== this.props.turn || next.last !== this.props.last || next.problem !== this.props.problem;
  }

  override render(props: TurnProps): JSX.Element {
    return <TurnBody {...props} />;
  }
}

function TurnBody({ turn, last, problem }: TurnProps): JSX.Element {
  const { strings } = useSurroundings();
  const [opened, setOpened] = useState<Opened | null>(null);
  const article = useRef<HTMLElement>(null);
  const toggle = useCallback((source: number) => setOpened((now) => (now?.source === source ? null : { source })), []);
  const cite = useCallback((source: number, at: number) => {
    setOpened({ source, at });
    // The card is drawn after this event; then the reader is taken to its title.
    setTimeout(() => {
      const card = article.current?.querySelector(`[id="source-${turn.key}-${source}"]`);
      card?.scrollIntoView({ block: "nearest" });
      card?.querySelector<HTMLElement>("button.title")?.focus({ preventScroll: true });
    }, 0);
  }, [turn.key]);
  const busy = turn.phase === "sending" || turn.phase === "streaming";
  return (
    <article class="turn" ref={article} aria-busy={busy}>
      <div class="question">
        <h2 class="hidden">{strings.reader}</h2>
        <p>{turn.question}</p>
      </div>
      <div class={`answer${turn.refused ? " refused" : ""}`}>
        <h2 class="hidden">{strings.answer}</h2>
        {turn.refused && <p class="verdict">{strings.refused}</p>}
        {turn.text === "" && busy && <p class="working">{strings.searching}<i /><i /><i /></p>}
        <AnswerText turn={turn} opened={opened} cite={cite} />
        {turn.phase === "stopped" && <p class="note">{strings.stopped}</p>}
        {turn.phase === "failed" && <Failure turn={turn} problem={problem} />}
        <Sources turn={turn} opened={opened} toggle={toggle} />
        {!busy && <Actions turn={turn} />}
        {!busy && turn.id && turn.phase !== "failed" && <Verdict turn={turn} last={last} />}
        {last && !busy && <Suggestions turn={turn} />}
      </div>
    </article>
  );
}

function AnswerText({ turn, opened, cite }: { turn: TurnView; opened: Opened | null; cite: (source: number, at: number) => void }): JSX.Element {
  const { strings } = useSurroundings();
  const placed = useMemo(() => markers(turn), [turn.ranges]);
  const offsets = useMemo(() => placed.map((marker) => marker.at), [placed]);
  return (
    <div class="text">
      <Markup text={turn.text} marks={offsets} links={turn.quoted} mark={(index) => (
        <span class="cites">
          {"\u2060" /* no line begins with a marker */}
          {placed[index]?.citations.map(({ source, locator }) => (
            <button key={source} type="button" class="cite" aria-label={[strings.source(source), locator].filter(Boolean).join(" ")}
              aria-pressed={opened?.source === source && opened.at === placed[index]?.at}
              onClick={() => cite(source, placed[index]?.at ?? 0)}>{source}</button>
          ))}
        </span>
      )} />
    </div>
  );
}

function Failure({ turn, problem }: { turn: TurnView; problem: unknown }): JSX.Element {
  const { again, strings } = useSurroundings();
  return (
    <div class="failure" role="alert">
      <p>{strings.failed}{turn.error || (problem ? explain(problem, strings) : strings.server)}</p>
      <button type="button" class="small" onClick={() => again(turn.key)}><Icon name="again" />{strings.retry}</button>
    </div>
  );
}

function Actions({ turn }: { turn: TurnView }): JSX.Element | null {
  if (turn.actions.length === 0) return null;
  return (
    <div class="actions">
      {turn.actions.map((action, index) => <ActionButton key={index} action={action} turn={turn} />)}
    </div>
  );
}

function ActionButton({ action, turn }: { action: Action; turn: TurnView }): JSX.Element | null {
  const { request, handoff, base } = useSurroundings();
  if (action.kind === "request") {
    const target = requestTarget(action, turn);
    return target && <button type="button" class="main" onClick={() => request(target)}>{action.label}</button>;
  }
  if (action.kind === "handoff") {
    return <button type="button" onClick={handoff}><Icon name="person" />{action.label}</button>;
  }
  const address = webAddress(action.url, base);
  return address
    ? <a class="button" href={address} target="_blank" rel="noopener noreferrer nofollow">{action.label}<Icon name="link" /></a>
    : null;
}

/** The record an action is about: the one it names, else the first source that somebody supplies. */
function requestTarget(action: Action, turn: TurnView): Parameters<ReturnType<typeof useSurroundings>["request"]>[0] | null {
  const supplied = turn.sources.find((source) => (action.record_id ? source.id === action.record_id : servicesOf(source.holdings ?? []).length > 0));
  const record = action.record_id ?? supplied?.id;
  if (!record) return null;
  const holdings = supplied?.holdings ?? [];
  const offered = action.services ?? servicesOf(holdings);
  return { record, title: action.title ?? supplied?.title ?? "", services: offered.length ? offered : ["loan", "copy"], holdings };
}

function Verdict({ turn, last }: { turn: TurnView; last: boolean }): JSX.Element {
  const { session, strings, again } = useSurroundings();
  const give = (helpful: boolean): void => void session.feedback(turn.key, helpful);
  return (
    <div class="feedback" role="group" aria-label={strings.feedback}>
      <button type="button" class="quiet" aria-pressed={turn.helpful === true} onClick={() => give(true)}><Icon name="up" />{strings.helpful}</button>
      <button type="button" class="quiet" aria-pressed={turn.helpful === false} onClick={() => give(false)}><Icon name="down" />{strings.unhelpful}</button>
      {last && (
        <button type="button" class="quiet" onClick={() => again(turn.key)}><Icon name="again" />{strings.again}</button>
      )}
      <span class="thanks" role="status">{turn.helpful === null ? "" : strings.thanks}</span>
    </div>
  );
}

function Suggestions({ turn }: { turn: TurnView }): JSX.Element | null {
  const { strings, ask } = useSurroundings();
  if (turn.suggestions.length === 0) return null;
  return (
    <ul class="chips" aria-label={strings.followUp}>
      {turn.suggestions.map((each) => <li key={each}><button type="button" onClick={() => ask(each)}>{each}</button></li>)}
    </ul>
  );
}
