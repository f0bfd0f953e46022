"""Writes the test vectors of docs/spec/proof.md: the page's formulas in plain Python, without the Rust code.

    python3 reference.py
"""

import json
from hashlib import sha256
from math import isqrt

CHAIN, HOST, MODEL, SPRINT = "quern-test-1", "quern1host", "quern-small", 7
BEACON = bytes(range(32))
VOCABULARY = 2048
SHAPES = [{"prompt": 4, "output": 3, "weight": 2}, {"prompt": 9, "output": 2, "weight": 1}]
INPUT, OUTPUT = 300_000, 1_000_000  # millionths of the model's price for a token


def u32(n):
    return n.to_bytes(4, "big")


def u64(n):
    return n.to_bytes(8, "big")


def u128(n):
    return n.to_bytes(16, "big")


def H(*fields):
    fields = [f.encode() if isinstance(f, str) else f for f in fields]
    return sha256(b"".join(u32(len(f)) + f for f in fields)).digest()


def words(seed):
    block = 0
    while True:
        digest = H("quern.proof-words/1", seed, u64(block))
        for i in range(0, 32, 4):
            yield int.from_bytes(digest[i : i + 4], "big")
        block += 1


def request(index):
    seed = H("quern.proof/1", CHAIN, BEACON, u64(SPRINT), HOST, MODEL, u64(index))
    numbers = words(seed)
    below = lambda bound: next(numbers) * bound >> 32
    place = below(sum(shape["weight"] for shape in SHAPES))
    for shape in SHAPES:
        if place < shape["weight"]:
            break
        place -= shape["weight"]
    prompt = [below(VOCABULARY) for _ in range(shape["prompt"])]
    return seed, prompt, shape["output"], H("quern.proof-sampler/1", seed)


def leaf_node(digest, amount):
    return sha256(b"\0" + digest + u128(amount)).digest(), amount


def tree(nodes):
    if len(nodes) == 1:
        return nodes[0]
    split = 1
    while 2 * split < len(nodes):
        split *= 2
    (lh, ls), (rh, rs) = tree(nodes[:split]), tree(nodes[split:])
    return sha256(b"\1" + lh + u128(ls) + rh + u128(rs)).digest(), ls + rs


def answer(index, tokens):
    _, prompt, output, _ = request(index)
    assert len(tokens) == output
    output_hash = H("quern.output/1", CHAIN, bytes(16), b"".join(map(u32, tokens)))
    fields = [u64(n) for n in (SPRINT, index, len(prompt), output)]
    digest = H("quern.proof-leaf/1", CHAIN, HOST, MODEL, *fields, output_hash)
    work = -(-(INPUT * len(prompt) + OUTPUT * output) // 10**6)
    return output_hash, digest, work


def confirmation(height, every):
    seed = H("quern.proof-confirmation/1", CHAIN, u64(height), BEACON)
    return int.from_bytes(H("quern.draw/1", seed, u64(0))[:16], "big") % every == 0


def quality(clean, failed):
    if failed == 0:
        return 10**6
    n = clean + failed
    square = -(-(n + clean * failed) * 10**12 // n)
    root = isqrt(square)
    root += root * root < square
    return max(0, (clean + 2) * 10**6 - 2 * root) // (n + 4)


def mean(samples):
    return 1_000 * sum(w for w, _ in samples) // sum(b for _, b in samples)


def reading(window, confirmations):
    return min(mean(window), mean(confirmations)) if confirmations else mean(window)


requests = [request(i) for i in range(4)]
tokens = [[(7 * i + t) % VOCABULARY for t in range(r[2])] for i, r in enumerate(requests)]
answers = [answer(i, t) for i, t in enumerate(tokens)]
root = tree([leaf_node(digest, work) for _, digest, work in answers])
judged = [(0, 0), (9, 0), (8, 8), (7, 1), (199, 1), (0, 3), (1, 1), (4_000_000_000, 1_000_000)]
window, confirmations = [(1_000, 10), (900, 10)], [(450, 5), (0, 5), (430, 5)]
proven = reading(window, confirmations)
verified = proven * quality(7, 1) // 10**6
coefficient, signed, missed, bond, per = 1_500_000, 55, 5, 700_000_000, 20_000
weighed = verified * coefficient // 10**6
present = weighed * signed // (signed + missed)

vectors = {
    "chain_id": CHAIN, "host": HOST, "model": MODEL, "sprint": SPRINT, "beacon": BEACON.hex(),
    "vocabulary": VOCABULARY, "shapes": SHAPES, "input": INPUT, "output": OUTPUT,
    "requests": [{"seed": s.hex(), "prompt": p, "output": o, "sampler": k.hex()} for s, p, o, k in requests],
    "tokens": tokens,
    "leaves": [{"output_hash": o.hex(), "digest": d.hex(), "work": str(w)} for o, d, w in answers],
    "root": {"hash": root[0].hex(), "sum": str(root[1])},
    "confirmations": [h for h in range(1, 400) if confirmation(h, 45)],
    "judged": judged, "quality": [quality(*j) for j in judged],
    "window": window, "confirmed": confirmations, "reading": proven,
    "verified": verified, "coefficient": coefficient, "weighed": weighed,
    "signed": signed, "missed": missed, "present": present,
    "bond": str(bond), "bond_per_weight": str(per), "covered": min(present, bond // per),
}
print("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in vectors.items()) + "\n}")
