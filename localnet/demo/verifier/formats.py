"""Hashes and formats of docs/spec/{voucher,receipt,batch,beacon}.md."""

import base64
import hashlib

UNIT = 10**18


def unb64(text):
    return base64.b64decode(text, validate=True)


def hash_fields(*fields):
    """SHA-256 over fields, each behind its length in four bytes."""
    out = hashlib.sha256()
    for field in fields:
        out.update(len(field).to_bytes(4, "big") + field)
    return out.digest()


def u32(number):
    return number.to_bytes(4, "big")


def u64(number):
    return number.to_bytes(8, "big")


def u128(number):
    return number.to_bytes(16, "big")


def i64(number):
    return number.to_bytes(8, "big", signed=True)


def atomics(price):
    """A price in units of 10^-18."""
    whole, _, rest = price.partition(".")
    return int(whole) * UNIT + int((rest + "0" * 18)[:18])


def cost(price, coefficients, usage):
    """What tokens cost, rounded up once."""
    weighted = (
        coefficients["input"] * (usage["prompt"] - usage["cached"])
        + coefficients["cached"] * usage["cached"]
        + coefficients["output"] * usage["completion"]
    )
    return -(-weighted * atomics(price) // (UNIT * 10**6))


class Formats:
    """Digests under one chain id."""

    def __init__(self, chain_id):
        self.chain_id = chain_id.encode()

    def tagged(self, tag, *fields):
        return hash_fields(tag.encode(), self.chain_id, *fields)

    def voucher(self, v):
        return self.tagged(
            "quern.voucher/1", u64(v["session"]), v["host"].encode(), u64(v["nonce"]), u64(v["height"]),
            u128(int(v["ceiling"])), u128(int(v["cap"])), unb64(v["salt_commitment"]),
        )

    def receipt(self, r):
        seed = b"" if r["client_seed"] is None else i64(r["client_seed"])
        usage = r["usage"]
        return self.tagged(
            "quern.receipt/1", self.voucher(r["voucher"]), unb64(r["voucher_signature"]), unb64(r["request_hash"]),
            unb64(r["output_hash"]), unb64(r["model_hash"]), seed, unb64(r["seed_commitment"]), u64(r["temperature"]),
            u64(usage["prompt"]), u64(usage["cached"]), u64(usage["completion"]), r["finish"].encode(),
            u128(atomics(r["price"])), u64(r["first_token_ms"]), u64(r["duration_ms"]), u128(int(r["capture"])),
        )

    def salt_commitment(self, session, nonce, salt):
        return self.tagged("quern.salt/1", u64(session), u64(nonce), salt)

    def content(self, path, body):
        return self.tagged("quern.content/1", path.encode(), body)

    def request(self, salt, content):
        return self.tagged("quern.request/1", salt, content)

    def output(self, salt, tokens):
        return self.tagged("quern.output/1", salt, b"".join(u32(token) for token in tokens))

    def seed_commitment(self, seed):
        return self.tagged("quern.seed/1", seed)

    def voucher_seed(self, session, nonce, request, salt, beacon):
        return hash_fields(
            b"quern.sampler.seed", u32(1), self.chain_id, u64(session), u64(nonce), request, salt, beacon
        )

    def client_seed(self, session, content, seed):
        return hash_fields(b"quern.sampler.client-seed", u32(1), self.chain_id, u64(session), content, i64(seed))

    def session_leaf(self, host, leaf):
        return self.tagged(
            "quern.session-leaf/1", host.encode(), u64(leaf["session"]), u128(int(leaf["cumulative"])),
            u64(leaf["receipts"]), u64(leaf["previous"]), u64(leaf["first_nonce"]), u64(leaf["last_nonce"]),
            unb64(leaf["subroot"]["hash"]), u128(int(leaf["subroot"]["sum"])), u64(leaf["count"]),
        )

    def first_beacon(self):
        return hash_fields(b"quern.beacon.genesis/1", self.chain_id)


def next_beacon(before, preimage):
    return hash_fields(b"quern.beacon/1", before, preimage)


def model_hash(folder):
    """Over name and SHA-256 of each file that shapes an answer, by rising name."""
    beside = {
        "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors.index.json",
        "tokenizer.json", "tokenizer_config.json",
    }
    files = sorted((f for f in folder.iterdir() if f.name in beside or f.suffix == ".safetensors"), key=lambda f: f.name)
    fields = [part for f in files for part in (f.name.encode(), hashlib.sha256(f.read_bytes()).digest())]
    return hash_fields(b"quern.model/1", *fields)
