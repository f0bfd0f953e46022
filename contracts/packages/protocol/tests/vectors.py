#!/usr/bin/env python3
"""Writes vectors.json: every format and draw of the protocol, computed here from docs/spec alone, without the
Rust code. `--check` compares with the committed file instead. Standard library only."""

import base64
import hashlib
import hmac
import json
import pathlib
import sys

CHAIN = "quern-vectors-1"
HOSTS = ["quern1hosta", "quern1hostb", "quern1hostc"]


# --- hashing -----------------------------------------------------------------------------------------------
def h(*fields: bytes) -> bytes:
    return hashlib.sha256(b"".join(len(f).to_bytes(4, "big") + f for f in fields)).digest()


def u64(n: int) -> bytes:
    return n.to_bytes(8, "big")


def u128(n: int) -> bytes:
    return n.to_bytes(16, "big")


def tagged(tag: str, *fields: bytes) -> bytes:
    return h(tag.encode(), CHAIN.encode(), *fields)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def fill(text: str, size: int = 32) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:size]


# --- secp256k1, RFC 6979 -----------------------------------------------------------------------------------
P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    if a == b:
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k, point):
    total = None
    while k:
        if k & 1:
            total = add(total, point)
        point = add(point, point)
        k >>= 1
    return total


def public(secret: int) -> bytes:
    x, y = times(secret, G)
    return bytes([2 + (y & 1)]) + x.to_bytes(32, "big")


