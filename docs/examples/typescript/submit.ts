// Submit a job and wait for it, cancel another, and read why a request is refused.
import createClient from "openapi-fetch";
import type { components, paths } from "./interlock.js";

type Job = components["schemas"]["JobOut"];
type Problem = components["schemas"]["ProblemOut"];

const baseUrl = process.argv[2] ?? "http://127.0.0.1:8000";
const token = process.env["INTERLOCK_TOKEN"];
const headers = token ? { Authorization: `Bearer ${token}` } : {};
const client = createClient<paths>({ baseUrl, headers });

/** Return what the server answered, or throw the problem that it described. */
function unwrap<T>(answer: { data?: T; error?: Problem }): T {
  if (answer.data === undefined) {
    throw new Error(answer.error?.detail ?? "The answer is empty.");
  }
  return answer.data;
}

async function submit(seconds: number): Promise<Job> {
  const body = { name: "nap", params: { seconds }, options: { by: "anna" } };
  return unwrap(await client.POST("/v1/jobs", { body }));
}

/** Wait until a job is done; one request waits for up to 30 seconds. */
async function ended(job_id: string): Promise<Job> {
  for (;;) {
    const params = { path: { job_id }, query: { wait: 30 } };
    const job = unwrap(await client.GET("/v1/jobs/{job_id}", { params }));
    if (job.phase === "done") return job;
  }
}

/** Say what a program can do about a refusal. The compiler knows all types of it. */
function advice(problem: Problem): string {
  switch (problem.type) {
    case "urn:interlock:problem:invalid-params":
      return (problem.problems ?? []).join("; ");
    case "urn:interlock:problem:illegal-transition":
      return `${problem.event} is not possible: the job is ${problem.job_status}`;
    default:
      return problem.detail;
  }
}

const done = await ended((await submit(0.2)).id);
console.log(`${done.status}: ${JSON.stringify(done.result)}`);

const long = await submit(600);
const params = { path: { job_id: long.id }, query: { wait: 30 } };
const canceled = unwrap(
  await client.POST("/v1/jobs/{job_id}/cancel", { params, body: { reason: "enough" } }),
);
console.log(`${canceled.status}: ${canceled.cancel_reason}`);

const again = await client.POST("/v1/jobs/{job_id}/cancel", {
  params: { path: { job_id: done.id } },
});
if (again.error) console.log(`${again.response.status}: ${advice(again.error)}`);

const wrong = await client.POST("/v1/jobs", {
  body: { name: "nap", params: { second: 1 } },
});
if (wrong.error) console.log(`${wrong.response.status}: ${advice(wrong.error)}`);
