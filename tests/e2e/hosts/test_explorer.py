"""Every REST route that ping.pub's registry of requests names, with the query strings that it sends, on a network with
delegations, proposals and contracts. What it reads of each answer is there in the form that it expects."""

import base64
import unittest
import warnings

from cosmpy.aerial.client import prepare_and_broadcast_basic_transaction
from cosmpy.aerial.contract import LedgerContract
from cosmpy.aerial.tx import Transaction
from cosmpy.protos.cosmos.base.v1beta1.coin_pb2 import Coin
from cosmpy.protos.cosmos.gov.v1.gov_pb2 import VOTE_OPTION_YES
from cosmpy.protos.cosmos.gov.v1.tx_pb2 import MsgSubmitProposal, MsgVote
from cosmpy.protos.cosmos.staking.v1beta1.staking_pb2 import Description
from cosmpy.protos.cosmos.staking.v1beta1.tx_pb2 import MsgEditValidator

from network import NET, QRN, get, ledger, valoper, wait, wallet
from shapes import (
    ADDRESS, AMOUNT, BASE64, COIN, DEC_COIN, DECIMAL, HASH, INTEGER, PAGE, SECONDS, TIME, VALCONS, VALOPER, Maybe, differs,
)

KEY = {"@type": r"/cosmos\.crypto\.ed25519\.PubKey", "key": BASE64}
VALIDATOR = {
    "operator_address": VALOPER, "consensus_pubkey": KEY, "jailed": bool, "status": r"BOND_STATUS_(UN)?BONDED",
    "tokens": AMOUNT, "delegator_shares": DECIMAL, "unbonding_height": INTEGER, "unbonding_time": TIME,
    "min_self_delegation": AMOUNT, "unbonding_on_hold_ref_count": INTEGER, "unbonding_ids": Maybe([AMOUNT]),
    "description": dict.fromkeys(("moniker", "identity", "website", "security_contact", "details"), str),
    "commission": {
        "commission_rates": {"rate": DECIMAL, "max_rate": DECIMAL, "max_change_rate": DECIMAL}, "update_time": TIME,
    },
}
DELEGATION = {
    "delegation": {"delegator_address": ADDRESS, "validator_address": VALOPER, "shares": DECIMAL}, "balance": COIN,
}
UNBONDING = {
    "delegator_address": ADDRESS, "validator_address": VALOPER,
    "entries": [{
        "creation_height": INTEGER, "completion_time": TIME, "initial_balance": AMOUNT, "balance": AMOUNT,
        "unbonding_id": AMOUNT, "unbonding_on_hold_ref_count": INTEGER,
    }],
}
REDELEGATION = {
    "redelegation": {
        "delegator_address": ADDRESS, "validator_src_address": VALOPER, "validator_dst_address": VALOPER,
    },
    "entries": [{
        "redelegation_entry": {
            "creation_height": INTEGER, "completion_time": TIME, "initial_balance": AMOUNT, "shares_dst": DECIMAL,
        },
        "balance": AMOUNT,
    }],
}
BLOCK_ID = {"hash": BASE64, "part_set_header": {"total": int, "hash": BASE64}}
HEADER = {
    "version": {"block": AMOUNT, "app": AMOUNT}, "chain_id": NET["chain_id"], "height": AMOUNT, "time": TIME,
    "last_block_id": BLOCK_ID, "last_commit_hash": BASE64, "data_hash": BASE64, "validators_hash": BASE64,
    "next_validators_hash": BASE64, "consensus_hash": BASE64, "app_hash": BASE64, "last_results_hash": BASE64,
    "evidence_hash": BASE64, "proposer_address": BASE64,
}
SIGNATURE = {
    "block_id_flag": "BLOCK_ID_FLAG_(ABSENT|COMMIT|NIL)", "validator_address": str, "timestamp": TIME,
    "signature": lambda text: text is None or isinstance(text, str),
}
BLOCK = {
    "block_id": BLOCK_ID,
    "block": {
        "header": HEADER, "data": {"txs": Maybe([BASE64])}, "evidence": {"evidence": Maybe([dict])},
        "last_commit": {"height": AMOUNT, "round": int, "block_id": BLOCK_ID, "signatures": [SIGNATURE]},
    },
    "sdk_block": {"header": HEADER | {"proposer_address": VALCONS}},
}
SET = {
    "block_height": AMOUNT, "pagination": PAGE,
    "validators": [{"address": VALCONS, "pub_key": KEY, "voting_power": AMOUNT, "proposer_priority": INTEGER}],
}
TX = {
    "body": {"messages": [{"@type": r"/[a-z0-9_.]+\.Msg\w+"}], "memo": str, "timeout_height": AMOUNT},
    "auth_info": {
        "signer_infos": [{"public_key": {"@type": str}, "mode_info": dict, "sequence": AMOUNT}],
        "fee": {"amount": Maybe([COIN]), "gas_limit": AMOUNT, "payer": str, "granter": str},
    },
    "signatures": [BASE64],
}
EVENT = {"type": str, "attributes": Maybe([{"key": str, "value": str, "index": bool}])}
RESPONSE = {
    "height": AMOUNT, "txhash": HASH, "codespace": str, "code": int, "data": str, "raw_log": str, "logs": Maybe([dict]),
    "gas_wanted": AMOUNT, "gas_used": AMOUNT, "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "events": [EVENT],
    "tx": {"@type": r"/cosmos\.tx\.v1beta1\.Tx"} | TX,
}
FOUND = {"txs": [TX], "tx_responses": [RESPONSE], "total": AMOUNT}
TALLY = dict.fromkeys(("yes_count", "abstain_count", "no_count", "no_with_veto_count"), AMOUNT)
PROPOSAL = {
    "id": AMOUNT, "messages": Maybe([{"@type": str}]), "status": r"PROPOSAL_STATUS_\w+", "final_tally_result": TALLY,
    "submit_time": TIME, "deposit_end_time": TIME, "total_deposit": [COIN], "voting_start_time": TIME,
    "voting_end_time": TIME, "metadata": str, "title": str, "summary": str, "proposer": ADDRESS, "expedited": bool,
}
VOTE = {"proposal_id": AMOUNT, "voter": ADDRESS, "options": [{"option": r"VOTE_OPTION_\w+", "weight": DECIMAL}]}
PARAMS = {
    "min_deposit": [COIN], "max_deposit_period": SECONDS, "voting_period": SECONDS, "quorum": r"0\.\d+",
    "threshold": r"0\.\d+", "veto_threshold": r"0\.\d+", "expedited_voting_period": SECONDS,
}
PERMISSION = {"permission": r"(Everybody|Nobody|AnyOfAddresses)", "addresses": Maybe([ADDRESS])}
CODE = {"code_id": AMOUNT, "creator": ADDRESS, "data_hash": HASH, "instantiate_permission": PERMISSION}
CONTRACT = {
    "address": ADDRESS,
    "contract_info": {
        "code_id": AMOUNT, "creator": ADDRESS, "admin": str, "label": str, "ibc_port_id": str,
        "created": {"block_height": AMOUNT, "tx_index": AMOUNT},
    },
}
HISTORY = {"operation": r"CONTRACT_CODE_HISTORY_OPERATION_TYPE_\w+", "code_id": AMOUNT, "updated": dict, "msg": dict}
AUTH, BANK, TENDERMINT = "/cosmos/auth/v1beta1", "/cosmos/bank/v1beta1", "/cosmos/base/tendermint/v1beta1"
DISTRIBUTION, STAKING, GOV = "/cosmos/distribution/v1beta1", "/cosmos/staking/v1beta1", "/cosmos/gov/v1"
MINT, SLASHING, TXS, WASM = "/cosmos/mint/v1beta1", "/cosmos/slashing/v1beta1", "/cosmos/tx/v1beta1/txs", "/cosmwasm/wasm/v1"
FIRST = "pagination.limit=20&pagination.offset=0&pagination.count_total=true"

