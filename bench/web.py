"""`interlock serve` beside bare FastAPI routes, in one run; it needs `wrk`.

The server is the command as it is shipped, with its defaults. A bare route takes the
same body and sends back the same job, from memory: no store, no guard, nothing durable.
Each server is a process of its own, asked in turn.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import noop_jobs
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

BODY = {"name": noop_jobs.noop.name, "params": {}}
_TIME = re.compile(r"(50|99)%\s+([\d.]+)(us|ms|s)\b")
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


class Call(BaseModel):
    """The body of a bare POST."""

    name: str
    params: dict[str, Any]


def bare(job: dict[str, Any]) -> FastAPI:
    app = FastAPI()

    @app.get("/bare")
    async def get() -> dict[str, Any]:
        return job

    @app.post("/bare")
    async def post(call: Call) -> dict[str, Any]:
        return {**job, "name": call.name}

    return app


@contextmanager
def serving(*program: str, port: int) -> Iterator[str]:
    """Run a server; yield its URL."""
    process = subprocess.Popen(
        [sys.executable, *program, "--port", str(port)],
        cwd=Path(__file__).parent,
        stderr=subprocess.DEVNULL,  # the log of the requests
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                httpx.get(f"{url}/")
                break
            except httpx.ConnectError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def measured(url: str, script: str, seconds: int, connections: int) -> dict[str, float]:
    """Return requests per second, and p50 and p99 in milliseconds."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
        output = subprocess.run(
            ["wrk", *options, "-s", file.name, url],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    assert "Non-2xx" not in output, output
    times = {f"p{p}": float(n) * _MS[unit] for p, n, unit in _TIME.findall(output)}
    return {"rate": float(output.partition("Requests/sec:")[2].split()[0]), **times}


def compare(options: argparse.Namespace, url: str, bare_url: str, path: str) -> None:
    post = (
        'wrk.method = "POST"; wrk.headers["Content-Type"] = "application/json";'
        f" wrk.body = [[{json.dumps(BODY)}]]"
    )
    for connections in (1, options.connections):
        for verb, script, where in (
            ("GET", "", path),
            ("POST", post, "/v1/jobs"),
        ):
            raw = measured(f"{bare_url}/bare", script, options.seconds, connections)
            ours = measured(f"{url}{where}", script, options.seconds, connections)
            print(f"{verb}, {connections} connections:")
            for name, result in (("interlock", ours), ("bare route", raw)):
                latency = f"p50 {result['p50']:.2f} ms, p99 {result['p99']:.2f} ms"
                print(f"  {name:10} {latency}, {result['rate']:.0f}/s")
            print(f"  p50 {ours['p50'] / raw['p50']:.1f} times that of the bare route")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--port", type=int)
    parser.add_argument("--bare", type=Path)
    options = parser.parse_args()
    if options.bare:
        app = bare(json.loads(options.bare.read_text()))
        uvicorn.run(app, port=options.port, log_config=None)
    elif shutil.which("wrk") is None:
        print("wrk is not installed: the HTTP API is not measured")
    else:
        with tempfile.TemporaryDirectory() as name:
            shipped = ("-m", "interlock_adapters.cli.main", "serve", "noop_jobs")
            database = ("--database", f"sqlite:///{name}/jobs.db")
            with serving(*shipped, *database, port=18_001) as url:
                job = httpx.post(f"{url}/v1/jobs", json=BODY).raise_for_status().json()
                sample = Path(name, "job.json")
                sample.write_text(json.dumps(job))
                with serving(__file__, "--bare", str(sample), port=18_002) as bare_url:
                    compare(options, url, bare_url, f"/v1/jobs/{job['id']}")


if __name__ == "__main__":
    main()
