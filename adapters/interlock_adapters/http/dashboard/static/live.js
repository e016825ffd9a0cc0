// Refresh the page after events; send what its buttons ask for to the public API.
"use strict";
(() => {
  const QUIET_MS = 400;
  const root = document.body.dataset.root;  // what the server's URLs begin with
  const element = (id) => document.getElementById(id);
  const say = (text) => {
    const toast = element("toast");
    toast.textContent = text;
    toast.hidden = !text;
  };

  // Events come in bursts: one refresh for each burst, and always one after the last.
  let due = 0;
  const refresh = () => {
    if (due) return;
    due = setTimeout(() => {
      due = 0;
      htmx.trigger(document.body, "news");
    }, QUIET_MS);
  };
  const connect = () => {
    const source = new EventSource(root + "/v1/events?after=now");
    const tell = (text) => (element("connection").textContent = text);
    source.onopen = () => { tell("live"); refresh(); };
    source.onerror = () => tell("reconnecting");
    source.onmessage = refresh;
    addEventListener("pagehide", () => source.close());
  };

  // Nothing moves under the hand of who selects, or writes.
  const busy = () => document.querySelector("#selection tbody input:checked, form.filters :focus, form.find :focus");
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.id === "live" && busy()) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {  // asked for before the hand came
    if (event.detail.requestConfig.elt.id === "live" && busy()) event.detail.shouldSwap = false;
  });

  const problem = (body, fallback) => {
    try { return JSON.parse(body).detail || fallback; } catch { return fallback; }
  };
  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, xhr, successful } = event.detail;
    if (elt.id === "live") return;
    if (!successful) return say(problem(xhr.responseText, "The server did not answer."));
    say("");
    if (elt.dataset.close) element(elt.dataset.close).close();
    if (elt.hasAttribute("data-follow")) location.assign(elt.dataset.follow + xhr.getResponseHeader("Location").split("/").pop());
    refresh();
  });

  document.addEventListener("htmx:configRequest", (event) => {  // fields without a time zone are in UTC
    const { elt, parameters } = event.detail;
    for (const field of elt.querySelectorAll("[type=datetime-local]")) {
      if (field.value) parameters[field.name] = `${field.value}Z`;
      else delete parameters[field.name];
    }
  });
  document.addEventListener("click", (event) => {
    const { open, shut, matching } = event.target.dataset;
    if (open) element(open).showModal();
    if (shut) element(shut).close();
    if (matching) cancelAll(JSON.parse(matching)).catch((error) => say(`The server did not answer: ${error.message}`));
  });
  const chosen = () => [...document.querySelectorAll("#selection tbody input:checked")];
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]"))
      document.querySelectorAll("#selection tbody input").forEach((box) => (box.checked = event.target.checked));
    if (element("selected")) element("selected").textContent = chosen().length ? `${chosen().length} selected` : "";
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.find) location.assign(root + "/jobs/" + encodeURIComponent(new FormData(form).get("id").trim()));
    else if (form.hasAttribute("data-bulk")) bulk(event.submitter.value);
    else return;
    event.preventDefault();
  });
  const post = (path, body) => fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ by: "dashboard", ...body }),
  });
  const report = (verb, done, refused) => {
    element("selected").textContent = `${verb}: ${done} done, ${refused.length} refused`;
    say(refused.slice(0, 3).join(" "));
    refresh();
  };
  const bulk = async (verb) => {
    const ids = chosen().map((box) => box.value);
    if (!ids.length || !confirm(`${verb} ${ids.length} jobs?`)) return;
    const refused = [];
    for (const id of ids) {
      const answer = await post(`${root}/v1/jobs/${id}/${verb}`, {});
      if (!answer.ok) refused.push(problem(await answer.text(), id));
    }
    chosen().forEach((box) => (box.checked = false));
    report(verb, ids.length - refused.length, refused);
  };
  const cancelAll = async (filters) => {
    const said = Object.entries(filters).filter(([, value]) => value && value.length).map(([name, value]) => `${name}: ${value}`);
    if (!confirm(`Cancel every job that has not ended, with ${said.join("; ")}?`)) return;
    const refused = [];
    let done = 0;
    let cursor = null;
    do {
      const answer = await post(root + "/v1/jobs/cancel", { ...filters, cursor });
      if (!answer.ok) return say(problem(await answer.text(), "The server did not answer."));
      const page = await answer.json();
      const problems = page.items.filter((item) => item.problem).map((item) => item.problem.detail);
      done += page.items.length - problems.length;
      refused.push(...problems);
      report("cancel", done, refused);
      cursor = page.next_cursor;
    } while (cursor);
  };

  connect();
  setInterval(refresh, 5000);  // ages, and the log, grow without an event
})();
