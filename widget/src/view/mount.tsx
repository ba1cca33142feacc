/** Puts the panel into a shadow root: its styles, its session, its frame. The module's one export the element uses. */

import { render } from "preact";

import { Service } from "../api.js";
import { Session } from "../session.js";
import { Memory } from "../storage.js";
import { stringsFor } from "../strings.js";
import { Panel } from "./panel.js";

declare const PANEL_STYLES: string;

export interface PanelOptions {
  readonly base: string;
  readonly member: string;
  readonly language: string;
  readonly heading: string | null;
  readonly inline: boolean;
  readonly close: () => void;
  /** A librarian has written while the panel is closed. */
  readonly unread: () => void;
}

export interface Mounted {
  /** Shows the panel: as a modal dialog on a phone, as a companion of the page elsewhere. */
  show(modal: boolean): void;
  hide(): void;
  dispose(): void;
}

export function mount(root: ShadowRoot, options: PanelOptions): Mounted {
  const { base, member, language, heading, inline, close } = options;
  const strings = stringsFor(language);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(PANEL_STYLES);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];

  const frame = document.createElement(inline ? "section" : "dialog");
  frame.className = "frame";
  frame.setAttribute("aria-labelledby", "heading");
  frame.addEventListener("cancel", (event) => {
    event.preventDefault(); // the element closes it, so that its attribute says so
    close();
  });
  root.append(frame);

  const memory = new Memory(base, member);
  const service = new Service(base, member, { load: () => memory.read().token ?? null, save: (token) => memory.update({ token }) }, language);
  const session = new Session(service, memory, draw);

  let heard = 0;
  function draw(): void {
    const { messages } = session.state;
    if (messages.slice(heard).some((message) => message.author === "librarian") && frame instanceof HTMLDialogElement && !frame.open) options.unread();
    heard = messages.length;
    render(
      <Panel session={session} state={session.state} strings={strings} base={base} heading={heading ?? strings.title} close={inline ? undefined : close} />,
      frame,
    );
  }

  draw();
  void session.restore();
  return {
    show(modal) {
      if (!(frame instanceof HTMLDialogElement)) return;
      if (frame.open) frame.close();
      if (modal) frame.showModal();
      else frame.show();
      frame.querySelector<HTMLElement>("#question")?.focus();
    },
    hide() {
      if (frame instanceof HTMLDialogElement) frame.close();
    },
    dispose() {
      session.dispose();
      render(null, frame);
      frame.remove();
      root.adoptedStyleSheets = root.adoptedStyleSheets.filter((each) => each !== sheet);
    },
  };
}
