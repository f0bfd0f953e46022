"""Staking, rewards and contracts through cosmpy, unmodified, over gRPC and over REST."""

import unittest
import warnings

from cosmpy.aerial.client import prepare_and_broadcast_basic_transaction
from cosmpy.aerial.client.staking import ValidatorStatus
from cosmpy.aerial.contract import LedgerContract
from cosmpy.aerial.tx import Transaction, TxFee
from cosmpy.aerial.wallet import LocalWallet
from cosmpy.crypto.address import Address
from cosmpy.protos.cosmos.base.v1beta1.coin_pb2 import Coin
from cosmpy.protos.cosmos.distribution.v1beta1.query_pb2 import (
    QueryDelegatorWithdrawAddressRequest, QueryValidatorCommissionRequest,
)
from cosmpy.protos.cosmos.distribution.v1beta1.tx_pb2 import MsgSetWithdrawAddress, MsgWithdrawValidatorCommission
from cosmpy.protos.cosmos.slashing.v1beta1.tx_pb2 import MsgUnjail
from cosmpy.protos.cosmos.staking.v1beta1.query_pb2 import QueryUnbondingDelegationRequest, QueryValidatorRequest
from cosmpy.protos.cosmos.staking.v1beta1.staking_pb2 import Description
from cosmpy.protos.cosmos.staking.v1beta1.tx_pb2 import MsgCancelUnbondingDelegation, MsgEditValidator

from network import NET, QRN, ledger, valoper, wait, wallet

KEEP = "[do-not-modify]"


