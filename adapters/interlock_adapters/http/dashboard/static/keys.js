// Keys: search, move in a list, open, select, go to a page.
"use strict";
(() => {
  const PAGES = { o: "/", j: "/jobs", f: "/failures", n: "/names", s: "/schedules", r: "/groups" };
  const { element, root } = interlock;
  let going = 0;  // when g was pressed
  const rows = () => [...document.querySelectorAll("#selection tbody tr")];
  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row.classList.contains("here"));
    const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step))];
    all.forEach((row) => row.classList.toggle("here", row === next));
    next.querySelector("a.name").focus();
    next.scrollIntoView({ block: "nearest" });
  };
  const search = () => {
    const field = document.querySelector("[data-search]");
    if (field) field.focus(); else location.assign(root + "/jobs#search");
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input:not([type=checkbox]), textarea, select") || document.querySelector("dialog[open]")) return;
    if (Date.now() - going < 1000 && PAGES[event.key]) { event.preventDefault(); return location.assign(root + PAGES[event.key]); }
    going = event.key === "g" ? Date.now() : 0;
    const here = document.querySelector("#selection tr.here input, #selection tr:focus-within input");
    if (event.key === "/") search();
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "x" && here) here.click();
    else if (event.key === "?") element("keys").showModal();
    else return;
    event.preventDefault();
  });
  addEventListener("load", () => { if (location.hash === "#search") setTimeout(search); });
})();
