import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { explain } from "../explain.js";
import { webAddress } from "../markdown.js";
import type { DeliveryRequest } from "../types.js";
import { useSurroundings } from "./context.js";
import { Icon } from "./icons.js";
import { Sheet } from "./request.js";

const POLL_MS = 15_000;

/** The actions a reader takes from here; cancelling has its own button. */
const READERS_OWN = new Set(["ask_renewal", "accept_conditions", "refuse_conditions", "confirm", "report_problem"]);

interface ProgressProps {
  readonly number: string;
  readonly first: DeliveryRequest | null;
  readonly close: () => void;
}

/** A request's state and history, asked for again while the reader looks at it. */
export function Progress({ number, first, close }: ProgressProps): JSX.Element {
  const { session, strings } = useSurroundings();
  const [request, setRequest] = useState(first);
  const [problem, setProblem] = useState<unknown>(null);
  const [round, setRound] = useState(0);
  const [erased, setErased] = useState(false);
  const done = (found: DeliveryRequest): void => {
    setRequest(found);
    setProblem(null);
  };
  useEffect(() => {
    const abort = new AbortController();
    const look = (): void => {
      if (document.visibilityState !== "visible" || erased) return;
      session.request(number, abort.signal).then(
        (found) => { setRequest(found); setProblem(null); },
        (error: unknown) => { if (!abort.signal.aborted) setProblem(error); });
    };
    if (!first || round > 0) look();
    const timer = setInterval(look, POLL_MS);
    return () => { abort.abort(); clearInterval(timer); };
  }, [number, round, erased]);
  return (
    <Sheet title={first ? strings.placed : strings.follow} close={close}>
      <div class="progress">
        <p class="label">{strings.number}</p>
        <p class="number">{number}</p>
        <div role="status">
          {request && <p><span class="badge">{request.state_label ?? request.state}</span></p>}
          {request?.message && <p>{request.message}</p>}
          {request?.next_step && <p class="note">{strings.next}：{request.next_step}</p>}
        </div>
        {request && <RequestFacts request={request} />}
        {erased && <p role="status">{strings.erased}</p>}
        {problem !== null && <p class="fault" role="alert">{explain(problem, strings)}</p>}
        <div class="form-foot">
          <button type="button" onClick={() => setRound(round + 1)}><Icon name="again" />{strings.refresh}</button>
          {request?.actions?.filter((each) => READERS_OWN.has(each.name)).map((each) => (
            <Confirmed key={each.name} label={each.label} danger={each.danger === true}
              asks={each.needs?.includes("reason") === true}
              act={(reason) => session.act(number, each.name, request.version, reason).then(done, setProblem)} />
          ))}
          {request?.can_cancel && (
            <Confirmed label={strings.withdraw} danger act={() => session.withdraw(number).then(done, setProblem)} />
          )}
          {request?.can_erase && !erased && (
            <Confirmed label={strings.eraseMine} danger act={() => session.erase(number).then(() => setErased(true), setProblem)} />
          )}
        </div>
      </div>
    </Sheet>
  );
}

function RequestFacts({ request }: { request: DeliveryRequest }): JSX.Element {
  const { strings, base } = useSurroundings();
  const supplier = typeof request.supplier === "string" ? request.supplier : request.supplier?.name;
  const download = webAddress(request.download?.url, base);
  return (
    <>
      {request.title && <p class="item">{request.title}</p>}
      <dl class="facts">
        <Fact label={strings.citation} value={request.citation} />
        <Fact label={strings.supplier} value={supplier} />
        <Fact label={strings.pagesShort} value={request.pages} />
        <Fact label={strings.pickup} value={request.pickup} />
        <Fact label={strings.neededByShort} value={request.needed_by} />
        <Fact label={strings.due} value={request.due} />
      </dl>
      {request.matched && <p class="hint">{request.matched}</p>}
      {download && <Download address={download} until={request.download?.expires_at} left={request.download?.remaining} />}
      {request.history && request.history.length > 0 && (
        <ol class="history">
          {request.history.map((step, index) => (
            <li key={index}>
              <time dateTime={step.at}>{moment(step.at)}</time>
              {step.text ?? step.state_label ?? step.state}
            </li>
          ))}
        </ol>
      )}
    </>
  );
}

