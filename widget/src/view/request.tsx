import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { ServiceError } from "../api.js";
import { explain } from "../explain.js";
import type { DeliveryRequest, RequestDraft } from "../types.js";
import { type RequestTarget, useSurroundings } from "./context.js";
import { Icon } from "./icons.js";
import { Terms } from "./terms.js";

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
  /** Told when the reader has finished writing. */
  readonly changed?: (value: string) => void;
}

function Field({ name, label, hint, fault, required, type = "text", autocomplete = "off", list, min, maxLength = 100, changed }: FieldProps): JSX.Element {
  const { strings } = useSurroundings();
  const described = [hint && `${name}-hint`, fault && `${name}-fault`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={name}>{label}{!required && <span class="optional">{strings.optional}</span>}</label>
      <input id={name} name={name} type={type} autocomplete={autocomplete} required={required} maxLength={maxLength} min={min}
        aria-describedby={described || undefined} aria-invalid={fault ? true : undefined} list={list && `${name}-list`} onChange={changed && ((event) => changed(event.currentTarget.value.trim()))} />
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

export function RequestForm({ target: asked, close, placed }: FormProps): JSX.Element {
  const { session, strings } = useSurroundings();
  // A citation that a reader recognises in the catalogue becomes that record.
  const [target, setTarget] = useState(asked);
  const [citation, setCitation] = useState("");
  const [pages, setPages] = useState("");
  const [delivery, setDelivery] = useState("electronic");
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
    const written = draftOf(new FormData(form.current), target.record, service);
    const draft = service === "copy" ? { ...written, delivery } : written;
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
        {target.record ? <p class="item">{target.title}</p> : <Field name="citation" label={strings.citation} hint={strings.citationHint} required maxLength={2000} fault={faults["citation"]} changed={setCitation} />}
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
        {service === "copy" && <Field name="pages" label={strings.pages} hint={strings.pagesHint} changed={setPages} />}
        {service === "copy" && (
          <fieldset>
            <legend>{strings.delivery}</legend>
            {(["electronic", "pickup"] as const).map((each) => (
              <label key={each} class="choice">
                <input type="radio" name="delivery" value={each} checked={delivery === each} onChange={() => setDelivery(each)} />
                {each === "pickup" ? strings.collect : strings.electronic}
              </label>
            ))}
          </fieldset>
        )}
        <Field name="needed_by" type="date" label={strings.neededBy} min={today()} />
        {(service === "loan" || delivery === "pickup") && <Field name="pickup" label={strings.pickup} hint={strings.pickupHint} list={libraries} />}
        <Field name="note" label={strings.remark} hint={strings.remarkHint} maxLength={1000} />
        <Terms record={target.record} citation={citation} service={service} pages={service === "copy" ? pages : ""}
          choose={(record, title) => setTarget({ ...target, record, title })} />
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
    (["pages", "needed_by", "pickup", "note"] as const).map((name) => [name, value(name)]).filter(([, given]) => given));
  const wanted = record === null ? { citation: value("citation") } : { record_id: record };
  return { ...wanted, service, patron: { name: value("name"), contact: value("contact") }, ...optional };
}

function today(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}