ROUTES = {
    f"{AUTH}/params": {"params": {"max_memo_characters": AMOUNT, "tx_sig_limit": AMOUNT, "tx_size_cost_per_byte": AMOUNT}},
    f"{AUTH}/accounts?{FIRST}": {"accounts": [{"@type": r"/cosmos\.\w+\.v1beta1\.\w+Account"}], "pagination": PAGE},
    AUTH + "/accounts/{me}": {"account": {
        "@type": r"/cosmos\.auth\.v1beta1\.BaseAccount", "address": ADDRESS, "account_number": AMOUNT, "sequence": AMOUNT,
        "pub_key": {"@type": r"/cosmos\.crypto\.secp256k1\.PubKey", "key": BASE64},
    }},
    f"{BANK}/params": {"params": {"send_enabled": Maybe([dict]), "default_send_enabled": bool}},
    BANK + "/balances/{me}": {"balances": [COIN], "pagination": PAGE},
    f"{BANK}/denoms_metadata": {"pagination": PAGE, "metadatas": [{
        "description": str, "denom_units": [{"denom": str, "exponent": int, "aliases": Maybe([str])}], "base": "nqrn",
        "display": str, "name": str, "symbol": "QRN", "uri": str, "uri_hash": str,
    }]},
    f"{BANK}/supply?{FIRST}": {"supply": [COIN], "pagination": PAGE},
    f"{BANK}/supply/by_denom?denom=nqrn": {"amount": COIN},
    f"{DISTRIBUTION}/params": {"params": dict.fromkeys(
        ("community_tax", "base_proposer_reward", "bonus_proposer_reward"), DECIMAL) | {"withdraw_addr_enabled": bool}},
    f"{DISTRIBUTION}/community_pool": {"pool": [DEC_COIN]},
    DISTRIBUTION + "/validators/{host}/commission": {"commission": {"commission": [DEC_COIN]}},
    DISTRIBUTION + "/validators/{host}/outstanding_rewards": {"rewards": {"rewards": [DEC_COIN]}},
    DISTRIBUTION + "/validators/{host}/slashes": {"slashes": Maybe([dict]), "pagination": PAGE},
    DISTRIBUTION + "/delegators/{me}/rewards": {
        "rewards": [{"validator_address": VALOPER, "reward": Maybe([DEC_COIN])}], "total": [DEC_COIN],
    },
    f"{SLASHING}/params": {"params": {
        "signed_blocks_window": AMOUNT, "min_signed_per_window": DECIMAL, "downtime_jail_duration": SECONDS,
        "slash_fraction_double_sign": DECIMAL, "slash_fraction_downtime": DECIMAL,
    }},
    f"{SLASHING}/signing_infos?pagination.limit=300": {"pagination": PAGE, "info": [{
        "address": VALCONS, "start_height": INTEGER, "index_offset": INTEGER, "jailed_until": TIME, "tombstoned": bool,
        "missed_blocks_counter": INTEGER,
    }]},
    f"{GOV}/params/voting": {"voting_params": {"voting_period": SECONDS}, "params": PARAMS},
    f"{GOV}/params/deposit": {
        "deposit_params": {"min_deposit": [COIN], "max_deposit_period": SECONDS}, "params": PARAMS,
    },
    f"{GOV}/params/tallying": {
        "tally_params": dict.fromkeys(("quorum", "threshold", "veto_threshold"), r"0\.\d+"), "params": PARAMS,
    },
    # ping.pub asks for a status by its number
    f"{GOV}/proposals?proposal_status=2&{FIRST}&pagination.reverse=true": {"proposals": [PROPOSAL], "pagination": PAGE},
    GOV + "/proposals/{proposal}": {"proposal": PROPOSAL},
    GOV + "/proposals/{proposal}/deposits": {
        "deposits": [{"proposal_id": AMOUNT, "depositor": ADDRESS, "amount": [COIN]}], "pagination": PAGE,
    },
    GOV + "/proposals/{proposal}/tally": {"tally": TALLY},
    # with a parameter that is none of the method's, as it sends it
    GOV + "/proposals/{proposal}/votes?proposal_status=%7Bstatus%7D&" + FIRST + "&pagination.reverse=true": {
        "votes": [VOTE], "pagination": PAGE,
    },
    GOV + "/proposals/{proposal}/votes/{me}": {"vote": VOTE},
    STAKING + "/delegations/{me}": {"delegation_responses": [DELEGATION], "pagination": PAGE},
    STAKING + "/delegators/{me}/redelegations": {"redelegation_responses": [REDELEGATION], "pagination": PAGE},
    STAKING + "/delegators/{me}/unbonding_delegations": {"unbonding_responses": [UNBONDING], "pagination": PAGE},
    STAKING + "/delegators/{me}/validators": {"validators": [VALIDATOR], "pagination": PAGE},
    f"{STAKING}/params": {"params": {
        "unbonding_time": SECONDS, "max_validators": int, "max_entries": int, "historical_entries": int,
        "bond_denom": "nqrn", "min_commission_rate": DECIMAL,
    }},
    f"{STAKING}/pool": {"pool": {"not_bonded_tokens": AMOUNT, "bonded_tokens": AMOUNT}},
    f"{STAKING}/validators?pagination.limit=200&status=BOND_STATUS_BONDED": {"validators": [VALIDATOR], "pagination": PAGE},
    STAKING + "/validators/{host}": {"validator": VALIDATOR},
    STAKING + "/validators/{host}/delegations?" + FIRST: {"delegation_responses": [DELEGATION], "pagination": PAGE},
    STAKING + "/validators/{host}/delegations/{me}": {"delegation_response": DELEGATION},
    STAKING + "/validators/{host}/delegations/{me}/unbonding_delegation": {"unbond": UNBONDING},
    f"{TENDERMINT}/blocks/latest": BLOCK,
    TENDERMINT + "/blocks/{height}": BLOCK,
    f"{TENDERMINT}/node_info": {
        "default_node_info": {"network": NET["chain_id"], "version": str, "moniker": str, "other": {"tx_index": "on"}},
        "application_version": {
            "app_name": "quernd", "version": str, "cosmos_sdk_version": r"v0\.53\.\d+",
            "build_deps": [{"path": str, "version": str, "sum": str}],
        },
    },
    f"{TENDERMINT}/validatorsets/latest?pagination.limit=100&pagination.offset=0": SET,
    TENDERMINT + "/validatorsets/{height}?pagination.limit=100&pagination.offset=0": SET,
    TXS + "?query=message.sender='{me}'&pagination.limit=20&pagination.offset=0": FOUND,
    TXS + "?order_by=2&query=execute._contract_address='{contract}'&pagination.limit=20": FOUND,
    TXS + "/block/{height}": {"txs": [dict], "pagination": PAGE} | {name: BLOCK[name] for name in ("block_id", "block")},
    TXS + "/{hash}": {"tx": TX, "tx_response": RESPONSE},
    f"{MINT}/inflation": {"inflation": DECIMAL},
    f"{MINT}/params": {"params": {
        "mint_denom": "nqrn", "inflation_rate_change": DECIMAL, "inflation_max": DECIMAL, "inflation_min": DECIMAL,
        "goal_bonded": DECIMAL, "blocks_per_year": AMOUNT,
    }},
    f"{MINT}/annual_provisions": {"annual_provisions": DECIMAL},
    f"{WASM}/code": {"code_infos": [CODE], "pagination": PAGE},
    WASM + "/code/{code}": {"code_info": CODE, "data": BASE64},
    WASM + "/code/{code}/contracts": {"contracts": [ADDRESS], "pagination": PAGE},
    f"{WASM}/codes/params": {"params": {
        "code_upload_access": PERMISSION, "instantiate_default_permission": r"(Everybody|Nobody|AnyOfAddresses)",
    }},
    WASM + "/contract/{contract}": CONTRACT,
    WASM + "/contract/{contract}/history": {"entries": [HISTORY], "pagination": PAGE},
    WASM + "/contract/{contract}/raw/{raw}": {"data": BASE64},
    WASM + "/contract/{contract}/smart/{smart}": {"data": {"name": "Of explorers", "total_supply": "1000"}},
    WASM + "/contract/{contract}/state": {"models": [{"key": "([0-9A-F]{2})+", "value": BASE64}], "pagination": PAGE},
    WASM + "/contracts/creator/{me}": {"contract_addresses": [ADDRESS], "pagination": PAGE},
}
# Modules that the chain does not have: the answer by which explorers leave a page out.
ABSENT = [
    "/ibc/apps/interchain_accounts/controller/v1/params", "/ibc/apps/interchain_accounts/host/v1/params",
    "/ibc/apps/transfer/v1/channels/channel-0/ports/transfer/escrow_address", "/ibc/apps/transfer/v1/denom_traces",
    "/ibc/apps/transfer/v1/denom_traces/00", "/ibc/core/channel/v1/channels",
    "/ibc/core/channel/v1/channels/channel-0/ports/transfer/next_sequence",
    "/ibc/core/channel/v1/channels/channel-0/ports/transfer/packet_acknowledgements",
    "/ibc/core/channel/v1/connections/connection-0/channels", "/ibc/core/connection/v1/connections",
    "/ibc/core/connection/v1/connections/connection-0", "/ibc/core/connection/v1/connections/connection-0/client_state",
    "/interchain_security/ccv/provider/validator_consumer_addr?provider_address=a&chain_id=b",
    "/interchain_security/ccv/provider/opted_in_validators/b",
]


