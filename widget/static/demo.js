// The demo page's own button opens the widget the way any site may: by setting its attribute.
document.querySelector("[data-ask]").addEventListener("click", () => {
  document.querySelector("lianwen-chat").setAttribute("open", "");
});
