import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { webAddress } from "../markdown.js";
import type { Strings } from "../strings.js";
import { locatorsOf, quotesOf, type TurnView } from "../turn.js";
import type { Holding, Source } from "../types.js";
import { useSurroundings } from "./context.js";
import { Icon } from "./icons.js";

const SHOWN_AT_FIRST = 3;
const HOLDINGS_AT_FIRST = 4;

/** The source whose card is open and, when a marker opened it, where in the text that marker stands. */
export interface Opened {
  readonly source: number;
  readonly at?: number;
}

interface SourcesProps {
  readonly turn: TurnView;
  readonly opened: Opened | null;
  readonly toggle: (source: number) => void;
}

export function Sources({ turn, opened, toggle }: SourcesProps): JSX.Element | null {
  const { strings } = useSurroundings();
  const [all, setAll] = useState(false);
  if (turn.sources.length === 0) return null;
  const hidden = turn.sources.findIndex((source) => source.n === opened?.source) >= SHOWN_AT_FIRST;
  const shown = all || hidden ? turn.sources : turn.sources.slice(0, SHOWN_AT_FIRST);
  return (
    <section class="sources" aria-label={turn.refused ? strings.nearest : strings.sources}>
      <h3>{turn.refused ? strings.nearest : strings.sources}</h3>
      <ol>
        {shown.map((source) => (
          <SourceCard key={source.n} turn={turn} source={source} opened={opened?.source === source.n ? opened : null} toggle={() => toggle(source.n)} />
        ))}
      </ol>
      {shown.length < turn.sources.length && (
        <button type="button" class="quiet" onClick={() => setAll(true)}>{strings.showAll(turn.sources.length)}</button>
      )}
    </section>
  );
}

interface CardProps {
  readonly turn: TurnView;
  readonly source: Source;
  readonly opened: Opened | null;
  readonly toggle: () => void;
}

function SourceCard({ turn, source, opened, toggle }: CardProps): JSX.Element {
  const { strings, base } = useSurroundings();
  const open = opened !== null;
  const quotes = quotesOf(turn, source.n);
  const marked = opened?.at === undefined ? quotes : quotesOf(turn, source.n, opened.at);
  const address = webAddress(source.url, base);
  const id = `source-${turn.key}-${source.n}`;
  return (
    <li class="source" id={id} data-open={open ? "" : undefined}>
      <div class="source-head">
        <span class="n" aria-hidden="true">{source.n}</span>
        {quotes.length > 0 ? (
          <button type="button" class="title" aria-expanded={open} aria-controls={`${id}-quotes`} onClick={toggle}>
            <span>{source.title}</span>
            <Icon name="down2" />
          </button>
        ) : (
          <span class="title">{source.title}</span>
        )}
      </div>
      <About source={source} locators={locatorsOf(turn, source.n)} />
      <div class="quotes" id={`${id}-quotes`} hidden={!open || quotes.length === 0}>
        <p class="label">{strings.quote}</p>
        {quotes.map((quote) => <Quotation key={quote} quote={quote} marked={marked.includes(quote)} locators={locatorsOf(turn, source.n, quote)} />)}
        {address && (
          <a href={address} target="_blank" rel="noopener noreferrer nofollow">{strings.openSource}<Icon name="link" /></a>
        )}
      </div>
      {source.holdings && source.holdings.length > 0 && <Holdings source={source} holdings={source.holdings} />}
    </li>
  );
}

function Quotation({ quote, marked, locators }: { quote: string; marked: boolean; locators: readonly string[] }): JSX.Element {
  return (
    <blockquote>
      {marked ? <mark>{quote}</mark> : quote}
      {locators.length > 0 && <cite class="locator">{locators.join("、")}</cite>}
    </blockquote>
  );
}

function About({ source, locators }: { source: Source; locators: readonly string[] }): JSX.Element | null {
  const words = [...(source.creators ?? []).slice(0, 2), source.year, ...locators].filter(Boolean);
  return words.length > 0 ? <p class="about">{words.join(" · ")}</p> : null;
}

function Holdings({ source, holdings }: { source: Source; holdings: readonly Holding[] }): JSX.Element {
  const { strings, request } = useSurroundings();
  const [all, setAll] = useState(false);
  const services = servicesOf(holdings);
  const shown = all ? holdings : holdings.slice(0, HOLDINGS_AT_FIRST);
  return (
    <div class="holdings">
      <ul aria-label={`${strings.holdings}: ${source.title}`}>
        {shown.map((holding, index) => <HoldingRow key={index} holding={holding} strings={strings} />)}
      </ul>
      {shown.length < holdings.length && (
        <button type="button" class="quiet" onClick={() => setAll(true)}>{strings.showAll(holdings.length)}</button>
      )}
      {services.length > 0 && (
        <button type="button" class="small" aria-label={`${strings.requestThis}: ${source.title}`}
          onClick={() => request({ record: source.id, title: source.title, services, holdings })}>
          {strings.requestThis}
        </button>
      )}
    </div>
  );
}

/** What at least one of the libraries supplies. */
export function servicesOf(holdings: readonly Holding[]): string[] {
  const services: string[] = [];
  if (holdings.some((holding) => holding.loanable)) services.push("loan");
  if (holdings.some((holding) => holding.copyable)) services.push("copy");
  return services;
}

function HoldingRow({ holding, strings }: { holding: Holding; strings: Strings }): JSX.Element {
  const { available } = holding;
  const known = available !== null && available !== undefined;
  const words = !known ? strings.unknown
    : typeof available === "number" && available > 1 ? strings.copies(available)
      : available ? strings.available : strings.onLoan;
  return (
    <li class="holding">
      <span class="library">{holding.member_name ?? holding.member}</span>
      <span class={`state ${known ? (available ? "in" : "out") : ""}`}>{words}</span>
      <span class="where">
        {holding.location && <span>{holding.location}</span>}
        {holding.call_number && <span class="call">{holding.call_number}</span>}
      </span>
    </li>
  );
}
