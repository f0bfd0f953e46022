"""Starts workers and a router on free loopback ports and stops them again."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import openai

ROOT = Path(__file__).resolve().parents[3]
# Seconds after which something will never come: a bound on hangs, which a busy machine does not reach.
PATIENCE = 120
# QUERN_BINARIES names another folder of them, as when a build goes on beside the tests.
BINARIES = Path(os.environ.get("QUERN_BINARIES") or ROOT / "inference-worker/target/debug")
MODEL = ROOT / "models/quern-small"
MODEL_ID = "quern-small"


class Server:
    """One process that prints where it listens. Its log goes to a file, so that tests can read it."""

    def __init__(self, *command):
        self.log = tempfile.NamedTemporaryFile("w+", prefix="quern-e2e-", suffix=".log")
        environment = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
        self.process = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment
        )
        line = self.process.stdout.readline()
        match = re.fullmatch(r"listening on (http://\S+)\n", line)
        if not match:
            self.process.kill()
            raise RuntimeError(f"{command[0]} did not start: {line}{self.read_log()}")
        self.url = match[1]

    def read_log(self):
        return Path(self.log.name).read_text()

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as response:
            return response.read().decode()

    def metric(self, name):
        """Value of one name in /metrics, all models together; 0 if it has not appeared yet."""
        lines = (re.sub(r'model="[^"]*",?', "", line).replace("{}", "") for line in self.get("/metrics").splitlines())
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + " "))

    def wait_for_metric(self, name, value):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.metric(name) == value:
                return
            time.sleep(0.02)
        raise AssertionError(f"{name} is {self.metric(name)}, not {value}, after {PATIENCE} s")

    def cpu(self):
        """Seconds of processor time that it has used, which others on the machine do not add to."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def client(self, key="unused", **options):
        return openai.OpenAI(base_url=self.url + "/v1", api_key=key, max_retries=0, timeout=PATIENCE, **options)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def discard(self):
        """Ends the process if a test has not, and its log with it."""
        if self.process.poll() is None:
            self.kill()
        self.process.stdout.close()
        self.log.close()

    def stop(self):
        """Ends the process in order and returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


def worker(model=MODEL, **options):
    """A worker of one thread per operation, which suits a small model and a busy machine."""
    options = {"threads": "1"} | {name: str(value) for name, value in options.items()}
    flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    return Server(BINARIES / "quern-worker", "serve", "--model", model, "--listen", "127.0.0.1:0", *flags)


def attach(engine, **options):
    """A worker in front of another server's model."""
    flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    return Server(BINARIES / "quern-worker", "attach", "--engine", engine.url, "--listen", "127.0.0.1:0", *flags)


def router(workers, keys=None, **options):
    flags = [part for each in workers for part in ("--worker", each if isinstance(each, str) else each.url)]
    flags += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    flags += ["--keys", keys] if keys else ["--open"]
    return Server(BINARIES / "quern-router", "serve", "--listen", "127.0.0.1:0", *flags)


def new_key(folder, name="tester"):
    """A key and the file that lists its hash."""
    out = subprocess.check_output([BINARIES / "quern-router", "new-key", name], text=True)
    key, line = (part.split(": ", 1)[1] for part in out.splitlines())
    path = Path(folder) / "keys"
    path.write_text(f"# test\n{line}\n")
    return key, path


def endless_model(folder):
    """The packaged model without an end token and with a context that takes minutes to fill."""
    copy = Path(folder) / "endless"
    shutil.copytree(MODEL, copy, ignore=shutil.ignore_patterns("SHA256SUMS"))
    (copy / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((copy / "config.json").read_text())
    config |= {"max_position_embeddings": 32768, "eos_token_id": None}
    (copy / "config.json").write_text(json.dumps(config))
    return copy
