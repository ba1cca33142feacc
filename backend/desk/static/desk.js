// Follows the queue of conversations and refreshes what is on the page; typed text is never touched.
"use strict";

function refresh() {
  fetch(location.href, { credentials: "same-origin" })
    .then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error(String(answer.status)))))
    .then((text) => {
      const fresh = new DOMParser().parseFromString(text, "text/html");
      for (const shown of document.querySelectorAll("[data-live]")) {
        const next = fresh.querySelector(`[data-live="${shown.dataset.live}"]`);
        if (next) shown.replaceWith(document.adoptNode(next));
      }
    })
    .catch((error) => console.warn("refresh failed", error));
}

if (document.querySelector("[data-live]")) {
  const news = new EventSource("/desk/tickets/events");
  news.onmessage = (event) => {
    const talk = document.querySelector("[data-ticket]");
    if (!talk || JSON.parse(event.data).id === talk.dataset.ticket) refresh();
  };
  addEventListener("pagehide", () => news.close());
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-phrase]");
  const field = document.getElementById("text");
  if (button && field) {
    field.value = field.value ? `${field.value}\n${button.dataset.phrase}` : button.dataset.phrase;
    field.focus();
  }
});

// A file over the limit is told before it is sent; the service checks again.
document.addEventListener("change", (event) => {
  const field = event.target.closest?.("input[data-max-bytes]");
  if (!field) return;
  const most = Number(field.dataset.maxBytes);
  const large = [...field.files].some((file) => file.size > most);
  field.setCustomValidity(large ? `文件超过 ${Math.floor(most / 1048576)} MB 的上限，请压缩或分次传递。` : "");
  if (large) field.reportValidity();
});
