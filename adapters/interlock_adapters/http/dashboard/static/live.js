// Keep the page as it is in the store, without fighting who reads it.
"use strict";
const interlock = (() => {
  const QUIET_MS = 400, AGES_MS = 5000, MOST_MS = 5000, SHARE = 4;  // a refresh takes a fifth of the time at most
  const root = document.body.dataset.root;  // what the server's URLs begin with
  const element = (id) => document.getElementById(id);
  const say = (text) => {
    const toast = element("toast");
    toast.textContent = text;
    toast.hidden = !text;
  };
  const problem = (body, fallback = "The server did not answer.") => {
    try { const said = JSON.parse(body); return said.detail || fallback; } catch { return fallback; }
  };

  // Times in the reader's zone. The server writes UTC, for readers without scripts.
  const two = (number) => String(number).padStart(2, "0");
  const clock = (at) => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const day = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const ago = (at) => {
    const seconds = (Date.now() - at) / 1000, far = Math.abs(Math.round(seconds));
    if (far < 5) return seconds >= 0 ? "just now" : "now";
    const [unit, size] = UNITS.find(([, each]) => far >= each);
    const length = `${Math.floor(far / size)} ${unit}`;
    return seconds > 0 ? `${length} ago` : `in ${length}`;
  };
  const WRITE = {
    ago,
    clock: (at) => (day(at) === day(new Date()) ? clock(at) : `${day(at).slice(5)} ${clock(at)}`),
    day: (at) => day(at).slice(5),
    minute: (at) => clock(at).slice(0, 5),
    fine: (at) => `${clock(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`,
    stamp: (at) => `${day(at)} ${WRITE.fine(at)}`,
  };
  const localize = (within = document) => {
    for (const time of within.querySelectorAll("time[data-as]")) {
      const at = new Date(time.dateTime), text = WRITE[time.dataset.as](at);
      if (time.textContent !== text) time.textContent = text;
      if (!time.title.includes("your zone")) time.title = `${time.dateTime.replace("T", " ").slice(0, 19)} UTC, ${day(at)} ${clock(at)} in your zone`;
    }
    for (const title of within.querySelectorAll("title[data-at]")) {
      const text = title.textContent.replace(/^.+? UTC/, WRITE.clock(new Date(title.dataset.at)));
      if (title.textContent !== text) title.textContent = text;
    }
  };

  // Events come in bursts: one refresh for each burst, and always one after the last.
  let due = 0, asked = 0, took = 0;
  const refresh = () => {
    if (due) return;
    due = setTimeout(() => { due = 0; htmx.trigger(document.body, "news"); }, Math.max(QUIET_MS, SHARE * took));
  };
  const ended = () => element("live").hasAttribute("data-ended");
  const tell = (text) => { const light = element("connection"); light.textContent = text; light.toggleAttribute("data-live", text === "live"); };
  let source = null;
  const connect = () => {
    if (ended()) return tell("ended");
    source = new EventSource(root + document.body.dataset.events);
    source.onopen = () => { tell("live"); refresh(); };
    source.onerror = () => tell(ended() ? "ended" : "reconnecting");
    source.onmessage = refresh;
    addEventListener("pagehide", () => source.close());
  };

  // Nothing moves under the hand of who selects, or writes.
  const selects = () => {
    const selection = getSelection();
    return !selection.isCollapsed && element("live").contains(selection.anchorNode);
  };
  const chosen = () => document.querySelectorAll("#selection tbody input:checked").length > 0;
  const busy = () => selects() || chosen();
  document.addEventListener("selectionchange", () => {
    if (source?.readyState === EventSource.OPEN) tell(selects() ? "paused" : "live");
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.id !== "live") return;
    if (ended() && element("live").dataset.shown) return event.preventDefault();
    if (!busy()) { asked = performance.now(); return; }
    event.preventDefault();
    document.dispatchEvent(new CustomEvent("interlock:held", { detail: event.detail.pathInfo?.requestPath }));
  });
  document.addEventListener("htmx:beforeSwap", (event) => {  // asked for before the hand came
    if (event.detail.requestConfig.elt.id === "live" && busy()) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.requestConfig?.elt.id === "live") took = Math.min(performance.now() - asked, MOST_MS);
    localize(); if (ended()) { element("live").dataset.shown = "yes"; source?.close(); tell("ended"); }
  });
  // What a reader has opened or written stays; what scripts fill, they fill themselves.
  Object.assign(Idiomorph.defaults.callbacks, {
    beforeNodeMorphed: (old) => !(old.nodeType === 1 && (old.hasAttribute("data-keep") || (old === document.activeElement && old.matches("input, select, textarea")))),
    beforeAttributeUpdated: (name, node) => !(name === "open" && node.matches("details, dialog")),
  });

  localize();
  connect();
  setInterval(localize, AGES_MS);
  setInterval(() => { if (!ended()) refresh(); }, AGES_MS);  // ages grow without an event
  return { root, element, say, problem, refresh, localize, post: (path, body) => fetch(root + path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ by: "dashboard", ...body }),
  }) };
})();
