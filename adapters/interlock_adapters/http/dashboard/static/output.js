// The output of a job: follow it, load what came earlier, search, and link to a line.
"use strict";
(() => {
  const { localize, refresh, root } = interlock;
  const log = document.getElementById("log");
  const list = log.querySelector("ol"), field = log.querySelector("[type=search]");
  const part = (name) => log.querySelector(`[data-part=${name}]`);
  const button = (name) => log.querySelector(`[data-do=${name}]`);
  const pressed = (name) => button(name).getAttribute("aria-pressed") === "true";
  const press = (name, on) => button(name).setAttribute("aria-pressed", String(on));
  const lines = () => [...list.querySelectorAll("li[data-seq]")];
  const first = () => Number(lines()[0]?.dataset.seq ?? 1);
  const last = () => Number(lines().at(-1)?.dataset.seq ?? 0);
  const fetched = async (query) => {
    const answer = await fetch(`${root}/jobs/${log.dataset.job}/output?${query}`);
    if (!answer.ok) return [];
    if (query.startsWith("before")) part("more").hidden = answer.headers.get("X-Has-Earlier") !== "true";
    const page = new DOMParser().parseFromString(`<ol>${await answer.text()}</ol>`, "text/html");
    return [...page.querySelectorAll("li")];
  };
  const separate = () => {  // a line between attempts
    for (const old of list.querySelectorAll("li.attempt")) old.remove();
    let before = null;
    for (const line of lines()) {
      const { attempt } = line.dataset;
      if (before !== null && attempt !== before) {
        const border = document.createElement("li");
        Object.assign(border, { className: "attempt", textContent: `Attempt ${attempt}` });
        line.before(border);
      }
      before = attempt;
    }
  };
  const settle = () => {
    localize(list);
    separate();
    part("none").hidden = lines().length > 0;
    mark();
  };

  let loading = false;
  const more = async () => {  // what came since
    if (loading) return;
    loading = true;
    try {
      let found;
      do {
        found = await fetched(`after=${last()}`);
        list.append(...found);
        if (found.length) settle();
      } while (found.filter((line) => line.dataset.seq).length >= 500);
      if (found.length || pressed("follow")) follow();
    } finally { loading = false; }
  };
  const follow = () => { if (pressed("follow")) list.scrollTop = list.scrollHeight; };
  const earlier = async () => {
    const top = list.firstElementChild, was = top?.offsetTop ?? 0;
    list.prepend(...(await fetched(`before=${first()}`)));
    settle();
    if (top) list.scrollTop += top.offsetTop - was;  // what was read stays in its place
  };

  // Search: every match in what is shown is marked, one of them is the current one.
  let matches = [], at = -1;
  const unmark = () => {
    for (const old of list.querySelectorAll("mark")) old.replaceWith(...old.childNodes);
    for (const line of list.querySelectorAll(".hit")) { line.classList.remove("hit", "now"); line.querySelector(".tx").normalize(); }
  };
  const markText = (node, wanted) => {
    const found = node.textContent.toLowerCase().indexOf(wanted);
    if (found < 0) return;
    const range = document.createRange();
    range.setStart(node, found);
    range.setEnd(node, found + wanted.length);
    range.surroundContents(document.createElement("mark"));
  };
  const mark = () => {
    unmark();
    const wanted = field.value.toLowerCase();
    matches = wanted ? lines().filter((line) => line.querySelector(".tx").textContent.toLowerCase().includes(wanted)) : [];
    for (const line of matches) {
      line.classList.add("hit");
      const walker = document.createTreeWalker(line.querySelector(".tx"), NodeFilter.SHOW_TEXT);
      const texts = [];
      while (walker.nextNode()) texts.push(walker.currentNode);
      texts.forEach((text) => markText(text, wanted));
    }
    at = Math.min(Math.max(at, 0), matches.length - 1);
    show();
  };
  const show = () => {
    part("matches").textContent = field.value ? (matches.length ? `${at + 1} of ${matches.length}` : "no match in what is shown") : "";
    matches.forEach((line, number) => line.classList.toggle("now", number === at));
  };
  const step = (by) => {
    if (!matches.length) return;
    at = (at + by + matches.length) % matches.length;
    show();
    press("follow", false);
    matches[at].scrollIntoView({ block: "center" });
  };
  const goTo = async () => {  // #L123
    const seq = Number(location.hash.match(/^#L(\d+)$/)?.[1]);
    if (!seq) return;
    press("follow", false);
    while (!document.getElementById(`L${seq}`) && seq < first() && !part("more").hidden) await earlier();
    document.getElementById(`L${seq}`)?.scrollIntoView({ block: "center" });
  };

  const DO = {
    load: earlier,
    earlier: () => step(-1),
    later: () => step(1),
    grave: () => { press("grave", !pressed("grave")); list.classList.toggle("only", pressed("grave")); },
    wrap: () => { press("wrap", !pressed("wrap")); log.classList.toggle("nowrap", !pressed("wrap")); },
    follow: () => { press("follow", !pressed("follow")); follow(); if (pressed("follow")) more(); },
    copy: () => navigator.clipboard.writeText(lines().map((line) => line.querySelector(".tx").textContent).join("\n")),
  };
  log.addEventListener("click", (event) => DO[event.target.closest("[data-do]")?.dataset.do]?.());
  field.addEventListener("input", () => { at = -1; mark(); });
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); step(event.shiftKey ? -1 : 1); } });
  let at_end = 0;  // where the list was scrolled to by us
  list.addEventListener("scroll", () => {
    if (list.scrollTop < at_end - 4) press("follow", false);
    at_end = list.scrollTop;
  }, { passive: true });
  const live = () => !document.getElementById("live").hasAttribute("data-ended");
  setInterval(() => { if (live() && pressed("follow")) more(); }, 1000);
  addEventListener("hashchange", goTo);
  document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.elt.id === "live") more(); });
  separate();
  follow();
  goTo();
})();
