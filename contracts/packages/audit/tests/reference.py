"""Writes the test vectors of docs/spec/audit.md: the page's formulas in plain Python, without the Rust code.

    python3 reference.py
"""

import json
from fractions import Fraction
from hashlib import sha256

CHAIN, HOST, AUDITOR, ROUND = "quern-test-1", "quern1host", "quern1auditor", 7
BEACON, LEAF, SALT = bytes(range(32)), bytes([0xAB] * 32), bytes([0x5A] * 16)


def u32(n):
    return n.to_bytes(4, "big", signed=n < 0)


def u64(n):
    return n.to_bytes(8, "big")


def u128(n):
    return n.to_bytes(16, "big")


def H(*fields):
    fields = [f.encode() if isinstance(f, str) else f for f in fields]
    return sha256(b"".join(u32(len(f)) + f for f in fields)).digest()


def below(tag, seed, index, total):
    return int.from_bytes(H(tag, seed, u64(index))[:16], "big") % total


# Merkle-sum trees: a node is (hash, sum)
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


def node_json(node):
    return {"hash": node[0].hex(), "sum": str(node[1])}


def draw_leaves(seed, amounts, count):
    total, order, index = sum(amounts), [], 0
    while len(order) < count and index < 2 * count + 64:
        offset, start = below("quern.audit-offset/1", seed, index, total), 0
        for i, amount in enumerate(amounts):
            if start <= offset < start + amount and i not in [o["leaf"] for o in order]:
                order.append({"index": index, "offset": str(offset), "leaf": i})
            start += amount
        index += 1
    return order


def pick(seed, index, group):
    target = below("quern.draw/1", seed, index, sum(weight for _, weight in group))
    for host, weight in group:
        if target < weight:
            return host
        target -= weight


def panel(seed, seats, group):
    drawn = [pick(seed, i, group) for i in range(seats)]
    return [[host, drawn.count(host)] for host in sorted(set(drawn))]


# voting power
def level(weights, cap):
    """Exact largest t with t <= cap * sum(min(w, t)), over the integers."""
    # piecewise linear: between neighbours of the sorted weights solve for t
    ordered = sorted(weights, reverse=True)
    for j in range(len(ordered) + 1):
        rest = sum(ordered[j:])
        low = ordered[j] if j < len(ordered) else 0
        high = ordered[j - 1] if j else ordered[0]
        t = high if j == 0 else (cap * rest / (1 - j * cap) if j * cap < 1 else high)
        t = min(int(t), high)
        if t >= low and t <= cap * sum(min(w, t) for w in weights):
            return t
    return 0


def cap_of(n):
    return max(Fraction(3, 10), Fraction(1, n))


def clip(powers, cap, floors):
    top = level(list(powers.values()), cap)
    return {k: max(min(p, top), min(floors.get(k, 0), p)) for k, p in powers.items()}


