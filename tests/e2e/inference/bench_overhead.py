"""Prints what the router adds to the time to the first token, beside LiteLLM's proxy in front of the same upstream.

Usage: PYTHON tests/e2e/inference/bench_overhead.py [REQUESTS [REPORT_FILE]]
Needs .deps/litellm (scripts/setup/inference-litellm.sh) and the examples of inference-worker.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import stack

PROGRAM = stack.BINARIES / "examples/bench_overhead"
LITELLM = stack.ROOT / ".deps/litellm/bin/litellm"
START = 300


class LiteLLM:
    """Its proxy, with one process for each core as its guide for production has it, without keys, database or logs."""

    def __init__(self, folder, upstream):
        home = Path(folder)
        entry = {"model": "openai/double", "api_base": f"{upstream}/v1", "api_key": "unused"}
        config = {
            "model_list": [{"model_name": "double", "litellm_params": entry}],
            "litellm_settings": {"set_verbose": False, "num_retries": 0, "request_timeout": 60},
        }
        # YAML understands JSON.
        (home / "config.yaml").write_text(json.dumps(config))
        ports = subprocess.check_output([sys.executable, stack.ROOT / "tests/e2e/free_ports.py", "1"], text=True)
        self.url = f"http://127.0.0.1:{ports.strip()}"
        command = [LITELLM, "--config", home / "config.yaml", "--host", "127.0.0.1", "--port", ports.strip()]
        # The other server that it offers ends processes that take more than seconds to start.
        command += ["--run_gunicorn", "--num_workers", os.cpu_count(), "--telemetry", "False"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | {
            "HOME": folder,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
            "LITELLM_MODE": "PRODUCTION",
        }
        self.log = open(home / "log", "w+")
        self.process = subprocess.Popen(
            [str(part) for part in command], stdout=self.log, stderr=self.log, env=environment, cwd=folder,
            start_new_session=True,
        )
        deadline = time.monotonic() + START
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = (home / "log").read_text()
                self.stop()
                raise RuntimeError(f"LiteLLM's proxy did not start:\n{text}")
            time.sleep(0.2)
        # One of its processes answers; the others began when it did.
        time.sleep(5)

    def answers(self):
        try:
            urllib.request.urlopen(self.url + "/health/liveliness", timeout=5).close()
            return True
        except OSError:
            return False

    def stop(self):
        """Ends its processes, which are a group of their own."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sign)
                self.process.wait(15)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self.log.close()


def main():
    for part in (PROGRAM, LITELLM):
        if not part.exists():
            raise SystemExit(f"error: {part} is missing; run inference-worker/bench.sh")
    arguments = sys.argv[1:]
    started = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            upstream = stack.Server(PROGRAM, "upstream")
            started.append(upstream.discard)
            router = stack.router([upstream])
            started += [router.discard, router.stop]
            litellm = LiteLLM(folder, upstream.url)
            started.append(litellm.stop)
            command = [PROGRAM, "load", upstream.url, router.url, litellm.url, *arguments]
            subprocess.run([str(part) for part in command], check=True)
        finally:
            for end in reversed(started):
                end()


if __name__ == "__main__":
    main()
