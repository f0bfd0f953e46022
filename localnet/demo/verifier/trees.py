"""Trees: Merkle-sum proofs of docs/spec/batch.md, and CometBFT's own hashes over a block's transactions and results."""

import hashlib

from .formats import u128, unb64


def leaf(digest, amount):
    return hashlib.sha256(b"\0" + digest + u128(amount)).digest(), amount


def inner(left, right):
    joined = b"\1" + left[0] + u128(left[1]) + right[0] + u128(right[1])
    return hashlib.sha256(joined).digest(), left[1] + right[1]


def node(pair):
    """A node as JSON has it."""
    return unb64(pair["hash"]), int(pair["sum"])


def root_of(proof, own):
    """The root that a proof leads to from a leaf (RFC 9162, 2.1.3.2, with sums); None if it has no proper shape."""
    index, last = proof["index"], proof["count"] - 1
    if not 0 <= index <= last:
        return None
    for sibling in map(node, proof["siblings"]):
        if last == 0:
            return None
        if index & 1 or index == last:
            own = inner(sibling, own)
            while not index & 1 and index:
                index >>= 1
                last >>= 1
        else:
            own = inner(own, sibling)
        index >>= 1
        last >>= 1
    return own if last == 0 else None


def merkle(items):
    """RFC 6962 without sums."""
    if not items:
        return hashlib.sha256(b"").digest()
    if len(items) == 1:
        return hashlib.sha256(b"\0" + items[0]).digest()
    half = 1 << (len(items) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + merkle(items[:half]) + merkle(items[half:])).digest()