function Fact({ label, value }: { label: string; value: string | null | undefined }): JSX.Element | null {
  return value ? <div><dt>{label}</dt><dd>{value}</dd></div> : null;
}

function Download({ address, until, left }: { address: string; until: string | undefined; left: number | undefined }): JSX.Element {
  const { strings } = useSurroundings();
  if (left === 0) return <p class="note">{strings.downloadSpent}</p>;
  return (
    <div class="download">
      <a class="button main" href={address} target="_blank" rel="noopener noreferrer">{strings.download}</a>
      {until && left !== undefined && <p class="hint">{strings.downloadTerms(moment(until), left)}</p>}
    </div>
  );
}

function moment(instant: string): string {
  const date = new Date(instant);
  return Number.isNaN(date.getTime()) ? instant : date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

interface ConfirmedProps {
  readonly label: string;
  readonly danger: boolean;
  /** The action wants to know why. */
  readonly asks?: boolean;
  readonly act: (reason: string) => Promise<void>;
}

/** A button for what cannot be undone: it acts on the second press, until then or until left it does nothing. */
function Confirmed({ label, danger, asks = false, act }: ConfirmedProps): JSX.Element {
  const { strings } = useSurroundings();
  const [sure, setSure] = useState(false);
  const [reason, setReason] = useState("");
  const press = (): void => {
    if (sure && asks && !reason.trim()) return;
    if (sure) void act(reason.trim());
    setSure(!sure);
  };
  const leave = (event: FocusEvent): void => {
    const group = event.currentTarget as HTMLElement;
    if (!group.contains(event.relatedTarget as Node | null)) setSure(false);
  };
  return (
    <span class="confirmed" onFocusOut={leave}>
      {sure && asks && <input aria-label={strings.reason} placeholder={strings.reason} maxLength={1000} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />}
      <button type="button" class={danger ? "danger" : ""} onClick={press}>{sure ? strings.sure(label) : label}</button>
    </span>
  );
}

/** The visitor's requests, newest first, a look-up by number, and a way to ask for what no catalogue has. */
export function MyRequests({ close, show }: { close: () => void; show: (number: string) => void }): JSX.Element {
  const { session, strings, request } = useSurroundings();
  const [own, setOwn] = useState<readonly DeliveryRequest[] | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [number, setNumber] = useState("");
  useEffect(() => {
    const abort = new AbortController();
    session.requests(abort.signal).then(setOwn, (error: unknown) => { if (!abort.signal.aborted) setProblem(error); });
    return () => abort.abort();
  }, []);
  const look = (event: Event): void => {
    event.preventDefault();
    if (number.trim()) show(number.trim());
  };
  return (
    <Sheet title={strings.myRequests} close={close}>
      <div class="form">
        {problem !== null && <p class="fault" role="alert">{explain(problem, strings)}</p>}
        {own?.length === 0 && <p>{strings.noRequests}</p>}
        <ul class="requests">
          {own?.map((each) => (
            <li key={each.number}>
              <button type="button" onClick={() => show(each.number)}>
                <b>{each.title || each.number}</b>
                <span>{each.number} · {each.state_label ?? each.state}</span>
              </button>
            </li>
          ))}
        </ul>
        <form class="lookup" onSubmit={look}>
          <div class="field">
            <label for="number">{strings.number}</label>
            <input id="number" value={number} maxLength={60} autocomplete="off" onInput={(event) => setNumber(event.currentTarget.value)} />
          </div>
          <button type="submit">{strings.lookup}</button>
        </form>
        <p><button type="button" onClick={() => request({ record: null, title: "", services: ["loan", "copy"], holdings: [] })}>{strings.elsewhere}</button></p>
      </div>
    </Sheet>
  );
}
