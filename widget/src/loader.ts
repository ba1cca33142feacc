/**
 * For other sites: `<script src="https://SERVICE/widget/loader.js" data-member="CODE" defer></script>`.
 * Loads the module that lies beside it, which finds the service by its own address. With `data-member` it also puts
 * the element at the end of the page; other `data-*` names become the element's attributes.
 */

declare const VERSION: string;

const script = document.currentScript as HTMLScriptElement | null;

function place(given: DOMStringMap): void {
  if (given["member"] === undefined || document.querySelector("lianwen-chat")) return;
  const element = document.createElement("lianwen-chat");
  for (const [name, value] of Object.entries(given)) if (value !== undefined) element.setAttribute(name, value);
  document.body.append(element);
}

if (script) {
  const given = { ...script.dataset };
  void import(new URL(`lianwen-chat.js?v=${VERSION}`, script.src).href);
  if (document.body) place(given);
  else document.addEventListener("DOMContentLoaded", () => place(given), { once: true });
}
