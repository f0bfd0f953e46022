"""Writes sampler.json, the test vectors of docs/spec/sampler.md, from an implementation of the spec in plain Python.

It shares no code with the Rust sampler, so agreement means that both read the spec alike.
Run from anywhere: python3 generate.py
"""

import hashlib
import json
import math
import struct
from pathlib import Path

MASK = 0xFFFFFFFF


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & MASK, (a >> 32) ^ c[3] ^ k[1], a & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def seed_of(*fields):
    return hashlib.sha256(b"".join(struct.pack(">I", len(f)) + f for f in fields)).digest()


def voucher_seed(chain_id, session, nonce, request_hash, salt, beacon):
    tag, version = b"quern.sampler.seed", struct.pack(">I", 1)
    numbers = struct.pack(">Q", session), struct.pack(">Q", nonce)
    return seed_of(tag, version, chain_id.encode(), *numbers, request_hash, salt, beacon)


def client_seed(chain_id, session, request_hash, seed):
    tag, version = b"quern.sampler.client-seed", struct.pack(">I", 1)
    return seed_of(tag, version, chain_id.encode(), struct.pack(">Q", session), request_hash, struct.pack(">q", seed))


def noise(seed, t, c, v):
    word = int.from_bytes(seed[:8], "big")
    x = philox([v >> 2, t, c, 1], [word & MASK, word >> 32])[v & 3]
    return -math.log(-math.log((x + 0.5) / 2**32))


def processed(case):
    logits = list(case["logits"])
    params, prompt, output = case["params"], case["prompt"], case["output"]
    for v, bias in params.get("bias", {}).items():
        logits[int(v)] += bias
    for v in set(prompt) | set(output):
        penalty = params.get("repetition_penalty", 1.0)
        logits[v] = logits[v] / penalty if logits[v] > 0 else logits[v] * penalty
    for v in set(output):
        logits[v] -= params.get("frequency_penalty", 0.0) * output.count(v) + params.get("presence_penalty", 0.0)
    return logits[: case["tokens"]]


def support(z, params, grammar):
    least, top = -math.inf, max(z)
    if 0 < params.get("top_k", 0) < len(z):
        least = max(least, sorted(z, reverse=True)[params["top_k"] - 1])
    if params.get("top_p", 1.0) < 1.0:
        head = sorted((x for x in z if x >= least), reverse=True)
        weights = [math.exp(x - top) for x in head]
        target, mass = params["top_p"] * sum(weights), 0.0
        for x, w in zip(head, weights):
            mass += w
            if mass >= target:
                break
        least = max(least, x)
    if params.get("min_p", 0.0) > 0:
        least = max(least, top + math.log(params["min_p"]))
    least = min(least, top)
    allowed = [v for v in range(len(z)) if grammar is None or v in grammar]
    return [v for v in allowed if z[v] >= least] or allowed


def drawn(case):
    logits, params, grammar = processed(case), case["params"], case.get("grammar")
    temperature = params.get("temperature", 1.0)
    if temperature == 0:
        ids = [v for v in range(len(logits)) if grammar is None or v in grammar]
        return ids, min(ids, key=lambda v: (-logits[v], v))
    z = [x / temperature for x in logits]
    ids = support(z, params, grammar)
    seed = bytes.fromhex(case["seed"])
    score = {v: z[v] + noise(seed, case["t"], case["c"], v) for v in ids}
    return ids, min(ids, key=lambda v: (-score[v], v))


def logits_of(label, count):
    """Logits that are exact in float32: multiples of 1/64 in [-8, 8)."""
    raw = b"".join(hashlib.sha256(f"{label}:{i}".encode()).digest() for i in range((count + 15) // 16))
    return [(int.from_bytes(raw[2 * i : 2 * i + 2], "big") % 1024 - 512) / 64 for i in range(count)]


def cases():
    processors = [
        {},
        {"temperature": 0.0},
        {"temperature": 0.5},
        {"temperature": 2.0},
        {"top_k": 3},
        {"top_p": 0.6},
        {"min_p": 0.05},
        {"temperature": 0.75, "top_k": 20, "top_p": 0.9, "min_p": 0.01},
        {"bias": {"7": 5.5, "9": -100.0}},
        {"repetition_penalty": 1.25, "frequency_penalty": 0.5, "presence_penalty": -0.25},
        {"temperature": 0.0, "bias": {"1": 0.5}, "presence_penalty": 1.5},
    ]
    for index, params in enumerate(processors):
        for draw in range(4):
            seed = hashlib.sha256(f"case {index} {draw}".encode()).digest()
            case = {
                "params": params, "seed": seed.hex(), "t": 17 * draw, "c": draw % 2,
                "prompt": [1, 2, 3], "output": [5, 5, 7, 3], "tokens": 48 if draw == 3 else 50,
                "logits": logits_of(f"{index}/{draw}", 50),
            }
            if draw == 2:
                case["grammar"] = [2, 11, 13, 30, 31, 44]
            case["support"], case["token"] = drawn(case)
            yield case
    # Equal logits everywhere: the lowest id wins at T = 0, the noise alone decides at T = 1.
    for temperature in (0.0, 1.0):
        case = {
            "params": {"temperature": temperature}, "seed": bytes(range(32)).hex(), "t": 3, "c": 0,
            "prompt": [], "output": [], "tokens": 9, "logits": [0.5] * 9,
        }
        case["support"], case["token"] = drawn(case)
        yield case


def main():
    known = [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([MASK] * 4, [MASK] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0],
         [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]),
    ]
    for counter, key, out in known:
        assert philox(counter, key) == out
    hash_, salt, beacon = (hashlib.sha256(s).digest() for s in (b"request", b"salt", b"beacon"))
    vouchers = [
        {"chain_id": chain, "session": session, "nonce": nonce, "request_hash": hash_.hex(),
         "salt": salt[:16].hex(), "beacon": beacon.hex(),
         "seed": voucher_seed(chain, session, nonce, hash_, salt[:16], beacon).hex()}
        for chain, session, nonce in (("quern-1", 1, 0), ("quern-1", 2**40 + 5, 77), ("", 0, 2**64 - 1))
    ]
    clients = [
        {"chain_id": chain, "session": session, "request_hash": hash_.hex(), "client_seed": number,
         "seed": client_seed(chain, session, hash_, number).hex()}
        for chain, session, number in (("quern-1", 1, 0), ("quern-1", 1, -1), ("", 0, 2**63 - 1))
    ]
    seed = bytes.fromhex(vouchers[0]["seed"])
    places = [(0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 0, 3), (0, 0, 4), (1, 0, 0), (0, 1, 0), (511, 3, 128255)]
    out = {
        "philox4x32_10": [{"counter": c, "key": k, "out": o} for c, k, o in known],
        "voucher_seeds": vouchers,
        "client_seeds": clients,
        "noise": [{"seed": seed.hex(), "t": t, "c": c, "v": v, "gumbel": noise(seed, t, c, v)} for t, c, v in places],
        "draws": list(cases()),
    }
    lines = []
    for name, rows in out.items():
        body = ",\n".join("    " + json.dumps(row) for row in rows)
        lines.append(f'  "{name}": [\n{body}\n  ]')
    Path(__file__).with_name("sampler.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