class Both:
    """The same tests for both transports."""

    scheme = delegator = operator = other = None

    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("ignore")
        cls.ledger = ledger(cls.scheme)
        cls.wallet = wallet(cls.delegator)
        cls.host = wallet(cls.operator)
        cls.validator, cls.second = Address(valoper(cls.operator)), Address(valoper(cls.other))

    def send(self, message, sender=None, fee=None):
        """A message for which cosmpy has no method of its own."""
        transaction = Transaction()
        transaction.add_message(message)
        return prepare_and_broadcast_basic_transaction(
            self.ledger, transaction, sender or self.wallet, fee=fee
        ).wait_to_complete()

    def fee(self, sent):
        """What a transaction cost, as its event says."""
        return int(sent.response.events["tx"]["fee"].removesuffix("nqrn"))

    def balance(self, who):
        return self.ledger.query_bank_balance(who, "nqrn")

    def delegated(self, validator):
        positions = self.ledger.query_staking_summary(self.wallet.address()).current_positions
        return {str(each.validator): each.amount for each in positions}.get(str(validator), 0)

    def describe(self, rate, **said):
        edit = MsgEditValidator(
            description=Description(**said), validator_address=str(self.validator), commission_rate=rate
        )
        # to simulate over REST, cosmpy writes decimals into its JSON as they are on the wire, so the fee is given there
        self.send(edit, self.host, None if self.scheme == "grpc" else TxFee("20000nqrn", 2_000_000))
        found = self.ledger.staking.Validator(QueryValidatorRequest(validator_addr=str(self.validator))).validator
        return {name: getattr(found.description, name) for name in said}

    def test_1_the_hosts_are_listed_and_described(self):
        listed = self.ledger.query_validators()
        self.assertEqual({str(each.address) for each in listed}, {str(self.validator), str(self.second)})
        self.assertTrue(all(each.status == ValidatorStatus.BONDED and each.tokens >= 100 * QRN for each in listed))
        said = {
            "moniker": "Of " + self.scheme, "identity": "AB12", "website": "https://py.example:8443",
            "security_contact": "sec@py.example", "details": "Said by cosmpy",
        }
        self.assertEqual(self.describe("100000000000000000", **said), said)
        kept = dict.fromkeys(said, KEEP) | {"details": "Said again"}
        self.assertEqual(self.describe("", **kept), said | {"details": "Said again"})
        with self.assertRaisesRegex(Exception, "validator not jailed; cannot be unjailed"):
            self.send(MsgUnjail(validator_addr=str(self.validator)), self.host)

    def test_2_coins_are_delegated_moved_taken_back_and_called_back(self):
        delegate = self.ledger.delegate_tokens(self.validator, 8 * QRN, self.wallet).wait_to_complete()
        self.assertEqual(delegate.response.code, 0)
        self.assertEqual(self.delegated(self.validator), 8 * QRN)
        there = self.delegated(self.second)
        self.ledger.redelegate_tokens(self.validator, self.second, 2 * QRN, self.wallet).wait_to_complete()
        self.ledger.undelegate_tokens(self.validator, 3 * QRN, self.wallet).wait_to_complete()
        unbonding = self.ledger.query_staking_summary(self.wallet.address()).unbonding_positions
        self.assertEqual([(str(each.validator), each.amount) for each in unbonding], [(str(self.validator), 3 * QRN)])
        request = QueryUnbondingDelegationRequest(
            delegator_addr=str(self.wallet.address()), validator_addr=str(self.validator)
        )
        entry = self.ledger.staking.UnbondingDelegation(request).unbond.entries[-1]
        self.send(
            MsgCancelUnbondingDelegation(
                delegator_address=str(self.wallet.address()), validator_address=str(self.validator),
                amount=Coin(denom="nqrn", amount=str(QRN)), creation_height=entry.creation_height,
            )
        )
        summary = self.ledger.query_staking_summary(self.wallet.address())
        self.assertEqual(summary.total_unbonding, 2 * QRN)
        self.assertEqual(self.delegated(self.validator), 4 * QRN)
        wait("end of the redelegation", lambda: self.delegated(self.second) == there + 2 * QRN)

    def test_3_rewards_are_paid_to_the_last_unit_wherever_they_are_wanted(self):
        me = self.wallet.address()

        def owed():
            positions = self.ledger.query_staking_summary(me).current_positions
            return next(each.reward for each in positions if str(each.validator) == str(self.validator))

        # over gRPC cosmpy leaves a decimal's 18 places on
        earned = wait("rewards", owed) // (10**18 if self.scheme == "grpc" else 1)
        before = self.balance(me)
        claimed = self.ledger.claim_rewards(self.validator, self.wallet).wait_to_complete()
        paid = int(claimed.response.events["withdraw_rewards"]["amount"].removesuffix("nqrn"))
        self.assertGreaterEqual(paid, earned)
        self.assertEqual(self.balance(me), before + paid - self.fee(claimed))

        elsewhere = LocalWallet.from_unsafe_seed(f"elsewhere {self.scheme}", prefix="quern").address()
        self.send(MsgSetWithdrawAddress(delegator_address=str(me), withdraw_address=str(elsewhere)))
        request = QueryDelegatorWithdrawAddressRequest(delegator_address=str(me))
        found = self.ledger.distribution.DelegatorWithdrawAddress(request)
        self.assertEqual(found.withdraw_address, str(elsewhere))
        wait("more rewards", owed)
        before = self.balance(me)
        claimed = self.ledger.claim_rewards(self.validator, self.wallet).wait_to_complete()
        paid = int(claimed.response.events["withdraw_rewards"]["amount"].removesuffix("nqrn"))
        self.assertGreater(paid, 0)
        self.assertEqual((self.balance(elsewhere), self.balance(me)), (paid, before - self.fee(claimed)))

    def test_4_the_operator_is_paid_its_commission(self):
        request = QueryValidatorCommissionRequest(validator_address=str(self.validator))
        listed = self.ledger.distribution.ValidatorCommission(request).commission.commission
        self.assertEqual([each.denom for each in listed], ["nqrn"])
        before = self.balance(self.host.address())
        taken = self.send(MsgWithdrawValidatorCommission(validator_address=str(self.validator)), self.host)
        paid = int(taken.response.events["withdraw_commission"]["amount"].removesuffix("nqrn"))
        self.assertGreater(paid, 0)
        self.assertEqual(self.balance(self.host.address()), before + paid - self.fee(taken))

    def test_5_a_contract_is_uploaded_instantiated_executed_asked_and_migrated(self):
        path = f"{NET['artifacts']}/cw20_base.wasm"
        contract = LedgerContract(path, self.ledger)
        me, friend = str(self.wallet.address()), str(self.host.address())
        code = contract.store(self.wallet)
        begin = {
            "name": "Of cosmpy", "symbol": "PYT", "decimals": 6, "initial_balances": [{"address": me, "amount": "1000"}],
        }
        contract.instantiate(begin, self.wallet, admin_address=self.wallet.address())
        self.assertRegex(str(contract.address), "^quern1[0-9a-z]{58}$")
        contract.execute({"transfer": {"recipient": friend, "amount": "40"}}, self.wallet).wait_to_complete()
        self.assertEqual(contract.query({"balance": {"address": friend}}), {"balance": "40"})
        with self.assertRaisesRegex(Exception, "Overflow|Cannot Sub|overflow"):
            contract.execute({"transfer": {"recipient": friend, "amount": "5000"}}, self.wallet).wait_to_complete()
        contract.migrate({}, self.wallet, code)
        contract.update_admin(self.wallet, None)
        with self.assertRaisesRegex(Exception, "unauthorized"):
            contract.migrate({}, self.wallet, code)
        # what is there already is found by its address, and by its hash where that is not hexadecimal, as in wasmd's JSON
        if self.scheme == "grpc":
            self.assertIsNotNone(LedgerContract(path, self.ledger).code_id)
        again = LedgerContract(None, self.ledger, contract.address)
        self.assertEqual(again.query({"token_info": {}})["total_supply"], "1000")


class OverGrpc(Both, unittest.TestCase):
    scheme, delegator, operator, other = "grpc", "py_grpc", "host", "second"


class OverRest(Both, unittest.TestCase):
    scheme, delegator, operator, other = "rest", "py_rest", "second", "host"
