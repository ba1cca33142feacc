/** The custom element. Its attributes hold its state; everything it starts ends in disconnectedCallback. */

import { render } from "preact";

import { Service } from "./api.js";
import { Session } from "./session.js";
import { Memory } from "./storage.js";
import { stringsFor, type Strings } from "./strings.js";
import { Icon } from "./view/icons.js";
import { Panel } from "./view/panel.js";

declare const STYLES: string;

const PHONE = "(max-width: 40rem)";
const HERE = new URL("..", import.meta.url).href;

/**
 * `<lianwen-chat member="CODE" [service="https://…/"] [lang="en"] [heading="…"] [theme="light|dark"] [inline] [open]>`
 *
 * `open` shows the panel; `inline` makes it part of the page, without a launcher.
 */
export class LianwenChat extends HTMLElement {
  static readonly observedAttributes = ["member", "service", "lang", "heading", "open", "inline"];

  readonly #root = this.attachShadow({ mode: "open" });
  #session: Session | null = null;
  #phone: MediaQueryList | null = null;
  #connected = false;

  get open(): boolean {
    return this.hasAttribute("open");
  }

  set open(value: boolean) {
    this.toggleAttribute("open", value);
  }

  connectedCallback(): void {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLES);
    this.#root.adoptedStyleSheets = [sheet];
    this.#phone = matchMedia(PHONE);
    this.#phone.addEventListener("change", this.#reshape);
    this.addEventListener("keydown", this.#key);
    this.#connected = true;
    this.#start();
  }

  disconnectedCallback(): void {
    this.#connected = false;
    this.#phone?.removeEventListener("change", this.#reshape);
    this.removeEventListener("keydown", this.#key);
    this.#end();
    render(null, this.#root);
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (!this.#connected || before === after) return;
    if (name === "member" || name === "service" || name === "lang") {
      this.#end();
      this.#start();
    } else {
      this.#draw();
      if (name === "open") this.#opened();
    }
  }

  get #language(): string {
    return this.getAttribute("lang") ?? this.closest("[lang]")?.getAttribute("lang") ?? document.documentElement.lang;
  }

  get #strings(): Strings {
    return stringsFor(this.#language);
  }

  get #base(): string {
    const given = this.getAttribute("service");
    return given ? new URL(given.endsWith("/") ? given : `${given}/`, document.baseURI).href : HERE;
  }

  #start(): void {
    const member = this.getAttribute("member") ?? "";
    const memory = new Memory(this.#base, member);
    const tokens = {
      load: () => memory.read().token ?? null,
      save: (token: { value: string; expires: number } | null) => memory.update({ token }),
    };
    const service = new Service(this.#base, member, tokens, this.#language || "zh-CN");
    this.#session = new Session(service, memory, () => this.#draw());
    this.#draw();
    if (this.open || this.hasAttribute("inline")) this.#opened();
  }

  #end(): void {
    this.#session?.dispose();
    this.#session = null;
  }

  #draw(): void {
    if (!this.#session) return;
    const strings = this.#strings;
    const inline = this.hasAttribute("inline");
    const panel = (
      <Panel session={this.#session} state={this.#session.state} strings={strings} base={this.#base}
        heading={this.getAttribute("heading") ?? strings.title} close={inline ? undefined : () => (this.open = false)} />
    );
    render(
      inline ? <section class="frame" aria-labelledby="heading">{panel}</section> : (
        <>
          <button type="button" class="launcher" aria-haspopup="dialog" aria-expanded={this.open} hidden={this.open} onClick={() => (this.open = true)}>
            <Icon name="chat" /><span>{strings.open}</span>
          </button>
          <dialog class="frame" aria-labelledby="heading" onCancel={(event) => { event.preventDefault(); this.open = false; }}>{panel}</dialog>
        </>
      ),
      this.#root,
    );
  }

  /** The panel was opened or closed: a modal dialog on a phone, a companion of the page elsewhere. */
  #opened(): void {
    const dialog = this.#root.querySelector("dialog");
    const show = this.open || this.hasAttribute("inline");
    if (show && this.#session && !this.#session.state.ready) void this.#session.restore();
    if (!dialog) return;
    if (dialog.open) dialog.close();
    if (this.open) {
      if (this.#phone?.matches) dialog.showModal();
      else dialog.show();
      this.#root.querySelector<HTMLElement>("#question")?.focus();
    } else {
      this.#root.querySelector<HTMLElement>(".launcher")?.focus();
    }
    this.dispatchEvent(new CustomEvent("lianwen-toggle", { bubbles: true, detail: { open: this.open } }));
  }

  readonly #reshape = (): void => {
    if (this.open) this.#opened();
  };

  readonly #key = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && !event.isComposing && this.open && !this.hasAttribute("inline")) {
      event.preventDefault();
      this.open = false;
    }
  };
}
