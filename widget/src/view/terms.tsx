import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import type { Quote } from "../types.js";
import { useSurroundings } from "./context.js";

interface TermsProps {
  readonly record: string | null;
  readonly citation: string;
  readonly service: string;
  readonly pages: string;
  readonly choose: (record: string, title: string) => void;
}

/** What the request would mean, asked for as the reader writes: how a citation was read, price, limits, conditions. */
export function Terms({ record, citation, service, pages, choose }: TermsProps): JSX.Element | null {
  const { session, strings } = useSurroundings();
  const [quote, setQuote] = useState<Quote | null>(null);
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    if (record === null && citation.length < 2) {
      setQuote(null);
      return;
    }
    const abort = new AbortController();
    const wanted = record === null ? { citation } : { record_id: record };
    setAsking(true);
    // What cannot be quoted can still be asked for: the service says what is wrong when the form is sent.
    session.quote({ ...wanted, service, ...(pages ? { pages } : {}) }, abort.signal)
      .catch(() => null)
      .then((found) => {
        if (abort.signal.aborted) return;
        setQuote(found);
        setAsking(false);
      });
    return () => abort.abort();
  }, [record, citation, service, pages]);
  if (!quote) return asking ? <p class="hint" role="status">{strings.lookingUp}</p> : null;
  const unsure = record === null && !quote.record_id ? quote.candidates ?? [] : [];
  return (
    <section class="terms" aria-label={strings.terms} aria-live="polite">
      {quote.understood && quote.understood.length > 0 && (
        <>
          <h3>{strings.understood}</h3>
          <dl>
            {quote.understood.map((each) => <div key={each.field}><dt>{each.label}</dt><dd>{each.value}</dd></div>)}
          </dl>
        </>
      )}
      {quote.matched && <p class="hint">{quote.matched}</p>}
      {unsure.length > 0 && (
        <>
          <h3>{strings.candidates}</h3>
          {unsure.map((each) => (
            <button key={each.record_id} type="button" class="small" onClick={() => choose(each.record_id, each.title)}>
              {strings.choose([each.title, each.creators?.[0], each.year].filter(Boolean).join("，"))}
            </button>
          ))}
        </>
      )}
      <h3>{strings.terms}</h3>
      <ul>{quote.conditions.map((line) => <li key={line}>{line}</li>)}</ul>
    </section>
  );
}
