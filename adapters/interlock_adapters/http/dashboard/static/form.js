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
    integer: (field) => {
      if (!/^[+-]?\d+$/.test(field.value.trim())) throw new Error("Write a whole number.");
      if (!Number.isSafeInteger(Number(field.value))) throw new Error("This number has too many digits for a page. Use the command line.");
      return Number(field.value);
    },
    select: (field) => JSON.parse(field.value),
    number: (field) => { if (field.value.trim() === "" || Number.isNaN(Number(field.value))) throw new Error("Write a number."); return Number(field.value); },
    json: (field) => { try { return JSON.parse(field.value); } catch { throw new Error('Write JSON: [1, 2], {"a": 1}, "text" or null.'); } },
  };
  const touched = new Set();
  form.addEventListener("input", (event) => touched.add(event.target));
  const values = () => {
    const params = {};
    let first = null;
    for (const field of form.querySelectorAll("[data-kind]")) {
      wrong(field, "");
      if (field.dataset.kind === "checkbox" && !field.required && field.checked === field.defaultChecked && !("given" in field.dataset)) continue;  // its default
      if (field.dataset.kind !== "checkbox" && field.value === "") {
        if (field.required && field.dataset.kind !== "text") { wrong(field, "This is required."); first ??= field; }
        else if (field.required || (field.dataset.kind === "text" && ("given" in field.dataset || touched.has(field)))) params[field.name] = "";
        continue;
      }
      try { params[field.name] = (READ[field.dataset.kind] ?? ((each) => each.value))(field); }
      catch (error) { wrong(field, error.message); first ??= field; }
    }
    first?.focus();
    return first ? null : params;
  };
  const options = () => {
    const priority = form.querySelector("[data-option=priority]"), start = form.querySelector("[data-option=run_at]").value;
    wrong(priority, "");
    if (priority.value) READ.integer(priority);
    return { ...(priority.value ? { priority: Number(priority.value) } : {}), ...(start ? { run_at: new Date(start).toISOString() } : {}) };
  };
  const told = form.querySelector(".problem");
  const refuse = async (answer) => {
    const text = await answer.text(), { problems = [] } = JSON.parse(text);
    const left = problems.filter((line) => {
      const field = [...form.querySelectorAll("[data-kind]")].find((each) => line.startsWith(`${each.name}:`) || line.startsWith(`${each.name}.`) || line.startsWith(`${each.name} `));
      if (field) wrong(field, line.slice(field.name.length).replace(/^: /, ""));
      return !field;
    });
    told.textContent = problems.length ? left.join(" ") : problem(text);
    told.hidden = !told.textContent;
  };
  form.querySelector("[type=submit]").disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    told.hidden = true;
    const params = values(), button = form.querySelector("[type=submit]");
    if (!params || button.disabled) return;
    let asked;
    try { asked = options(); } catch (error) { return wrong(form.querySelector("[data-option=priority]"), error.message); }
    button.disabled = true;
    const answer = await post("/v1/jobs", { by: undefined, name: form.dataset.name, params, options: { by: "dashboard", ...asked } }).catch((error) => new Response(JSON.stringify({ detail: error.message }), { status: 503 }));
    if (answer.ok) location.assign(`${root}/jobs/${(await answer.json()).id}`);
    else { button.disabled = false; await refuse(answer); }
  });
  const python = (value) => {
    if (value === null) return "None";
    if (typeof value === "boolean") return value ? "True" : "False";
    if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
    if (typeof value === "object") return `{${Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${python(each)}`).join(", ")}}`;
    return JSON.stringify(value);
  };
  const WRITE = {
    curl: (body) => `curl --json '${JSON.stringify(body).replaceAll("'", "'\\''")}' ${location.origin}${root}/v1/jobs`,
    python: ({ name, params }) => `engine.submit("${name}", ${python(params)})`,
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