def b64(text):
    return base64.urlsafe_b64encode(text.encode()).decode()


class PingPub(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """A delegator with coins on their way, a contract, and a proposal that it votes on."""
        warnings.simplefilter("ignore")
        client, me, operator = ledger("grpc"), wallet("explorer"), wallet("host")
        host, second = valoper("host"), valoper("second")

        def send(message, signer=me):
            transaction = Transaction()
            transaction.add_message(message)
            return prepare_and_broadcast_basic_transaction(client, transaction, signer).wait_to_complete()

        same = dict.fromkeys(("moniker", "identity", "website", "security_contact", "details"), "[do-not-modify]")
        edit = MsgEditValidator(
            description=Description(**same), validator_address=host, commission_rate="100000000000000000"
        )
        send(edit, operator)
        client.delegate_tokens(host, 8 * QRN, me).wait_to_complete()
        token = LedgerContract(f"{NET['artifacts']}/cw20_base.wasm", client)
        own = {"address": str(me.address()), "amount": "1000"}
        begin = {"name": "Of explorers", "symbol": "EXP", "decimals": 6, "initial_balances": [own]}
        token.deploy(begin, me, admin_address=me.address())
        burnt = token.execute({"transfer": {"recipient": str(operator.address()), "amount": "1"}}, me).wait_to_complete()
        client.redelegate_tokens(host, second, QRN, me).wait_to_complete()
        client.undelegate_tokens(host, QRN, me).wait_to_complete()
        deposit = [Coin(denom="nqrn", amount="1000000")]
        words = {"title": "Words", "summary": "No more", "metadata": "of an explorer"}
        send(MsgSubmitProposal(initial_deposit=deposit, proposer=str(me.address()), **words))
        mine = f"{GOV}/proposals?depositor={me.address()}"
        proposal = get(mine).json()["proposals"][0]["id"]
        send(MsgVote(proposal_id=int(proposal), voter=str(me.address()), option=VOTE_OPTION_YES))
        reward = f"{DISTRIBUTION}/delegators/{me.address()}/rewards"
        wait("rewards", lambda: get(reward).json()["total"])
        cls.words = {
            "me": str(me.address()), "host": host, "proposal": proposal, "height": str(burnt.response.height),
            "hash": burnt.tx_hash, "contract": str(token.address), "code": str(token.code_id),
            "raw": b64("token_info"), "smart": b64('{"token_info":{}}'),
        }

    def test_every_route_answers_in_the_form_that_it_reads(self):
        for route, shape in ROUTES.items():
            with self.subTest(route):
                answer = get(route.format(**self.words))
                self.assertEqual(answer.status_code, 200, answer.text)
                self.assertIsNone(differs(answer.json(), shape))

    def test_every_other_route_is_refused_as_explorers_expect(self):
        for route in ABSENT:
            with self.subTest(route):
                answer = get(route)
                self.assertEqual((answer.status_code, answer.json()["code"]), (501, 12), answer.text)
        old = get("/cosmos/params/v1beta1/params?subspace=staking&key=BondDenom")
        self.assertEqual((old.status_code, old.json()["message"]), (404, "staking: unknown subspace"))

    def test_a_shape_that_is_not_there_is_noticed(self):
        for value, shape in [
            ({}, {"a": str}), ({"a": 1}, {"a": AMOUNT}), ({"a": []}, {"a": [COIN]}), ([{"denom": "nqrn"}], [COIN]),
            ("1.5", DECIMAL), (None, dict), (None, PAGE["total"]),
        ]:
            self.assertIsNotNone(differs(value, shape))

    def test_validators_add_up(self):
        """Whom the page of validators shows is in the set, and nobody else."""
        listed = get(f"{STAKING}/validators?pagination.limit=200&status=BOND_STATUS_BONDED").json()["validators"]
        keys = {each["pub_key"]["key"] for each in get(f"{TENDERMINT}/validatorsets/latest").json()["validators"]}
        self.assertEqual({each["consensus_pubkey"]["key"] for each in listed}, keys)
        self.assertEqual({each["operator_address"] for each in listed}, {valoper("host"), valoper("second")})


if __name__ == "__main__":
    unittest.main()