def target(weights):
    fine = {k: w << 20 for k, w in weights.items() if w}
    fine = clip(fine, cap_of(len(fine)), {})
    total = sum(fine.values())
    powers = {k: w * 10**6 // total for k, w in fine.items()}
    powers = {k: p for k, p in powers.items() if p}
    return clip(powers, cap_of(len(powers)), {})


def step(current, goal):
    total = sum(current.values())
    wanted = sum(max(0, g - current.get(k, 0)) for k, g in goal.items())
    budget, following = total // 3, {}
    for k, g in goal.items():
        now = current.get(k, 0)
        if g > now:
            following[k] = now + ((g - now) * budget // wanted if wanted > budget else g - now)
        else:
            following[k] = max(g, now // 2)
    for k, now in current.items():
        if k not in goal and now // 2 * 32 * len(current) >= total:
            following[k] = now // 2
    following = {k: p for k, p in following.items() if p}
    cap = cap_of(sum(k in goal for k in following))
    return clip(following, cap, {k: p // 2 for k, p in current.items()})


seed = H("quern.audit-leaves/1", CHAIN, HOST, u64(ROUND), BEACON)
amounts = [50, 0, 7, 900, 43, 120, 3, 77]
group = [["quern1a", 40], ["quern1b", 25], ["quern1c", 35]]
auditor_seed = H("quern.audit-auditor/1", CHAIN, HOST, u64(ROUND), BEACON)
panel_seed = H("quern.audit-panel/1", CHAIN, LEAF, u64(1), BEACON)
margins, clip_at = [1_500_000, -20, 0, -700_000, 33], 500_000
margin_nodes = [
    leaf_node(H("quern.audit-margin/1", CHAIN, AUDITOR, LEAF, SALT, u64(i), u32(m)), min(max(-m, 0), clip_at))
    for i, m in enumerate(margins)
]
margin_root = tree(margin_nodes)


def finding(leaf, vote, positions, clipped, root):
    digest = H("quern.audit-finding/1", CHAIN, AUDITOR, u64(ROUND), leaf, u64(vote), u64(positions), u64(clipped),
               root[0], u128(root[1]))
    return digest, leaf_node(digest, positions)


first = finding(LEAF, 1_000_000, 5, 1, margin_root)
second = finding(bytes([0xCD] * 32), 0xFFFFFF, 0, 0, (bytes(32), 0))
report_root = tree([first[1], second[1]])
opening_seed = H("quern.audit-opening/1", CHAIN, AUDITOR, u64(ROUND), BEACON)
position_seed = H("quern.audit-ballot-position/1", CHAIN, LEAF, u64(1), BEACON)
check_seed = H("quern.audit-check/1", CHAIN, AUDITOR, u64(ROUND), BEACON)
weights = {"a": 1_000_000, "b": 10, "c": 20, "d": 20, "e": 20}
old = {"a": 250_000, "b": 250_000, "x": 300_000, "y": 200_000}
goal = target(weights)

vectors = {
    "chain_id": CHAIN, "host": HOST, "auditor": AUDITOR, "round": ROUND,
    "beacon": BEACON.hex(), "leaf": LEAF.hex(), "salt": SALT.hex(),
    "leaf_seed": seed.hex(),
    "amounts": [str(a) for a in amounts],
    "drawn": draw_leaves(seed, amounts, 4),
    "group": group,
    "auditor_seed": auditor_seed.hex(),
    "auditors": [pick(H("quern.audit-choice/1", auditor_seed, u64(i)), 0, group) for i in range(6)],
    "panel_seed": panel_seed.hex(),
    "panel": panel(panel_seed, 7, group),
    "margins": margins, "clip": clip_at,
    "margin_root": node_json(margin_root),
    "findings": [first[0].hex(), second[0].hex()],
    "report_root": node_json(report_root),
    "opening_seed": opening_seed.hex(),
    "openings": [str(below("quern.audit-offset/1", opening_seed, i, report_root[1])) for i in range(4)],
    "ballot": H("quern.audit-ballot/1", CHAIN, u64(1), SALT, first[0]).hex(),
    "ballot_position": below("quern.audit-offset/1", position_seed, 0, 5),
    "proofs_seed": H("quern.audit-proofs/1", CHAIN, HOST, u64(3), "quern-small", u64(ROUND), BEACON).hex(),
    "backlog_seed": H("quern.audit-backlog/1", CHAIN, HOST, u64(ROUND), BEACON).hex(),
    "checked": [below("quern.audit-offset/1", check_seed, 0, every) == 0 for every in (1, 2, 3, 4)],
    "packed": (u32(1_000_000)[1:] + bytes([0xFF] * 3)).hex(),
    "draw_count": -(-sum(amounts) * 500 // (10**4 * 20)),
    "forfeit": str(-(-sum(amounts) // 4) + 50),
    "weights": weights, "target": goal, "old": old, "next": step(old, goal),
}
print("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in vectors.items()) + "\n}")
