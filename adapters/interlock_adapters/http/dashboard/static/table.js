// The list of jobs: select, act on many, search with suggestions, see new ones come.
"use strict";
(() => {
  const { element, localize, post, problem, refresh, root, say } = interlock;
  const boxes = () => [...document.querySelectorAll("#selection tbody input")];
  const chosen = () => boxes().filter((box) => box.checked);
  const bulk = element("bulk"), ask = element("ask");
  const within = (dialog, name) => dialog.querySelector(`[data-part=${name}]`);

  const count = () => {
    if (!bulk) return;
    const many = chosen().length;
    bulk.hidden = !many;
    within(bulk, "many").textContent = `${many} selected`;
    boxes().forEach((box) => box.closest("tr").classList.toggle("selected", box.checked));
    if (!many) { element("news").hidden = true; refresh(); }
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]")) boxes().forEach((box) => (box.checked = event.target.checked));
    if (event.target.closest("#selection")) count();
  });

  // While something is selected, rows change in their places, and new ones are counted.
  let asking = false;
  document.addEventListener("interlock:held", async () => {
    if (asking || !element("selection")) return;
    asking = true;
    try {
      const answer = await fetch(element("live").getAttribute("hx-get"));
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      let fresh = 0;
      for (const row of page.querySelectorAll("#selection tbody tr")) {
        const old = document.getElementById(row.id);
        if (!old) { fresh += 1; continue; }
        const shown = [...old.cells], now = [...row.cells];
        old.className = `${row.className}${old.classList.contains("here") ? " here" : ""}`;
        shown.slice(1).forEach((cell, at) => { if (cell.innerHTML !== now[at + 1].innerHTML && !cell.contains(document.activeElement)) cell.innerHTML = now[at + 1].innerHTML; });
      }
      for (const row of document.querySelectorAll("#selection tbody tr")) row.classList.toggle("gone", !page.getElementById(row.id));
      boxes().forEach((box) => box.closest("tr").classList.toggle("selected", box.checked));
      localize(element("selection"));
      element("news").hidden = !fresh;
      element("news").firstElementChild.textContent = fresh === 1 ? "1 job more has come" : `${fresh} jobs more have come`;
    } finally { asking = false; }
  });

  // One dialog asks, shows how far it is, and what was refused.
  const words = { cancel: ["Cancel", "Those that wait are CANCELED at once, those that run when none of their processes is alive."], rerun: ["Rerun", "Each job that has ended runs again, as a new job with the same parameters."] };
  let run = null;  // of the dialog that is open; closing it stops what it does
  ask.addEventListener("close", () => { if (run) run.stopped = true; run = null; refresh(); });
  const open = (title, what, verb, go, { reason = false } = {}) => {
    const own = { stopped: false };
    run = own;
    within(ask, "reason").querySelector("input").value = "";
    element("ask-title").textContent = title;
    within(ask, "what").textContent = what;
    within(ask, "reason").hidden = !reason;
    within(ask, "done").textContent = "";
    within(ask, "go").textContent = verb;
    within(ask, "go").hidden = false;
    within(ask, "back").textContent = "Back";
    ask.querySelector(".problem").hidden = true;
    ask.querySelector("progress").hidden = true;
    within(ask, "go").onclick = async () => {
      within(ask, "go").hidden = true;
      within(ask, "back").textContent = "Stop";
      ask.querySelector("progress").hidden = false;
      ask.querySelector("progress").removeAttribute("value");
      try { await go(within(ask, "reason").querySelector("input").value || null, own); }
      catch (error) { if (!own.stopped) refused([error.message]); }
      if (own.stopped) return;
      ask.querySelector("progress").hidden = true;
      within(ask, "back").textContent = "Close";
      refresh();
    };
    ask.showModal();
  };
  const told = (text) => (within(ask, "done").textContent = text);
  const refused = (texts) => {
    const place = ask.querySelector(".problem");
    place.hidden = !texts.length;
    place.textContent = texts.slice(0, 3).join(" ") + (texts.length > 3 ? ` And ${texts.length - 3} more.` : "");
  };
  within(ask, "back").onclick = () => ask.close();

  const each = async (ids, verb, reason, own) => {
    const problems = [];
    let done = 0;
    for (const id of ids) {
      if (own.stopped) return say(`Stopped: ${done} of ${ids.length} done.`);
      const answer = await post(`/v1/jobs/${id}/${verb}`, verb === "cancel" ? { reason } : {});
      if (answer.ok) done += 1; else problems.push(problem(await answer.text(), id));
      told(`${done} done, ${problems.length} refused, of ${ids.length}`);
      refused(problems);
    }
    return problems;
  };
  const all = async (filters, verb, reason, own) => {
    const problems = [];
    let done = 0, cursor = null;
    do {
      if (own.stopped) return say(`Stopped: ${done} done.`);
      const answer = await post(`/v1/jobs/${verb}`, { ...filters, cursor, ...(verb === "cancel" ? { reason } : {}) });
      if (!answer.ok) throw new Error(problem(await answer.text()));
      const page = await answer.json();
      const wrong = page.items.filter((item) => item.problem).map((item) => item.problem.detail);
      done += page.items.length - wrong.length;
      problems.push(...wrong);
      told(`${done} done, ${problems.length} refused`);
      refused(problems);
      cursor = page.next_cursor;
    } while (cursor);
  };
  const canary = async (ids, own) => {  // one first; the others only if it succeeds
    const answer = await post(`/v1/jobs/${ids[0]}/rerun`, {});
    if (!answer.ok) throw new Error(problem(await answer.text()));
    let job = await answer.json();
    told("One runs first.");
    while (!job.finished_at) {
      if (own.stopped) return say("Stopped: one was run again, the others were not.");
      job = await (await fetch(`${root}/v1/jobs/${job.id}?wait=10`)).json();
      told(`One runs first: ${job.phase}.`);
    }
    if (job.status !== "SUCCEEDED") throw new Error(`The first one ended as ${job.status}: ${job.error?.message ?? job.reason}. The other ${ids.length - 1} were not run.`);
    await each(ids.slice(1), "rerun", null, own);
    if (!own.stopped) told(`The first one succeeded. ${within(ask, "done").textContent}`);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-bulk], [data-matching], [data-canary]");
    if (!button) return;
    const { bulk: verb, matching, canary: ids } = button.dataset;
    if (verb === "none") { boxes().forEach((box) => (box.checked = false)); count(); }
    else if (verb) {
      const some = chosen().map((box) => box.value);
      const many = some.length === 1 ? "1 job" : `${some.length} jobs`;
      open(`${words[verb][0]} ${many}?`, words[verb][1], `${words[verb][0]} ${many}`, async (reason, own) => {
        await each(some, verb, reason, own);
        boxes().forEach((box) => (box.checked = false));
        count();
      }, { reason: verb === "cancel" });
    } else if (matching) {
      const filters = JSON.parse(button.dataset.filters);
      const said = Object.entries(filters).map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "object" ? JSON.stringify(value) : value}`);
      open(`${words[matching][0]} every job that matches?`, `${filters.statuses ? "All jobs" : matching === "cancel" ? "All jobs that have not ended" : "All jobs that have failed, timed out or were canceled"} with ${said.join("; ")}. ${words[matching][1]}`, `${words[matching][0]} all`, (reason, own) => all(filters, matching, reason, own), { reason: matching === "cancel" });
    } else {
      const some = ids.split(" ");
      open(`Rerun ${some.length === 1 ? "this job" : `${some.length} jobs`}?`, "One runs first. The others run only if it succeeds.", some.length > 1 ? "Run one, then the others" : "Rerun it", (_reason, own) => canary(some, own));
    }
  });

  // Suggestions for the word that is being written.
  const field = document.querySelector("[data-search]"), choices = element("suggestions");
  if (!field) return;
  const { keys, queues } = JSON.parse(element("suggest-data").textContent);
  const STATES = keys.status.replace(", ...", "").split(", ").concat("timeout", "canceled");
  let at = -1;
  const options = () => {
    const word = field.value;
    const [key, value] = word.includes(":") ? word.split(":", 2) : [null, null];
    if (key === "status") return STATES.filter((each) => each.startsWith(value)).map((each) => [`status:${each}`, ""]);
    if (key === "queue") return queues.filter((each) => each.startsWith(value.replace(/^"/, ""))).map((each) => [/[\s"]/.test(each) ? `queue:"${each.replace(/["\\]/g, "\\$&")}"` : `queue:${each}`, ""]);
    if (key === "since" || key === "before") return ["30m", "2h", "1d", "7d"].map((each) => [`${key}:${each}`, ""]);
    if (key) return [];
    return Object.entries(keys).filter(([each]) => each.startsWith(word)).map(([each, means]) => [each.startsWith("param.") ? "param." : `${each}:`, means]);
  };
  const draw = () => {
    const found = document.activeElement === field ? options() : [];
    choices.replaceChildren(...found.map(([text, means], number) => {
      const item = document.createElement("li");
      Object.assign(item, { id: `suggest-${number}`, textContent: text });
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(number === at));
      item.dataset.text = text;
      const small = document.createElement("small");
      small.textContent = means;
      item.append(small);
      return item;
    }));
    choices.hidden = !found.length;
    field.setAttribute("aria-expanded", String(!!found.length));
    if (at >= 0) field.setAttribute("aria-activedescendant", `suggest-${at}`); else field.removeAttribute("aria-activedescendant");
  };
  const take = (text) => { field.value = text; at = -1; if (/[:.]$/.test(text)) { draw(); field.focus(); } else field.form.requestSubmit(); };
  field.addEventListener("input", () => { at = -1; draw(); });
  field.addEventListener("focus", draw);
  field.addEventListener("blur", () => setTimeout(draw, 150));
  field.addEventListener("keydown", (event) => {
    const many = choices.children.length;
    if (event.key === "Escape") { choices.hidden = true; field.blur(); }
    else if (event.key === "ArrowDown" && many) at = (at + 1) % many;
    else if (event.key === "ArrowUp" && many) at = (at - 1 + many) % many;
    else if ((event.key === "Enter" || event.key === "Tab") && at >= 0) { take(choices.children[at].dataset.text); return event.preventDefault(); }
    else if (event.key === "Backspace" && !field.value) return document.querySelector(".search .token:last-child a")?.click();
    else return;
    draw();
    event.preventDefault();
  });
  choices.addEventListener("mousedown", (event) => { event.preventDefault(); const item = event.target.closest("li"); if (item) take(item.dataset.text); });
  field.form.addEventListener("submit", () => {  // the words that are kept, and the new one
    const hidden = field.form.elements.q;
    hidden.value = `${hidden.value} ${field.value}`.trim();
  });
})();
