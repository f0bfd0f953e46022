"""A host's receipts from the formats' description alone, to hold the programs' own code against.

Usage: receipt.py keys | consent CHAIN ROUTER PAYER MODEL ESCROW FEE_BPS BLOCKS EXPIRES | make CHAIN SESSION.json HEIGHT HOST PRICE FOLDER

`consent` prints a router's word to answer for an escrow. `make` writes what a host would send and keep for two requests of the session: commit.json (the message for
settlement), claim.json and receipt.json.
"""

import base64
import hashlib
import json
import secrets
import sys
from pathlib import Path

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
SESSION_SECRET = int.from_bytes(hashlib.sha256(b"session key of the wallet's end-to-end test").digest())
WARM_SECRET = int.from_bytes(hashlib.sha256(b"warm key of the wallet's end-to-end test").digest())


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    if a == b:
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(scalar, point=G):
    total = None
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


def public(secret):
    x, y = times(secret)
    return bytes([2 + y % 2]) + x.to_bytes(32)


def sign(secret, digest):
    k = secrets.randbelow(N - 1) + 1
    r = times(k)[0] % N
    s = pow(k, -1, N) * (int.from_bytes(digest) + r * secret) % N
    return r.to_bytes(32) + min(s, N - s).to_bytes(32)


# --- ed25519, RFC 8032
Q = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, Q) % Q
ROUTER_SECRET = hashlib.sha256(b"transport key of the wallet's end-to-end test").digest()


def ed_add(a, b):
    t = D * a[0] * b[0] * a[1] * b[1]
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + t, -1, Q)
    return x % Q, (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, -1, Q) % Q


