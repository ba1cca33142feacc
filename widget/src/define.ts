/** Importing this module registers the element, once, whoever imports it how often. */
import { LianwenChat } from "./element.js";

if (!customElements.get("lianwen-chat")) customElements.define("lianwen-chat", LianwenChat);
