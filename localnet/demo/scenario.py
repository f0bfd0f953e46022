"""What happens in a demonstration, in order."""

import json
import random
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import checks as money_and_power
import report
from chats import MODEL, Collector, Payers
from checks import Checks
from joiner import Joiner, books, compare
from network import ROOT, Network, clear, get

HOSTS = 5
PAYERS = 3
# Chats of the first wave and, while the model is loaded, of the second.
CHATS = 66
# Coins that the sixth account puts behind a host.
FUNDED = "5000qrn"
# Tokens of an answer that other weights cannot give by chance.
LONG = 20
# Streams under way when a host is killed.
STREAMS = 16
# Tokens of each, wave by wave, until one is hit. Short ones first: the verifier decodes each of them, the cheat's in many
# readings. Where clients are slow beside the hosts, streams are over before their clients have seen them begin.
WAVES = [192, 192, 256, 256, 320, 320, 384, 384]
# Most waves of long requests until the price must have risen.
LOAD_WAVES = 30
EPOCHS = 3


class Demo:
    """One run."""

    def __init__(self, folder, seed, cheat):
        self.folder, self.seed, self.cheat = Path(folder).absolute(), seed, cheat
        self.random = random.Random(seed)
        # Who is what follows from the seed alone.
        self.cheater, self.funded, self.killed = self.random.sample(range(HOSTS), 3)
        self.began = time.monotonic()
        self.checks = Checks(self.say)
        self.network = self.joiner = self.collector = None
        self.report = {"seed": seed, "cheat": cheat, "ok": False}

    def say(self, text):
        height = f" block {self.network.height()}" if self.network and self.network.rpc else ""
        try:
            print(f"[{time.monotonic() - self.began:4.0f} s{height}] {text}", flush=True)
        except OSError:
            pass  # the terminal is gone, and the network must be stopped all the same

    def play(self):
        """The whole scenario; the process's exit code."""
        try:
            self.start()
            self.fund()
            self.serve()
            self.hurt()
            self.load()
            self.close()
            self.judge()
            self.settle()
            self.reconcile()
        except Exception as error:  # whatever it is, the network must be stopped and the run has failed
            traceback.print_exc()
            self.checks.that("the scenario came to its end", False, f"{type(error).__name__}: {error}")
        finally:
            self.stop()
        if self.network is None:
            return 1  # the folder is not this run's to write a report into
        failed = self.checks.failed
        self.report |= {"ok": not failed, "seconds": round(time.monotonic() - self.began), "checks": self.checks.done}
        (self.folder / "report.json").write_text(json.dumps(self.report, indent=1) + "\n")
        print(f"\n{len(self.checks.done) - len(failed)} of {len(self.checks.done)} checks hold; "
              f"the report is {self.folder / 'report.json'}")
        return 1 if failed else 0

    # --- acts

    def start(self):
        if cleared := clear(self.folder):
            self.say(cleared)
        options = ["--hosts", HOSTS, "--payers", PAYERS]
        if self.cheat:
            options += ["--cheat", f"{self.cheater}={self.cheat}"]
        self.say(f"starting {HOSTS} hosts, a router and {PAYERS} payers")
        self.network = Network(self.folder, ROOT / "target/demo-localnet.log", *options)
        self.network.ready(240)
        net = self.network.net
        self.genesis = json.loads((Path(net["nodes"][0]["home"]) / "config/genesis.json").read_text())
        self.collector = Collector(self.network)
        self.payers = Payers(net["router"], self.random)
        hosts = self.network.pages("registry", "hosts", "host")
        bonded = [host for host in hosts if int(host["bond"]) > 0 and host["memberships"][0]["effective"] > 0]
        self.checks.that(f"{HOSTS} hosts bonded and serve by their genesis transactions", len(bonded) == HOSTS)

    def fund(self):
        host = self.network.host(self.funded)
        self.network.tx("funder", "bond", host, FUNDED)
        position = self.network.smart("bonding", {"position": {"host": host, "funder": self.network.account("funder")["address"]}})
        self.checks.that("a sixth account's coins stand behind a host", int(position["active"]) == 5000 * 10**9,
                         f"{FUNDED} behind host{self.funded}")

    def serve(self):
        whole = self.payers.many(CHATS, 12)
        self.say(f"{whole} of {CHATS} chats came whole, from {PAYERS} payers, streamed and not, 12 at once")
        bodies = {kept["body"] for kept in self.payers.kept if kept["whole"]}
        streams = sum(kept["stream"] for kept in self.payers.kept if kept["whole"])
        self.checks.that("at least 60 distinct chats were answered", len(bodies) >= 60,
                         f"{len(bodies)}, {streams} of them streamed")
        payers = {session["payer"] for session in self.network.sessions()}
        self.checks.that("at least three payers opened sessions", len(payers) >= 3, len(payers))

    def hurt(self):
        """One honest host dies in the middle of streams, node and worker, and comes back."""
        self.say(f"killing host{self.killed}, node and worker, while it streams")
        broken = 0
        for wave, tokens in enumerate(WAVES):
            victims, before = self.network.processes(self.killed), len(self.payers.kept)
            # All have begun in one wave, half of them in the next: hosts' streams may be over at different times.
            enough = STREAMS if wave % 2 == 0 else STREAMS // 2
            self.payers.interrupted(STREAMS, tokens, lambda begun: self.kill_while_it_serves(victims, begun, enough))
            # a stream that had begun: what was refused before its first token broke off nowhere
            broken += sum(bool(kept["text"]) and not kept["whole"] for kept in self.payers.kept[before:])
            if broken:
                break
            self.back()
        self.checks.that("streams broke off when their host was killed", broken, broken)
        self.back()
        before = sum(kept["place"]["host"] == self.network.host(self.killed) for kept in self.collector.receipts.values())

        def serves():
            self.payers.many(6, 6)
            self.collector.collect()
            own = [k for k in self.collector.receipts.values() if k["place"]["host"] == self.network.host(self.killed)]
            return len(own) > before

        self.checks.that("the killed host came back and serves", self.until(serves, 90), f"host{self.killed}")

    def kill_while_it_serves(self, victims, begun, enough):
        """Kills once so many streams have begun, if the host has some under way: then these are among them, if all have."""
        status = self.network.net["workers"][self.killed]["status"]
        end = time.monotonic() + 60
        while begun() < enough and time.monotonic() < end:
            time.sleep(0.001)  # a stream takes a fraction of a second
        if self.network.under_way(status):
            self.network.kill(victims)

    def back(self):
        """Waits until the killed host answers and its node has caught up."""
        status = self.network.net["workers"][self.killed]["status"]
        self.network.wait("worker that was killed", lambda: get(f"{status}/health"), 120)
        self.network.wait("node that was killed", lambda: self.network.height(self.killed) >= self.network.height() - 2, 60)

    def load(self):
        """A sixth node joins; long requests, as many at once as the machine takes, until the price has risen."""
        self.joiner = Joiner(self.network)
        self.say("a sixth node joins from genesis alone and replays every block")
        self.before = self.network.height()
        first = highest = self.price()
        self.say(f"loading the model; its price is {first:.4f} nqrn per token")
        for _ in range(LOAD_WAVES):
            self.payers.load(48, 24)
            highest = max(highest, self.price())
            if highest > first * 1.02:
                break
        self.say(f"the price is {self.price():.4f}")

    def price(self):
        # the block before the last: a node may know of a block a moment before its state
        question = {"price_at": {"model": MODEL, "height": self.network.height() - 1}}
        return float(self.network.smart("pricing", question))

    def close(self):
        """Payers close their sessions; what was claimed can be appealed while audits and epochs go on."""
        self.collector.collect()
        self.served = {kept["place"]["session"] for kept in self.collector.receipts.values()}
        names = {account["address"]: account["name"] for account in self.network.net["accounts"]}
        for session in self.network.sessions():
            if session["id"] in self.served and session["status"] == "open":
                self.network.tx(names[session["payer"]], "close-session", session["id"])
        self.say(f"{len(self.served)} sessions are closed by their payers")
        self.network.wait("batch of the last receipt", self.all_proven, 60)
        self.collector.stop()

    def judge(self):
        """The verifier re-executes every receipt; audits convict the cheat, nobody else; epochs pass."""
        self.say("the verifier re-executes every receipt")
        self.verify()
        cheater = self.network.host(self.cheater)
        if self.cheat:
            convicted = self.until(lambda: any(f["host"] == cheater for f in self.faults()), 180)
            self.checks.that("the cheat was convicted", convicted, f"host{self.cheater}")

        def epochs():
            return self.network.height() > EPOCHS * int(self.genesis["app_state"]["system"]["epoch_blocks"])

        self.checks.that(f"at least {EPOCHS} epochs passed", self.until(epochs, 180))

    def settle(self):
        """Claims and appeals run their time."""
        def closed():
            return all(s["status"] in ("closed", "void") for s in self.network.sessions() if s["id"] in self.served)

        self.say("claims and appeals run their time")
        found = [False, "no epoch was proven"]

        def follow():
            if not found[0]:
                found[:] = money_and_power.weights(self.network)
            return found[0]

        self.checks.that("every session was paid out", self.until(lambda: (follow(), closed())[1], 300))
        self.until(follow, 200)
        self.checks.that("weights became validator power", *found)

    def all_proven(self):
        self.collector.collect()
        return self.collector.receipts.keys() == self.collector.proofs.keys()

    def verify(self):
        """The independent verifier, over everything that routers and payers kept."""
        evidence = self.folder / "evidence"
        evidence.mkdir()
        receipts = sorted(self.collector.receipts.values(), key=lambda k: (k["place"]["session"], k["place"]["nonce"]))
        files = {"net": {k: self.network.net[k] for k in ("chain_id", "contracts")}, "receipts": receipts,
                 "proofs": self.collector.proofs, "requests": self.payers.kept}
        for name, content in files.items():
            (evidence / f"{name}.json").write_text(json.dumps(content))
        rpc = self.network.net["nodes"][(self.cheater + 1) % HOSTS]["rpc"]
        command = [sys.executable, "-B", ROOT / "localnet/demo/verify.py", evidence, "--rpc", rpc,
                   "--model", ROOT / "models" / MODEL]
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=True)
        self.report["verifier"] = found = json.loads(done.stdout)
        self.findings = found["receipts"]
        cheater = self.network.host(self.cheater)
        wrong = [f for f in self.findings if f["wrong"]]
        self.checks.that("every receipt is signed, priced and counted as the formats say", self.findings and not wrong,
                         wrong[:2] or f"{len(self.findings)} receipts")
        unproven = [f["id"] for f in self.findings if f["batch"] is None]
        self.checks.that("every receipt is under a batch's root in a block", not unproven,
                         unproven[:3] or f"{found['batches']} batches")
        others = [f for f in self.findings if not (self.cheat and f["host"] == cheater)]
        bad = [f for f in others if not f["honest"]]
        self.checks.that("re-execution confirms every receipt of the honest hosts", others and not bad,
                         bad[:2] or f"{len(others)} receipts, {sum(f['output'] == 'exact' for f in others)} to the bit")
        if self.cheat:
            # a few tokens may be the same under other weights, a whole answer is not
            own = [f for f in self.findings if f["host"] == cheater and f["tokens"] >= LONG]
            bad = [f for f in own if not f["honest"]]
            self.checks.that("re-execution contradicts the cheat", own and len(bad) > len(own) / 2,
                             f"{len(bad)} of its {len(own)} answers of {LONG} tokens or more")

    def reconcile(self):
        """What the chain says in the end."""
        closed = money_and_power.money(self.network, self.checks)
        # what a host had signed when it was killed, no router may have seen
        unseen = {self.network.host(self.killed): STREAMS * max(f["capture"] for f in self.findings)}
        money_and_power.claims(self.network, self.findings, unseen, self.checks)
        self.report["prices"] = money_and_power.price(self.network, self.before, self.checks)
        self.report["supply"] = money_and_power.supply(self.network, self.genesis, self.checks)
        cheater = self.network.host(self.cheater)
        convicted = sorted({fault["host"] for fault in self.faults()})
        slashed = [s for s in self.network.pages("bonding", "slashes", "number", host=None)]
        if self.cheat:
            names = [self.network.moniker(host) for host in convicted]
            self.checks.that("nobody else was convicted", convicted == [cheater], ", ".join(names))
            cut = sum(int(s["slashed"]) for s in slashed if s["host"] == cheater)
            self.checks.that("the cheat's bond was slashed, nobody else's",
                             cut > 0 and all(s["host"] == cheater for s in slashed), f"{report.qrn(cut)} QRN")
            paid = sum(int(amount) for s in closed for host, amount in s["outcome"]["paid"] if host == cheater)
            self.checks.that("the cheat was not paid", paid == 0, f"{paid} nqrn")
            voided = sum(int(s["outcome"]["voided"]) for s in closed)
            more = sum(int(s["outcome"]["restitution"]) for s in closed)
            self.checks.that("its payers were refunded", voided > 0,
                             f"{voided} nqrn of its claims, {more} nqrn more out of its bond")
        else:
            self.checks.that("nobody was convicted or slashed", not convicted and not slashed)
        least, most, proved = money_and_power.power(self.network, self.network.height() - 1)
        self.checks.that("more than two thirds of the power signed every block", least > 2 / 3, f"at least {least:.3f}")
        self.checks.that("nobody ever held more of the power than the cap lets", money_and_power.spread(most, proved),
                         f"at most {most:.3f}; at least {proved} hosts proved compute in every epoch")
        roles = {self.killed: "honest, killed", self.funded: "honest, funded"}
        if self.cheat:
            roles[self.cheater] = "cheat"
        self.report["hosts"] = report.hosts(self.network, closed, self.findings, roles)
        print("\n" + report.table(self.report["hosts"]) + "\n", flush=True)

    # --- helpers

    def faults(self):
        return self.network.pages("settlement", "faults", "number")

    def until(self, question, seconds):
        """Whether the answer becomes true in time."""
        try:
            self.network.wait("answer", question, seconds, pause=1)
            return True
        except TimeoutError:
            return False

    def stop(self):
        """Stops everything, compares the nodes' states, and looks for what was left behind."""
        # Another signal would leave the network running. Each step has its time.
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if self.collector:
            self.collector.stopped.set()
        if self.network is None:
            return
        heights, codes = [], []
        if self.joiner:
            heights = [self.network.height(node) for node in range(HOSTS)] + [self.joiner.height()]
            self.checks.that("the sixth node caught up", heights[-1] >= max(heights) - 2, heights)
            codes.append(self.joiner.stop())
        codes.append(self.network.stop())
        self.network.rpc = None
        left = self.network.left()
        self.checks.that("every process stopped in order", not any(codes) and not left, left or f"exit codes {codes}")
        if self.joiner and not min(heights):
            self.checks.that("every node told its height before it was stopped", False, heights)
        elif self.joiner:
            homes = [node["home"] for node in self.network.net["nodes"]] + [self.joiner.home]
            compare(homes, min(heights), self.checks)
        if self.network.net:
            books(self.network.net["nodes"][0]["home"], self.checks)