def sign(secret: int, digest: bytes) -> bytes:
    key = secret.to_bytes(32, "big")
    z = (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
    k, v = bytes(32), b"\x01" * 32
    for mark in (b"\x00", b"\x01"):
        k = hmac.new(k, v + mark + key + z, hashlib.sha256).digest()
        v = hmac.new(k, v, hashlib.sha256).digest()
    while True:
        v = hmac.new(k, v, hashlib.sha256).digest()
        nonce = int.from_bytes(v, "big")
        if 0 < nonce < N:
            r = times(nonce, G)[0] % N
            s = pow(nonce, -1, N) * (int.from_bytes(digest, "big") + r * secret) % N
            if r and s:
                return r.to_bytes(32, "big") + min(s, N - s).to_bytes(32, "big")
        k = hmac.new(k, v + b"\x00", hashlib.sha256).digest()
        v = hmac.new(k, v, hashlib.sha256).digest()


SESSION_KEY = int.from_bytes(fill("session key"), "big")
WARM_KEY = int.from_bytes(fill("warm key"), "big")


# --- statements --------------------------------------------------------------------------------------------
def voucher_digest(v) -> bytes:
    return tagged(
        "quern.voucher/1", u64(v["session"]), v["host"].encode(), u64(v["nonce"]), u64(v["height"]),
        u128(int(v["ceiling"])), u128(int(v["cap"])), base64.b64decode(v["salt_commitment"]),
    )


def salt_commitment(session: int, nonce: int, salt: bytes) -> bytes:
    return tagged("quern.salt/1", u64(session), u64(nonce), salt)


def voucher(session, host, nonce, height, ceiling, cap, salt):
    return {
        "session": session, "host": host, "nonce": nonce, "height": height, "ceiling": str(ceiling),
        "cap": str(cap), "salt_commitment": b64(salt_commitment(session, nonce, salt)),
    }


def signed(key: int, digest: bytes):
    return {"digest": digest.hex(), "key": public(key).hex(), "signature": sign(key, digest).hex()}


def release_digest(r) -> bytes:
    return tagged(
        "quern.release/1", u64(r["session"]), r["from"].encode(), r["to"].encode(), u128(int(r["cumulative"]))
    )


def consent_digest(c) -> bytes:
    return tagged(
        "quern.router-consent/2", c["router"].encode(), c["payer"].encode(), c["model"].encode(),
        base64.b64decode(c["session_key"]), u128(int(c["escrow"])), u64(c["router_fee_bps"]), u64(c["blocks"]),
        u64(c["nonce"]), u64(c["expires"]),
    )


def time_out_digest(t) -> bytes:
    return tagged("quern.time-out/1", u64(t["session"]), u64(t["nonce"]), t["host"].encode(), u64(t["height"]))


def refusal_digest(r) -> bytes:
    return tagged(
        "quern.refusal/1", u64(r["session"]), u64(r["nonce"]), r["host"].encode(), u64(r["height"]),
        r["reason"].encode(),
    )


# --- receipts ----------------------------------------------------------------------------------------------
def voucher_seed(session, nonce, request, salt, beacon) -> bytes:
    return h(
        b"quern.sampler.seed", (1).to_bytes(4, "big"), CHAIN.encode(), u64(session), u64(nonce), request, salt,
        beacon,
    )


def client_seed(session, content, seed) -> bytes:
    return h(
        b"quern.sampler.client-seed", (1).to_bytes(4, "big"), CHAIN.encode(), u64(session), content,
        seed.to_bytes(8, "big", signed=True),
    )


UNIT = 10**18


def atomics(price: str) -> int:
    whole, _, rest = price.partition(".")
    return int(whole) * UNIT + int((rest + "0" * 18)[:18])


def cost(price: str, coefficients, usage) -> int:
    weighted = (
        coefficients["input"] * (usage["prompt"] - usage["cached"])
        + coefficients["cached"] * usage["cached"]
        + coefficients["output"] * usage["completion"]
    )
    return -(-weighted * atomics(price) // (UNIT * 10**6))


def receipt_digest(r) -> bytes:
    seed = b"" if r["client_seed"] is None else r["client_seed"].to_bytes(8, "big", signed=True)
    raw = base64.b64decode
    usage = r["usage"]
    return tagged(
        "quern.receipt/1", voucher_digest(r["voucher"]), raw(r["voucher_signature"]), raw(r["request_hash"]),
        raw(r["output_hash"]), raw(r["model_hash"]), seed, raw(r["seed_commitment"]), u64(r["temperature"]),
        u64(usage["prompt"]), u64(usage["cached"]), u64(usage["completion"]), r["finish"].encode(), u128(atomics(r["price"])),
        u64(r["first_token_ms"]), u64(r["duration_ms"]), u128(int(r["capture"])),
    )


COEFFICIENTS = {"input": 300000, "cached": 30000, "output": 1000000}


def receipt(nonce, tokens, cap, client=None):
    salt = fill(f"salt {nonce}", 16)
    body = json.dumps({"model": "quern-small", "nonce": nonce}).encode()
    content = tagged("quern.content/1", b"/v1/chat/completions", body)
    request = tagged("quern.request/1", salt, content)
    output_tokens = [7 * i + nonce for i in range(tokens)]
    output = tagged("quern.output/1", salt, b"".join(t.to_bytes(4, "big") for t in output_tokens))
    beacon = fill("beacon 120")
    authority = voucher(42, HOSTS[0], nonce, 120, 5000, cap, salt)
    if client is None:
        seed = voucher_seed(42, nonce, request, salt, beacon)
    else:
        seed = client_seed(42, content, client)
    usage = {"prompt": 12, "cached": 4, "completion": tokens}
    made = {
        "voucher": authority,
        "voucher_signature": b64(sign(SESSION_KEY, voucher_digest(authority))),
        "request_hash": b64(request),
        "output_hash": b64(output),
        "model_hash": b64(fill("model")),
        "client_seed": client,
        "seed_commitment": b64(tagged("quern.seed/1", seed)),
        "temperature": 700_000 if client is None else 0,
        "usage": usage,
        "finish": "stop" if client is None else "length",
        "price": "2.5",
        "first_token_ms": 35,
        "duration_ms": 410,
        "capture": str(cost("2.5", COEFFICIENTS, usage)),
    }
    secrets = {
        "salt": salt.hex(), "path": "/v1/chat/completions", "body": body.decode(), "content_hash": content.hex(),
        "beacon": beacon.hex(), "seed": seed.hex(), "output_tokens": output_tokens,
    }
    return made, secrets


# --- trees -------------------------------------------------------------------------------------------------
def leaf_node(digest: bytes, amount: int):
    return hashlib.sha256(b"\x00" + digest + u128(amount)).digest(), amount


def inner(left, right):
    data = b"\x01" + left[0] + u128(left[1]) + right[0] + u128(right[1])
    return hashlib.sha256(data).digest(), left[1] + right[1]


def split_at(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def root(nodes):
    if len(nodes) == 1:
        return nodes[0]
    k = split_at(len(nodes))
    return inner(root(nodes[:k]), root(nodes[k:]))


def path(index: int, nodes):
    if len(nodes) == 1:
        return []
    k = split_at(len(nodes))
    if index < k:
        return path(index, nodes[:k]) + [root(nodes[k:])]
    return path(index - k, nodes[k:]) + [root(nodes[:k])]


def node_json(node):
    return {"hash": b64(node[0]), "sum": str(node[1])}


def proof_json(index: int, nodes):
    return {"index": index, "count": len(nodes), "siblings": [node_json(n) for n in path(index, nodes)]}


def session_leaf_digest(host: str, leaf) -> bytes:
    return tagged(
        "quern.session-leaf/1", host.encode(), u64(leaf["session"]), u128(int(leaf["cumulative"])),
        u64(leaf["receipts"]), u64(leaf["previous"]), u64(leaf["first_nonce"]), u64(leaf["last_nonce"]),
        base64.b64decode(leaf["subroot"]["hash"]), u128(int(leaf["subroot"]["sum"])), u64(leaf["count"]),
    )


# --- draws -------------------------------------------------------------------------------------------------
def below(seed: bytes, index: int, total: int) -> int:
    return int.from_bytes(h(b"quern.draw/1", seed, u64(index))[:16], "big") % total


def rank(session, nonce, beacon, weights):
    seed = tagged("quern.rank/1", u64(session), u64(nonce), beacon)
    left, order = list(range(len(weights))), []
    while left:
        total = sum(weights[i] for i in left)
        if total == 0:
            return order + left
        target = below(seed, len(order), total)
        for i in left:
            if target < weights[i]:
                order.append(i)
                left.remove(i)
                break
            target -= weights[i]
    return order


# --- a session's money -------------------------------------------------------------------------------------
def split(escrow, fee_bps, weights):
    total = escrow * 10**4 // (10**4 + fee_bps)
    limits = [total * w // sum(weights) for w in weights]
    left = total - sum(limits)
    for i, weight in enumerate(weights):
        if weight and left:
            limits[i] += 1
            left -= 1
    return limits, escrow - sum(limits)


def session_example():
    escrow, fee_bps, burn_bps, weights = 1_000_003, 1000, 500, [300, 200, 100]
    limits, share = split(escrow, fee_bps, weights)
    events, claims, moved = [], [0, 0, 0], {}

    def state():
        return {"limits": [str(n) for n in limits], "claims": [str(n) for n in claims]}

    def claim(seat, cap, cumulative):
        claims[seat] = max(claims[seat], min(cap, cumulative, limits[seat]))
        events.append({"claim": {"seat": seat, "cap": str(cap), "cumulative": str(cumulative)}, "then": state()})

    def release(source, to, cumulative):
        amount = min(cumulative - moved.get((source, to), 0), limits[source] - claims[source])
        moved[source, to] = moved.get((source, to), 0) + amount
        limits[source] -= amount
        limits[to] += amount
        event = {"from": source, "to": to, "cumulative": str(cumulative)}
        events.append({"release": event, "then": state()})

    def rebalance(source, to, asked):
        amount = min(asked, limits[source] - claims[source])
        limits[source] -= amount
        limits[to] += amount
        events.append({"rebalance": {"from": source, "to": to, "amount": str(asked)}, "then": state()})

    claim(0, 120_000, 100_001)
    release(1, 0, 50_000)
    release(1, 0, 80_000)
    claim(0, 900_000, 900_000)
    claim(2, 70_000, 60_000)
    rebalance(2, 1, 400_000)
    claim(1, 50_000, 40_000)
    void = [False, True, False]
    captured = sum(c for c, v in zip(claims, void) if not v)
    burns = [-(-c * burn_bps // 10**4) if not v else 0 for c, v in zip(claims, void)]
    hosts = [0 if v else c - b for c, b, v in zip(claims, burns, void)]
    fee = captured * fee_bps // 10**4
    fee_burn = -(-fee * burn_bps // 10**4)
    return {
        "escrow": str(escrow), "fee_bps": fee_bps, "burn_bps": burn_bps, "weights": weights,
        "router_share": str(share), "limits": [str(n) for n in split(escrow, fee_bps, weights)[0]],
        "events": events, "void": void,
        "division": {
            "hosts": [str(n) for n in hosts], "router": str(fee - fee_burn), "burned": str(sum(burns) + fee_burn),
            "refund": str(escrow - captured - fee), "voided": str(sum(c for c, v in zip(claims, void) if v)),
        },
    }


def vectors():
    made = [receipt(1, 40, 5000), receipt(2, 25, 9000), receipt(3, 31, 9500, client=-7)]
    receipts, secrets = [m[0] for m in made], [m[1] for m in made]
    nodes = [leaf_node(receipt_digest(r), int(r["capture"])) for r in receipts]
    sub = root(nodes)
    leaves = [
        {
            "session": 42, "cumulative": str(sub[1] + 1000), "receipts": 7, "previous": 3, "first_nonce": 1,
            "last_nonce": 3, "subroot": node_json(sub), "count": 3,
        },
        {
            "session": 50, "cumulative": "77", "receipts": 1, "previous": 0, "first_nonce": 5, "last_nonce": 5,
            "subroot": node_json(leaf_node(fill("another receipt"), 77)), "count": 1,
        },
    ]
    leaf_nodes = [leaf_node(session_leaf_digest(HOSTS[0], l), int(l["subroot"]["sum"])) for l in leaves]
    release = {"session": 42, "from": HOSTS[0], "to": HOSTS[1], "cumulative": "12345"}
    refusal = {"session": 42, "nonce": 9, "host": HOSTS[0], "height": 121, "reason": "busy"}
    time_out = {"session": 42, "nonce": 9, "host": HOSTS[0], "height": 121}
    many = [leaf_node(fill(f"leaf {i}"), i * i + 1) for i in range(70)]
    beacon = fill("beacon 100")
    seed = tagged("quern.committee/1", u64(42), beacon)
    weights = [300, 0, 200, 100]
    consent = {
        "router": "quern1router", "payer": "quern1payer", "model": "quern-small",
        "session_key": b64(public(SESSION_KEY)), "escrow": "5000000", "router_fee_bps": 250, "blocks": 2000,
        "nonce": 1763800000000, "expires": 170,
    }
    return {
        "chain_id": CHAIN,
        "voucher": {"voucher": receipts[0]["voucher"], **signed(SESSION_KEY, voucher_digest(receipts[0]["voucher"]))},
        "release": {"release": release, **signed(WARM_KEY, release_digest(release))},
        "refusal": {"refusal": refusal, **signed(WARM_KEY, refusal_digest(refusal))},
        "time_out": {"time_out": time_out, **signed(WARM_KEY, time_out_digest(time_out))},
        "consent": {"consent": consent, "digest": consent_digest(consent).hex()},
        "receipt": {"receipt": receipts[0], **signed(WARM_KEY, receipt_digest(receipts[0])), "opening": secrets[0]},
        "client_seed_receipt": {
            "receipt": receipts[2], **signed(WARM_KEY, receipt_digest(receipts[2])), "opening": secrets[2],
        },
        "batch": {
            "host": HOSTS[0],
            "receipts": receipts,
            "receipt_proof": {"of": 1, "proof": proof_json(1, nodes)},
            "leaves": leaves,
            "leaf_digests": [session_leaf_digest(HOSTS[0], l).hex() for l in leaves],
            "leaf_proof": {"of": 0, "proof": proof_json(0, leaf_nodes)},
            "root": node_json(root(leaf_nodes)),
        },
        "trees": [
            {"count": n, "root": node_json(root(many[:n])), "proof_of_last": proof_json(n - 1, many[:n])}
            for n in range(1, 71)
        ],
        "draw": {
            "beacon": beacon.hex(), "session": 42, "committee_seed": seed.hex(),
            "below_1000": [below(seed, i, 1000) for i in range(16)],
            "below_max": [str(below(seed, i, 2**64 - 1)) for i in range(4)],
        },
        "rank": {
            "beacon": beacon.hex(), "session": 42, "weights": weights,
            "order": {str(nonce): rank(42, nonce, beacon, weights) for nonce in range(1, 25)},
        },
        "costs": [
            {"price": price, "usage": usage, "cost": str(cost(price, COEFFICIENTS, usage))}
            for price in ["1", "2.5", "0.000000000000000001", "1000000000"]
            for usage in [
                {"prompt": 0, "cached": 0, "completion": 0},
                {"prompt": 1, "cached": 1, "completion": 0},
                {"prompt": 12, "cached": 4, "completion": 40},
                {"prompt": 4294967295, "cached": 0, "completion": 4294967295},
            ]
        ],
        "session": session_example(),
    }


def main() -> int:
    target = pathlib.Path(__file__).with_name("vectors.json")
    text = json.dumps(vectors(), indent=1) + "\n"
    if sys.argv[1:] == ["--check"]:
        if target.read_text() != text:
            print("vectors.json is not what vectors.py computes: run vectors.py", file=sys.stderr)
            return 1
        return 0
    target.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
