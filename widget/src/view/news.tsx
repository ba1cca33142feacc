import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import type { Notice } from "../types.js";
import { useSurroundings } from "./context.js";

const POLL_MS = 60_000;

/** What happened to the reader's requests since they last looked. The service tells each once; it stays until read. */
export function News({ show }: { show: (number: string) => void }): JSX.Element | null {
  const { session, strings } = useSurroundings();
  const [news, setNews] = useState<readonly Notice[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    const look = (): void => {
      if (document.visibilityState !== "visible") return;
      // News are an extra: a service that cannot tell them now is asked again later.
      session.notices(abort.signal).then((found) => setNews((known) => [...known, ...found]), () => undefined);
    };
    look();
    const timer = setInterval(look, POLL_MS);
    return () => { abort.abort(); clearInterval(timer); };
  }, [session]);
  if (news.length === 0) return null;
  const latest = [...new Map(news.map((each) => [each.number, each])).values()];
  const forget = (number: string): void => setNews(news.filter((each) => each.number !== number));
  return (
    <section class="news" role="status" aria-label={strings.news}>
      <h3>{strings.news}</h3>
      <ul>
        {latest.map((each) => (
          <li key={each.number}>
            <button type="button" class="quiet" onClick={() => { forget(each.number); show(each.number); }}>{each.subject}</button>
          </li>
        ))}
      </ul>
      <button type="button" class="quiet" onClick={() => setNews([])}>{strings.dismiss}</button>
    </section>
  );
}
