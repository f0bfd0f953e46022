"""The network that run.sh started, as its description says."""

import json
import os
import time
from pathlib import Path

import requests
from cosmpy.aerial.client import LedgerClient, NetworkConfig
from cosmpy.aerial.wallet import LocalWallet
from cosmpy.crypto.address import Address

ROOT = Path(__file__).resolve().parents[3]
NET = json.loads(Path(os.environ["QUERN_E2E_NET"]).read_text())
QRN = 10**9


def account(name):
    return next(each for each in NET["accounts"] if each["name"] == name)


def address(name):
    return account(name)["address"]


def valoper(name):
    """The operator's address of an account."""
    return str(Address(Address(address(name)), prefix="quernvaloper"))


def ledger(scheme):
    """A client of cosmpy over gRPC or over REST."""
    url = {"grpc": f"grpc+http://{NET['grpc']}", "rest": f"rest+{NET['rest']}"}[scheme]
    return LedgerClient(
        NetworkConfig(
            chain_id=NET["chain_id"], url=url, fee_minimum_gas_price=0.01, fee_denomination="nqrn",
            staking_denomination="nqrn",
        ),
        query_interval_secs=0.3,
    )


def wallet(name):
    return LocalWallet.from_mnemonic(account(name)["mnemonic"], prefix="quern")


def get(path, **options):
    return requests.get(NET["rest"] + path, timeout=20, **options)


def post(path, body):
    return requests.post(NET["rest"] + path, json=body, timeout=20)


def wait(what, question, seconds=120):
    """Asks until the answer is true, and gives it back."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = question()
        if answer:
            return answer
        time.sleep(0.3)
    raise AssertionError(f"no {what} in {seconds} s")
