// The form that submits a job: values by their kinds, refusals beside their fields.
"use strict";
(() => {
  const { post, problem, root, say } = interlock;
  const form = document.getElementById("submit-form");
  if (!form) return;
  const wrong = (field, text) => {
    field.setAttribute("aria-invalid", String(!!text));
    field.classList.toggle("wrong", !!text);
    const place = document.getElementById(`${field.id}-msg`);
    if (!place) return;
    place.hidden = !text;
    place.textContent = text;
    field.setAttribute("aria-describedby", place.id);
  };
  const READ = {
    checkbox: (field) => field.checked,
    integer: (field) => { if (!/^[+-]?\d+$/.test(field.value.trim())) throw new Error("Write a whole number."); return Number(field.value); },
    number: (field) => { if (field.value.trim() === "" || Number.isNaN(Number(field.value))) throw new Error("Write a number."); return Number(field.value); },
    json: (field) => { try { return JSON.parse(field.value); } catch { throw new Error('Write JSON: [1, 2], {"a": 1}, "text" or null.'); } },
  };
  const values = () => {
    const params = {};
    let first = null;
    for (const field of form.querySelectorAll("[data-kind]")) {
      wrong(field, "");
      if (field.dataset.kind !== "checkbox" && field.value === "") {
        if (field.required && field.dataset.kind !== "text") { wrong(field, "This is required."); first ??= field; }
        else if (field.required) params[field.name] = "";
        continue;
      }
      try { params[field.name] = (READ[field.dataset.kind] ?? ((each) => each.value))(field); }
      catch (error) { wrong(field, error.message); first ??= field; }
    }
    first?.focus();
    return first ? null : params;
  };
  const options = () => {
    const priority = form.querySelector("[data-option=priority]").value, start = form.querySelector("[data-option=run_at]").value;
    return { ...(priority ? { priority: Number(priority) } : {}), ...(start ? { run_at: new Date(start).toISOString() } : {}) };
  };
  const told = form.querySelector(".problem");
  const refuse = async (answer) => {
    const text = await answer.text();
    told.textContent = problem(text);
    told.hidden = false;
    for (const field of form.querySelectorAll("[data-kind]")) {
      const line = told.textContent.split(/[\n.]/).find((each) => new RegExp(`\\b${field.name}\\b`).test(each));
      if (line && answer.status === 422) wrong(field, line.trim());
    }
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    told.hidden = true;
    const params = values();
    if (!params) return;
    const answer = await post("/v1/jobs", { by: undefined, name: form.dataset.name, params, options: { by: "dashboard", ...options() } }).catch((error) => new Response(JSON.stringify({ detail: error.message }), { status: 503 }));
    if (answer.ok) location.assign(`${root}/jobs/${(await answer.json()).id}`);
    else await refuse(answer);
  });
  const WRITE = {
    curl: (body) => `curl --json '${JSON.stringify(body).replaceAll("'", "'\\''")}' ${location.origin}${root}/v1/jobs`,
    python: ({ name, params }) => `engine.submit("${name}", ${JSON.stringify(params).replace(/\btrue\b/g, "True").replace(/\bfalse\b/g, "False").replace(/\bnull\b/g, "None")})`,
  };
  form.addEventListener("click", async (event) => {
    const how = event.target.closest("[data-as]")?.dataset.as;
    const params = how && values();
    if (!params) return;
    await navigator.clipboard.writeText(WRITE[how]({ name: form.dataset.name, params }));
    say("Copied.");
    setTimeout(() => say(""), 1500);
  });
})();
