"""A network of its own for the tests, by the program behind `make localnet`."""

import base64
import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import openai

ROOT = Path(__file__).resolve().parents[3]
LOCALNET = ROOT / "target/debug/quern-localnet"
QUERND = ROOT / "target/debug/quernd"
CALIBRATE = ROOT / "inference-worker/target/debug/quern-calibrate"
MODEL = "quern-small"
OTHER = "quern-small-bf16"
PASSWORD = {"QUERN_KEYRING_PASSWORD": "only-for-this-test-network"}


def ask(*command, check=True):
    """Runs quernd and reads its JSON."""
    done = subprocess.run(
        [str(part) for part in (QUERND, *command, "-o", "json")],
        capture_output=True, text=True, env=os.environ | PASSWORD, stdin=subprocess.DEVNULL,
    )
    if check and done.returncode:
        raise RuntimeError(f"quernd {' '.join(map(str, command))}: {done.stderr.strip()} {done.stdout.strip()}")
    return json.loads(done.stdout)


def two_models(folder):
    """A plan: a host that serves two models, and one that serves the first of them. The second one is the packaged model
    with its projections rounded to bfloat16, whose answers differ and whose files have a hash of their own."""
    packaged, rounded = ROOT / "models" / MODEL, folder / OTHER
    subprocess.run([CALIBRATE, "--model", packaged, "round-weights", "--out", rounded], check=True, capture_output=True)
    other = {"id": OTHER, "folder": str(rounded), "price": "20",
             # thresholds are of what the machine computes with the weights, which both models hold as fp32
             "calibration": str(packaged / "calibration.json")}
    return {"models": [{"id": MODEL, "folder": str(packaged)}, other], "hosts": [[MODEL, OTHER], [MODEL]]}


class Network:
    """Hosts, workers and a router, stopped and removed at the end."""

    def __init__(self, hosts=2, seconds=180, plan=None):
        self.folder = tempfile.TemporaryDirectory(prefix="quern-money-")
        self.dir = Path(self.folder.name) / "run"
        self.log = Path(self.folder.name) / "localnet.log"
        served = ["--hosts", str(hosts)]
        if plan:
            file = Path(self.folder.name) / "plan.json"
            file.write_text(json.dumps(plan(Path(self.folder.name))))
            served = ["--plan", file]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [LOCALNET, "--dir", self.dir, "up", *served, "--root", ROOT],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )
        described = self.dir / "net.json"
        try:
            self.wait("the network", described.is_file, seconds)
        except BaseException:
            # nobody has it yet who could stop it
            self.stop()
            raise
        self.net = json.loads(described.read_text())
        self.rpc = self.net["nodes"][0]["rpc"]

    def wait(self, what, question, seconds=60):
        """Asks until the answer is true, and gives it back."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = question()
            if answer:
                return answer
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        raise AssertionError(f"no {what} in {seconds} s; the network said:\n{self.log.read_text()[-4000:]}")

    def stop(self, look=lambda: None):
        """Stops everything. `look` is called when all has ended and what it wrote is still there."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(90)
            look()
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.folder.cleanup()
        return code

    def books(self):
        """What holds of each stopped node's state, by `quernd invariants`."""
        return [ask("invariants", "--home", node["home"])["held"] for node in self.net["nodes"]]

    def kill(self, program, number=0, how=signal.SIGKILL):
        """Ends a part, which is started again: `quern-router`, or a host's `quern-worker`."""
        part = "router" if program == "quern-router" else f"host{number}/"
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().decode().split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if words[0].endswith(program) and any(word.startswith(f"{self.dir}/{part}") for word in words):
                os.kill(int(process.name), how)
                return
        raise AssertionError(f"no {program} of {part} runs")

    def account(self, name):
        return next(account for account in self.net["accounts"] if account["name"] == name)

    def client(self, **options):
        router = self.net["router"]
        return openai.OpenAI(base_url=router["url"] + "/v1", api_key=router["api_key"], timeout=60, **options)

    # --- the chain

    def smart(self, contract, question):
        address = self.net["contracts"][contract]
        answer = ask("query", "wasm", "contract-state", "smart", address, json.dumps(question), "--node", self.rpc)
        return answer["data"]

    def raw(self, contract, question):
        """The same, with an error for an answer."""
        address = self.net["contracts"][contract]
        return subprocess.run(
            [QUERND, "query", "wasm", "contract-state", "smart", address, json.dumps(question), "--node", self.rpc],
            capture_output=True, text=True,
        )

    def trace(self, request):
        """Follows a request by its receipt, as a payer would."""
        router = self.net["router"]
        sources = [router["url"], *(worker["status"] for worker in self.net["workers"])]
        flags = [part for url in sources for part in ("--from", url)]
        return subprocess.run(
            [QUERND, "trace", request, *flags, "--api-key", router["api_key"], "--node", self.rpc, "-o", "json"],
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )

    def sessions(self):
        return self.smart("settlement", {"sessions": {}})

    def session(self, model):
        """The first session for a model."""
        return next(session for session in self.sessions() if session["model"] == model)

    def leaves(self):
        """What the round under way has drawn."""
        found = []
        while page := self.smart("audits", {"leaves": {"start_after": found[-1]["number"] if found else None}}):
            found += page
        return found

    def receipts(self):
        """All that the router holds for its first key."""
        router, found, start = self.net["router"], [], 0
        while start is not None:
            request = urllib.request.Request(
                f"{router['url']}/quern/receipts?from={start}", headers={"Authorization": f"Bearer {router['api_key']}"},
            )
            with urllib.request.urlopen(request, timeout=10) as answer:
                page = json.load(answer)
            found += page["receipts"]
            start = page["next"]
        return found

    def receipt(self, request):
        """What the router holds of one request, by its id or the receipt's."""
        router = self.net["router"]
        asked = urllib.request.Request(
            f"{router['url']}/quern/receipts/{request}", headers={"Authorization": f"Bearer {router['api_key']}"},
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)

    def verify(self, document, *flags, chain=None):
        """Checks a receipt without asking anybody."""
        return subprocess.run(
            [QUERND, "verify-receipt", "-", *flags, "--chain-id", chain or self.net["chain_id"], "-o", "json"],
            input=json.dumps(document), capture_output=True, text=True,
        )

    def balance(self, address):
        answer = ask("query", "bank", "balance", address, "nqrn", "--node", self.rpc)
        return int(answer["balance"]["amount"])

    def supply(self):
        answer = ask("query", "bank", "total", "--denom", "nqrn", "--node", self.rpc)
        return int(answer["amount"]["amount"])

    def tx(self, signer, *command, home=None):
        """Sends what a command of `quernd tx` says from a funded account; answers the transaction."""
        return ask(
            "tx", *command, "--from", signer, "--home", home or self.dir / "accounts", "--node", self.rpc,
            "--chain-id", self.net["chain_id"], "--gas", "3000000", "--fees", "0nqrn", "-y", "--wait", check=False,
        )

    def execute(self, signer, contract, message, coins=None, home=None):
        """The same for a contract message."""
        address = self.net["contracts"][contract]
        flags = ["--amount", coins] if coins else []
        return self.tx(signer, "wasm", "execute", address, json.dumps(message), *flags, home=home)


def b64(data):
    return base64.b64encode(data).decode()
