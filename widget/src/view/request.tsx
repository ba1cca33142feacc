import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { ServiceError } from "../api.js";
import { explain } from "../explain.js";
import { webAddress } from "../markdown.js";
import type { DeliveryRequest, RequestDraft } from "../types.js";
import { type RequestTarget, useSurroundings } from "./context.js";
import { Icon } from "./icons.js";

interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly fault?: string | undefined;
  readonly required?: boolean;
  readonly type?: "text" | "date";
  readonly autocomplete?: "name" | "email" | "off";
  readonly list?: readonly string[];
  readonly min?: string;
  readonly maxLength?: number;
}

function Field({ name, label, hint, fault, required, type = "text", autocomplete = "off", list, min, maxLength = 100 }: FieldProps): JSX.Element {
  const { strings } = useSurroundings();
  const described = [hint && `${name}-hint`, fault && `${name}-fault`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={name}>{label}{!required && <span class="optional">{strings.optional}</span>}</label>
      <input id={name} name={name} type={type} autocomplete={autocomplete} required={required} maxLength={maxLength} min={min}
        aria-describedby={described || undefined} aria-invalid={fault ? true : undefined} list={list && `${name}-list`} />
      {list && <datalist id={`${name}-list`}>{list.map((each) => <option key={each} value={each} />)}</datalist>}
      {hint && <p class="hint" id={`${name}-hint`}>{hint}</p>}
      {fault && <p class="fault" id={`${name}-fault`}>{fault}</p>}
    </div>
  );
}

/** A page of the panel that stands in front of the conversation. */
export function Sheet({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }): JSX.Element {
  const { strings } = useSurroundings();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <div class="sheet">
      <div class="sheet-head">
        <button type="button" class="icon-button" aria-label={strings.back} title={strings.back} onClick={close}><Icon name="back" /></button>
        <h2 tabIndex={-1} ref={heading}>{title}</h2>
      </div>
      {children}
    </div>
  );
}

interface FormProps {
  readonly target: RequestTarget;
  readonly close: () => void;
  readonly placed: (request: DeliveryRequest) => void;
}

export function RequestForm({ target, close, placed }: FormProps): JSX.Element {
  const { session, strings } = useSurroundings();
  const services = target.services.filter((service) => service === "loan" || service === "copy");
  const [service, setService] = useState(services[0] ?? "loan");
  const [faults, setFaults] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState<unknown>(null);
  const [sending, setSending] = useState(false);
  // One key a form: pressing twice, or again after a lost connection, makes one request.
  const key = useRef(crypto.randomUUID());
  const form = useRef<HTMLFormElement>(null);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (sending || !form.current) return;
    const draft = draftOf(new FormData(form.current), target.record, service);
    const given = { citation: target.record ?? draft.citation, ...draft.patron };
    const missing = Object.fromEntries(Object.entries(given).filter(([, value]) => !value).map(([field]) => [field, strings.missing]));
    setFaults(missing);
    const first = Object.keys(missing)[0];
    if (first) return form.current.querySelector<HTMLInputElement>(`#${first}`)?.focus();
    setSending(true);
    setProblem(null);
    try {
      placed(await session.place(draft, key.current));
    } catch (error) {
      setProblem(error);
      // The service has read this form and refused it: a corrected one is another request.
      if (error instanceof ServiceError && error.status >= 400 && error.status < 500) key.current = crypto.randomUUID();
    } finally {
      setSending(false);
    }
  }

  const libraries = [...new Set((target.holdings ?? []).map((holding) => holding.member_name ?? holding.member))];
  return (
    <Sheet title={strings.request} close={close}>
      <form class="form" ref={form} onSubmit={(event) => void submit(event)} noValidate>
        {target.record ? <p class="item">{target.title}</p> : <Field name="citation" label={strings.citation} hint={strings.citationHint} required maxLength={2000} fault={faults["citation"]} />}
        {services.length > 1 && (
          <fieldset>
            <legend>{strings.service}</legend>
            {services.map((each) => (
              <label key={each} class="choice">
                <input type="radio" name="service" value={each} checked={service === each} onChange={() => setService(each)} />
                {each === "copy" ? strings.copy : strings.loan}
              </label>
            ))}
          </fieldset>
        )}
        <Field name="name" label={strings.name} required autocomplete="name" fault={faults["name"]} />
        <Field name="contact" label={strings.contact} hint={strings.contactHint} required fault={faults["contact"]} />
        {service === "copy" && <Field name="pages" label={strings.pages} hint={strings.pagesHint} />}
        <Field name="needed_by" type="date" label={strings.neededBy} min={today()} />
        {service === "loan" && <Field name="pickup" label={strings.pickup} hint={strings.pickupHint} list={libraries} />}
        {problem !== null && <p class="fault" role="alert">{explain(problem, strings)}</p>}
        <div class="form-foot">
          <button type="submit" class="main" aria-disabled={sending}>{sending ? strings.submitting : strings.submit}</button>
          <button type="button" onClick={close}>{strings.cancel}</button>
        </div>
      </form>
    </Sheet>
  );
}

export function draftOf(entries: FormData, record: string | null, service: string): RequestDraft {
  const value = (name: string): string => String(entries.get(name) ?? "").trim();
  const optional = Object.fromEntries(
    (["pages", "needed_by", "pickup"] as const).map((name) => [name, value(name)]).filter(([, given]) => given));
  const wanted = record === null ? { citation: value("citation") } : { record_id: record };
  return { ...wanted, service, patron: { name: value("name"), contact: value("contact") }, ...optional };
}

function today(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

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
  useEffect(() => {
    const abort = new AbortController();
    const look = (): void => {
      if (document.visibilityState !== "visible") return;
      session.request(number, abort.signal).then(
        (found) => { setRequest(found); setProblem(null); },
        (error: unknown) => { if (!abort.signal.aborted) setProblem(error); });
    };
    if (!first || round > 0) look();
    const timer = setInterval(look, POLL_MS);
    return () => { abort.abort(); clearInterval(timer); };
  }, [number, round]);
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
        {problem !== null && <p class="fault" role="alert">{explain(problem, strings)}</p>}
        <div class="form-foot">
          <button type="button" onClick={() => setRound(round + 1)}><Icon name="again" />{strings.refresh}</button>
          {request?.actions?.filter((each) => READERS_OWN.has(each.name)).map((each) => (
            <Confirmed key={each.name} label={each.label} danger={each.danger === true}
              act={() => session.act(number, each.name, request.version).then(setRequest, setProblem)} />
          ))}
          {request?.can_cancel && (
            <Confirmed label={strings.withdraw} danger act={() => session.withdraw(number).then(setRequest, setProblem)} />
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
      {supplier && <p><span class="label">{strings.supplier}</span> {supplier}</p>}
      {download && <p><a class="button main" href={download} target="_blank" rel="noopener noreferrer">{strings.download}</a></p>}
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

function moment(instant: string): string {
  const date = new Date(instant);
  return Number.isNaN(date.getTime()) ? instant : date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

interface ConfirmedProps {
  readonly label: string;
  readonly danger: boolean;
  readonly act: () => Promise<void>;
}

/** A button for what cannot be undone: it acts on the second press, until then or until left it does nothing. */
function Confirmed({ label, danger, act }: ConfirmedProps): JSX.Element {
  const { strings } = useSurroundings();
  const [sure, setSure] = useState(false);
  const press = (): void => {
    if (sure) void act();
    setSure(!sure);
  };
  return <button type="button" class={danger ? "danger" : ""} onClick={press} onBlur={() => setSure(false)}>{sure ? strings.sure(label) : label}</button>;
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