def ed_times(scalar):
    y = 4 * pow(5, -1, Q) % Q
    square = (y * y - 1) * pow(D * y * y + 1, -1, Q) % Q
    x = pow(square, (Q + 3) // 8, Q)
    if (x * x - square) % Q:
        x = x * pow(2, (Q - 1) // 4, Q) % Q
    base, total = (x if x % 2 == 0 else Q - x, y), (0, 1)
    while scalar:
        if scalar & 1:
            total = ed_add(total, base)
        base = ed_add(base, base)
        scalar >>= 1
    return (total[1] | (total[0] & 1) << 255).to_bytes(32, "little")


def ed_expand(secret):
    both = hashlib.sha512(secret).digest()
    scalar = int.from_bytes(both[:32], "little") & (1 << 254) - 8 | 1 << 254
    return scalar, both[32:]


def ed_sign(secret, message):
    scalar, prefix = ed_expand(secret)
    public_key = ed_times(scalar)
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % L
    point = ed_times(r)
    k = int.from_bytes(hashlib.sha512(point + public_key + message).digest(), "little") % L
    return point + ((r + k * scalar) % L).to_bytes(32, "little")


def consent(chain, router, payer, model, escrow, fee_bps, blocks, expires):
    nonce = 1
    digest = fields(
        "quern.router-consent/2", chain, router, payer, model, public(SESSION_SECRET), u128(escrow), u64(fee_bps),
        u64(blocks), u64(nonce), u64(expires)
    )
    return {"nonce": nonce, "expires": expires, "signature": b64(ed_sign(ROUTER_SECRET, digest))}


def fields(*parts):
    """SHA-256 over fields behind their lengths; numbers are (value, bytes)."""
    out = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part[0].to_bytes(part[1]) if isinstance(part, tuple) else part
        out.update(len(data).to_bytes(4) + data)
    return out.digest()


def u64(n):
    return n, 8


def u128(n):
    return n, 16


def b64(data):
    return base64.b64encode(data).decode()


def leaf(digest, amount):
    return hashlib.sha256(b"\0" + digest + amount.to_bytes(16)).digest(), amount


def parent(left, right):
    inner = b"".join(child[0] + child[1].to_bytes(16) for child in (left, right))
    return hashlib.sha256(b"\1" + inner).digest(), left[1] + right[1]


def node(pair):
    return {"hash": b64(pair[0]), "sum": str(pair[1])}


def make(chain, session, height, host, price, folder):
    ident = session["id"]
    whole, _, rest = price.partition(".")
    atomics = int(whole) * 10**18 + int((rest + "0" * 18)[:18])
    c = session["coefficients"]
    receipts, leaves = [], []
    cap = 0
    for nonce in (1, 2):
        prompt, completion = 40 + nonce, 20
        capture = -(-atomics * (c["input"] * prompt + c["output"] * completion) // 10**24)
        ceiling, cap = capture + 50, cap + capture
        salt = hashlib.sha256(b"salt").digest()
        voucher_digest = fields(
            "quern.voucher/1", chain, u64(ident), host, u64(nonce), u64(height), u128(ceiling), u128(cap), salt
        )
        voucher = {
            "session": ident, "host": host, "nonce": nonce, "height": height, "ceiling": str(ceiling),
            "cap": str(cap), "salt_commitment": b64(salt),
        }
        signature = sign(SESSION_SECRET, voucher_digest)
        model, zero = base64.b64decode(session["model_hash"]), bytes(32)
        digest = fields(
            "quern.receipt/1", chain, voucher_digest, signature, zero, zero, model, b"", zero, u64(10**6), u64(prompt),
            u64(0), u64(completion), "stop", u128(atomics), u64(30), u64(400), u128(capture),
        )
        receipts.append({
            "voucher": voucher, "voucher_signature": b64(signature), "request_hash": b64(zero),
            "output_hash": b64(zero), "model_hash": session["model_hash"], "client_seed": None,
            "seed_commitment": b64(zero), "temperature": 1000000, "usage": {"prompt": prompt, "cached": 0, "completion": completion},
            "finish": "stop", "price": price, "first_token_ms": 30, "duration_ms": 400, "capture": str(capture),
        })
        leaves.append((digest, leaf(digest, capture)))
    subroot = parent(leaves[0][1], leaves[1][1])
    session_leaf = {
        "session": ident, "cumulative": str(subroot[1]), "receipts": 2, "previous": 0, "first_nonce": 1,
        "last_nonce": 2, "subroot": node(subroot), "count": 2,
    }
    leaf_digest = fields(
        "quern.session-leaf/1", chain, host, u64(ident), u128(subroot[1]), u64(2), u64(0), u64(1), u64(2),
        subroot[0], u128(subroot[1]), u64(2),
    )
    root = leaf(leaf_digest, subroot[1])
    alone = {"index": 0, "count": 1, "siblings": []}
    last = receipts[1]
    files = {
        "commit": {"commit_batch": {
            "sequence": 1, "root": node(root), "sessions": 1,
            "models": [{"model": session["model"], "amount": str(root[1])}],
        }},
        "claim": {
            "host": host, "voucher": last["voucher"], "signature": last["voucher_signature"],
            "leaf": session_leaf, "batch": 1, "proof": alone,
        },
        "receipt": {
            "signed": {"receipt": last, "signature": b64(sign(WARM_SECRET, leaves[1][0]))},
            "committed": {
                "receipt": last, "leaf": session_leaf, "leaf_proof": alone, "batch": 1,
                "receipt_proof": {"index": 1, "count": 2, "siblings": [node(leaves[0][1])]},
            },
        },
    }
    for name, content in files.items():
        (Path(folder) / f"{name}.json").write_text(json.dumps(content))
    print(json.dumps({"id": leaves[1][0].hex(), "root": root[0].hex(), "amount": str(root[1])}))


if __name__ == "__main__":
    if sys.argv[1] == "keys":
        print(json.dumps({
            "warm_secret": f"{WARM_SECRET:064x}", "warm": b64(public(WARM_SECRET)),
            "session": b64(public(SESSION_SECRET)), "router": b64(ed_times(ed_expand(ROUTER_SECRET)[0])),
        }))
    elif sys.argv[1] == "consent":
        chain, router, payer, model = sys.argv[2:6]
        print(json.dumps(consent(chain, router, payer, model, *map(int, sys.argv[6:]))))
    else:
        _, _, chain, session, height, host, price, folder = sys.argv
        make(chain, json.loads(Path(session).read_text()), int(height), host, price, folder)
