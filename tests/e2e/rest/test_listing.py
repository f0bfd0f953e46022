"""The entries for the chain registry and the page for Keplr, against their schemas and against a node."""

import json
import re
import unittest

import jsonschema

import node as network

FOLDER = network.ROOT / "app/node/packaging/chain-registry"


def read(name):
    return json.loads((FOLDER / name).read_text())


class Entries(unittest.TestCase):
    def test_both_fit_their_schemas_and_each_mistake_that_lists_refuse_does_not(self):
        for name, mistakes in {
            "chain": [("chain_id", "quern"), ("bech32_prefix", "Quern"), ("fees", {}), ("slip44", "118"), ("unknown", 1)],
            "assetlist": [("assets", []), ("chain_name", "Quern Testnet")],
        }.items():
            schema = read(f"{name}.schema.json")
            jsonschema.Draft202012Validator.check_schema(schema)
            entry = read(f"{name}.json")
            jsonschema.validate(entry, schema, jsonschema.Draft202012Validator)
            for key, value in mistakes:
                with self.assertRaises(jsonschema.ValidationError, msg=f"{name}: {key}"):
                    jsonschema.validate(entry | {key: value}, schema, jsonschema.Draft202012Validator)

    def test_what_schemas_cannot_say(self):
        chain, assets = read("chain.json"), read("assetlist.json")
        self.assertEqual(chain["chain_name"], assets["chain_name"])
        fees = chain["fees"]["fee_tokens"][0]
        self.assertLessEqual(fees["low_gas_price"], fees["average_gas_price"])
        self.assertLessEqual(fees["average_gas_price"], fees["high_gas_price"])
        asset = assets["assets"][0]
        units = {unit["denom"]: unit["exponent"] for unit in asset["denom_units"]}
        self.assertEqual(units[asset["base"]], 0)
        self.assertIn(asset["display"], units)
        self.assertEqual(fees["denom"], asset["base"])
        self.assertEqual(chain["staking"]["staking_tokens"], [{"denom": asset["base"]}])
        self.assertIn(chain["codebase"]["recommended_version"], chain["codebase"]["compatible_versions"])


class AtANode(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = network.node()

    def test_the_entries_agree_with_the_chain(self):
        chain, asset = read("chain.json"), read("assetlist.json")["assets"][0]
        prefix = self.node.get("/cosmos/auth/v1beta1/bech32").json()["bech32_prefix"]
        self.assertEqual(prefix, chain["bech32_prefix"])
        known = self.node.get("/cosmos/bank/v1beta1/denoms_metadata").json()["metadatas"][0]
        for key in ("base", "display", "symbol"):
            self.assertEqual(known[key], asset[key])
        units = [{"denom": unit["denom"], "exponent": unit["exponent"]} for unit in known["denom_units"]]
        self.assertEqual(units, asset["denom_units"])
        info = self.node.get("/cosmos/base/tendermint/v1beta1/node_info").json()
        self.assertEqual(info["application_version"]["version"].lstrip("v"), chain["codebase"]["recommended_version"])
        self.assertEqual(info["application_version"]["app_name"], chain["daemon_name"])
        self.assertEqual(info["default_node_info"]["version"], chain["codebase"]["consensus"]["version"])
        for route, member in (("mint", "mint_denom"), ("staking", "bond_denom")):
            found = self.node.get(f"/cosmos/{route}/v1beta1/params").json()["params"]
            self.assertEqual([{"denom": found[member]}], chain["staking"]["staking_tokens"])
        price = self.node.get("/cosmos/base/node/v1beta1/config").json()["minimum_gas_price"]
        amount, denom = re.fullmatch(r"([0-9.]+)([a-z]+)", price).groups()
        fees = chain["fees"]["fee_tokens"][0]
        self.assertEqual(fees["denom"], denom)
        self.assertGreaterEqual(fees["low_gas_price"], float(amount))

    def test_the_page_for_keplr_suggests_what_keplr_accepts(self):
        answer = self.node.get("/keplr")
        self.assertEqual(answer.status_code, 200)
        self.assertIn("experimentalSuggestChain(info())", answer.text)
        info = json.loads(re.search(r"const CHAIN = (\{.*?\n\});", answer.text, re.DOTALL)[1])
        chain, asset = read("chain.json"), read("assetlist.json")["assets"][0]
        prefixes = info["bech32Config"]
        self.assertEqual(len(prefixes), 6)
        self.assertEqual(prefixes["bech32PrefixAccAddr"], chain["bech32_prefix"])
        self.assertEqual(prefixes["bech32PrefixValAddr"], "quernvaloper")
        self.assertEqual(prefixes["bech32PrefixConsAddr"], "quernvalcons")
        self.assertEqual(info["bip44"]["coinType"], chain["slip44"])
        coin = info["feeCurrencies"][0]
        fees = chain["fees"]["fee_tokens"][0]
        self.assertEqual(coin["gasPriceStep"], {step: fees[f"{step}_gas_price"] for step in ("low", "average", "high")})
        for coin in (coin, info["stakeCurrency"], *info["currencies"]):
            self.assertEqual(coin["coinMinimalDenom"], asset["base"])
            self.assertEqual(coin["coinDecimals"], asset["denom_units"][-1]["exponent"])
        self.assertIn('href="/keplr"', self.node.get("/swagger").text)
        # what the page fills in from the node, and what Keplr then asks for
        name = self.node.get("/cosmos/base/tendermint/v1beta1/node_info").json()["default_node_info"]["network"]
        for each in (name, chain["chain_id"]):
            self.assertRegex(each, r"^[a-zA-Z][a-zA-Z0-9-]*-[1-9][0-9]*$")
            self.assertLessEqual(len(each), 50)
        self.assertEqual(info["features"], ["cosmwasm"])
        self.assertEqual(self.node.get("/cosmwasm/wasm/v1/contract/test/smart/test").status_code, 400)
        for key in ("chainId", "rpc", "rest"):
            self.assertNotIn(key, info)  # of the node that serves the page, not of whoever wrote it
