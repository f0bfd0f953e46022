"""The examples of docs/exchange.md do what they say, and its deposit scanner counts every deposit once."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import node as network

PAGE = (network.ROOT / "docs/exchange.md").read_text()
PROBE = network.ROOT / "contracts/artifacts/probe.wasm"
QRN = 10**9


def examples(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def coins(amount):
    return [{"denom": "nqrn", "amount": str(amount)}]


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = network.node()
        cls.folder = tempfile.TemporaryDirectory(prefix="quern-exchange-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.place = Path(cls.folder.name)
        keyring = cls.place / "online/keyring"
        keyring.mkdir(parents=True, mode=0o700)
        for name, ours in (("one", "customer"), ("two", "other")):
            shutil.copy(cls.node.home / f"keyring/{name}.json", keyring / f"{ours}.json")
        cls.environment = network.ENVIRONMENT | {
            "PATH": f"{network.QUERND.parent}:{os.environ['PATH']}", "QUERN_HOME": str(cls.place / "online"),
            "QUERN_NODE": cls.node.rpc.replace("http", "tcp"), "QUERN_CHAIN_ID": network.CHAIN,
            "REST": cls.node.rest, "RPC": cls.node.rpc,
        }
        script = "\n".join(examples("sh"))
        cls.done = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", script], cwd=cls.place, env=cls.environment, capture_output=True,
            text=True, timeout=300, stdin=subprocess.DEVNULL,
        )

    def quernd(self, *command):
        done = subprocess.run(
            [str(part) for part in (network.QUERND, *command)], cwd=self.place, env=self.environment,
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def address(self, name):
        return self.quernd("keys", "show", name, "-a").strip()

    def balance(self, address):
        return int(self.node.get(f"/cosmos/bank/v1beta1/balances/{address}/by_denom?denom=nqrn").json()["balance"]["amount"])

    def send(self, name, *messages, memo=""):
        """A transaction of any messages, from their JSON to a block."""
        body = {"messages": messages, "memo": memo}
        fee = {"amount": coins(20_000), "gas_limit": "2000000"}
        (self.place / "any.json").write_text(json.dumps({"body": body, "auth_info": {"fee": fee}, "signatures": []}))
        signed = self.quernd("tx", "sign", "any.json", "--from", name)
        (self.place / "any-signed.json").write_text(signed)
        return json.loads(self.quernd("tx", "broadcast", "any-signed.json", "--wait", "-o", "json"))

    def scan(self, address, first, last):
        (scanner,) = examples("python")
        done = subprocess.run(
            [sys.executable, "-B", "-c", scanner, str(first), str(last)], env=self.environment | {"ADDRESS": address},
            capture_output=True, text=True, timeout=120,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_every_command_runs_and_the_money_is_where_the_page_says(self):
        self.assertEqual(self.done.returncode, 0, self.done.stderr[-3000:] + self.done.stdout[-1000:])
        self.assertGreaterEqual(len(examples("sh")), 10)
        hot, treasury = self.address("hot"), self.address("treasury")
        # 25 came; 5, 1, 2 and twice 1 went, and three fees of 2000 and one of 3000
        self.assertEqual(self.balance(hot), (25 - 5 - 1 - 2 - 2) * QRN - 9_000)
        self.assertEqual(self.balance(treasury), (10 - 4) * QRN - 3_000)
        names = self.quernd("keys", "list", "-o", "json")
        kinds = {key["name"]: key["type"] for key in json.loads(names)}
        self.assertEqual((kinds["hot"], kinds["treasury"], kinds["customer"]), ("offline", "multi", "local"))

    def test_the_scanner_counts_every_way_in_once_and_nothing_else(self):
        customer, other = self.address("customer"), self.address("other")
        self.quernd("keys", "add", "scanned")
        own = self.address("scanned")

        def pay(sender, amount):
            return {
                "@type": "/cosmos.bank.v1beta1.MsgSend", "from_address": sender, "to_address": own,
                "amount": coins(amount),
            }

        first = self.node.height()
        self.send("customer", pay(customer, QRN), memo="plain")
        many = {
            "@type": "/cosmos.bank.v1beta1.MsgMultiSend",
            "inputs": [{"address": customer, "coins": coins(6)}],
            "outputs": [{"address": own, "coins": coins(n)} for n in (1, 2)] + [{"address": other, "coins": coins(3)}],
        }
        self.send("customer", many, pay(customer, 4), memo="many")
        grant = {
            "@type": "/cosmos.authz.v1beta1.MsgGrant", "granter": customer, "grantee": other,
            "grant": {"authorization": {
                "@type": "/cosmos.bank.v1beta1.SendAuthorization", "spend_limit": coins(100), "allow_list": [],
            }},
        }
        self.send("customer", grant)
        execute = {"@type": "/cosmos.authz.v1beta1.MsgExec", "grantee": other, "msgs": [pay(customer, 11)]}
        self.send("other", execute, memo="granted")

        self.quernd("tx", "wasm", "store", PROBE, "--from", "customer", "--gas", "auto", "--gas-prices", "0.01nqrn", "-y", "--wait")
        code = json.loads(self.quernd("query", "wasm", "list-code", "--reverse", "--limit", "1", "-o", "json"))
        code = code["code_infos"][0]["code_id"]
        made = ("--label", "payer", "--no-admin", "--amount", "70nqrn", "--from", "customer")
        paid = ("--gas", "1000000", "--fees", "10000nqrn", "-y", "--wait")
        self.quernd("tx", "wasm", "instantiate", code, "{}", *made, *paid)
        listed = json.loads(self.quernd("query", "wasm", "list-contract-by-code", code, "-o", "json"))
        command = {"bank_send": {"to": own, "amount": coins(13)}}
        words = ("tx", "wasm", "execute", listed["contracts"][0], json.dumps(command), "--memo", "contract")
        self.quernd(*words, "--from", "customer", *paid)

        # what is no deposit: a failed transaction, coins to oneself, a withdrawal
        signed = ("tx", "bank", "send", own, str(10**18) + "nqrn", "--memo", "too much", "--from", "customer")
        failed = subprocess.run(
            [network.QUERND, *signed, *paid], cwd=self.place, env=self.environment, capture_output=True, text=True
        )
        self.assertEqual(failed.returncode, 3, failed.stderr)
        self.quernd("tx", "bank", "send", own, "5nqrn", "--memo", "to oneself", "--from", "scanned", *paid)
        self.quernd("tx", "bank", "send", customer, "5nqrn", "--memo", "out", "--from", "scanned", *paid)

        last = self.node.height()
        found = self.scan(own, first, last)
        self.assertEqual(
            [(each["memo"], each["amount"]) for each in found],
            [("plain", QRN), ("many", 7), ("granted", 11), ("contract", 13)],
        )
        self.assertEqual(len({each["hash"] for each in found}), 4)
        middle = found[1]["height"]
        self.assertEqual(self.scan(own, first, middle) + self.scan(own, middle + 1, last), found)
        spent = 5 + 2 * 10_000
        self.assertEqual(self.balance(own), sum(each["amount"] for each in found) - spent)

    def test_the_page_names_files_that_are_there(self):
        for name in ("chain.json", "assetlist.json"):
            self.assertTrue((network.ROOT / "app/node/packaging/chain-registry" / name).is_file())


if __name__ == "__main__":
    unittest.main()
