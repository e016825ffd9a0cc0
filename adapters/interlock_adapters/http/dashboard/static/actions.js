// What buttons do: open dialogs, call the public API, copy.
"use strict";
(() => {
  const { element, problem, refresh, root, say } = interlock;
  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, xhr, successful } = event.detail;
    if (elt.id === "live") return;
    const told = elt.querySelector?.(".problem");  // a failed action stays in its dialog
    if (!successful) {
      const words = problem(xhr.responseText);
      if (told) { told.textContent = words; told.hidden = false; } else say(words);
      return;
    }
    say("");
    if (told) told.hidden = true;
    if (elt.dataset.close) element(elt.dataset.close).close();
    if (elt.hasAttribute("data-follow")) location.assign(elt.dataset.follow + xhr.getResponseHeader("Location").split("/").pop());
    refresh();
  });
  document.addEventListener("htmx:configRequest", (event) => {  // fields are in the reader's zone
    const { elt, parameters } = event.detail;
    if (parameters.by === "") parameters.by = "dashboard";
    for (const field of elt.querySelectorAll("[type=datetime-local]")) {
      if (field.value) parameters[field.name] = new Date(field.value).toISOString();
      else delete parameters[field.name];
    }
  });
  const copy = async (button) => {
    const path = button.dataset.copyUrl;
    const text = button.dataset.copy + (path ? location.origin + root + path : "");
    await navigator.clipboard.writeText(text);
    say("Copied.");
    setTimeout(() => say(""), 1500);
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-open], [data-shut], [data-copy]");
    for (const menu of document.querySelectorAll("details.menu[open]"))
      if (!menu.contains(event.target) || button) menu.open = false;
    if (!button) return;
    if (button.dataset.open) element(button.dataset.open).showModal();
    if (button.dataset.shut) element(button.dataset.shut).close();
    if (button.dataset.copy !== undefined) copy(button).catch((error) => say(`It could not be copied: ${error.message}`));
  });
})();
