/**
 * The custom element: a launcher, and the panel behind it, which is fetched when it is first wanted.
 * Attributes hold the state; everything the element starts ends in disconnectedCallback.
 */

import type { Mounted } from "./view/mount.js";

/** The launcher's styles, the panel's file name with its version, and how to get the panel: set by the build. */
declare const LAUNCHER_STYLES: string;
declare const PANEL: string;

type PanelModule = typeof import("./view/mount.js");

const PHONE = "(max-width: 40rem)";
const SVG = "http://www.w3.org/2000/svg";
const ICON = "M4 5.5h16v11H11l-4.5 3.500v-3.500H4z M8 9.500h8 M8 12.500h5";
const WORDS = {
  zh: { open: "咨询图书馆", unread: "馆员回复了您", unreachable: "暂时连不上，请稍后再试" },
  en: { open: "Ask the library", unread: "The librarian has answered", unreachable: "Cannot connect, please try again" },
};

/**
 * `<lianwen-chat member="CODE" [service="https://…/"] [lang="en"] [heading="…"] [theme="light|dark"] [inline] [open]>`
 *
 * `open` shows the panel; `inline` makes it part of the page, without a launcher. Fires `lianwen-toggle`.
 */
export class LianwenChat extends HTMLElement {
  static readonly observedAttributes = ["member", "service", "lang", "heading", "open", "inline"];

  readonly #root = this.attachShadow({ mode: "open" });
  readonly #launcher = document.createElement("button");
  readonly #words = document.createElement("span");
  readonly #phone = matchMedia(PHONE);
  #panel: Mounted | null = null;
  #loading: Promise<PanelModule> | null = null;
  #connected = false;

  constructor() {
    super();
    this.#launcher.className = "launcher";
    this.#launcher.type = "button";
    this.#launcher.setAttribute("aria-haspopup", "dialog");
    this.#launcher.append(drawnIcon(), this.#words);
    this.#launcher.addEventListener("click", () => (this.open = true));
    // Whoever points at the button will probably press it.
    for (const sign of ["pointerenter", "focus"]) this.#launcher.addEventListener(sign, () => void this.#load().catch(() => undefined));
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(LAUNCHER_STYLES);
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.append(this.#launcher);
  }

  get open(): boolean {
    return this.hasAttribute("open");
  }

  set open(value: boolean) {
    this.toggleAttribute("open", value);
  }

  get inline(): boolean {
    return this.hasAttribute("inline");
  }

  connectedCallback(): void {
    this.#connected = true;
    this.#phone.addEventListener("change", this.#reshape);
    this.addEventListener("keydown", this.#key);
    this.#start();
  }

  disconnectedCallback(): void {
    this.#connected = false;
    this.#phone.removeEventListener("change", this.#reshape);
    this.removeEventListener("keydown", this.#key);
    this.#end();
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (!this.#connected || before === after) return;
    if (name === "open") void this.#toggled();
    else {
      this.#end();
      this.#start();
    }
  }

  get #language(): string {
    return this.getAttribute("lang") ?? this.parentElement?.closest("[lang]")?.getAttribute("lang") ?? "";
  }

  get #say(): (typeof WORDS)["zh"] {
    return this.#language === "" || /^zh\b/i.test(this.#language) ? WORDS.zh : WORDS.en;
  }

  #start(): void {
    this.#words.textContent = this.#say.open;
    this.#reflect();
    if (this.open || this.inline) void this.#toggled();
  }

  #end(): void {
    this.#panel?.dispose();
    this.#panel = null;
  }

  #reflect(): void {
    this.#launcher.hidden = this.inline || (this.open && this.#panel !== null);
    this.#launcher.setAttribute("aria-expanded", String(this.open));
  }

  #load(): Promise<PanelModule> {
    this.#loading ??= (import(new URL(PANEL, import.meta.url).href) as Promise<PanelModule>).catch((error: unknown) => {
      this.#loading = null; // the next press tries again
      throw error;
    });
    return this.#loading;
  }

  /** Brings what is on the page into line with `open` and `inline`. */
  async #toggled(): Promise<void> {
    const wanted = this.open || this.inline;
    if (wanted && !this.#panel && !(await this.#mount())) return;
    this.#reflect();
    if (this.inline) return;
    if (this.open) {
      this.#words.textContent = this.#say.open;
      this.#panel?.show(this.#phone.matches);
    } else {
      this.#panel?.hide();
      this.#launcher.focus();
    }
    this.dispatchEvent(new CustomEvent("lianwen-toggle", { bubbles: true, detail: { open: this.open } }));
  }

  async #mount(): Promise<boolean> {
    try {
      const { mount } = await this.#load();
      // Meanwhile the element may have been closed, removed, or opened twice.
      if (!this.#connected || this.#panel || !(this.open || this.inline)) return this.#panel !== null;
      const given = this.getAttribute("service");
      this.#panel = mount(this.#root, {
        base: given ? new URL(given.endsWith("/") ? given : `${given}/`, document.baseURI).href : new URL("..", import.meta.url).href,
        member: this.getAttribute("member") ?? "",
        language: this.#language || "zh-CN",
        heading: this.getAttribute("heading"),
        inline: this.inline,
        close: () => (this.open = false),
        unread: () => {
          this.#words.textContent = this.#say.unread;
          this.#words.setAttribute("role", "status");
        },
      });
      return true;
    } catch {
      // No connection, or a policy of the page: the launcher says so, and pressing it tries again.
      this.#words.textContent = this.#say.unreachable;
      this.open = false;
      return false;
    }
  }

  readonly #reshape = (): void => {
    if (this.open && !this.inline) this.#panel?.show(this.#phone.matches);
  };

  readonly #key = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && !event.isComposing && this.open && !this.inline) {
      event.preventDefault();
      this.open = false;
    }
  };
}

function drawnIcon(): SVGElement {
  const icon = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  for (const [name, value] of Object.entries({ class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" })) icon.setAttribute(name, value);
  const line = { d: ICON, fill: "none", stroke: "currentColor", "stroke-width": "1.8", "stroke-linecap": "round", "stroke-linejoin": "round" };
  for (const [name, value] of Object.entries(line)) path.setAttribute(name, value);
  icon.append(path);
  return icon;
}
