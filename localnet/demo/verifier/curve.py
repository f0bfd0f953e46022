"""ECDSA on secp256k1: checking a signature of 64 bytes over a digest, the lower s only."""

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


def times_both(u, g, v, q):
    """u·g + v·q, bit by bit for both at once."""
    sums = {(1, 0): g, (0, 1): q, (1, 1): add(g, q)}
    total = None
    for bit in range(255, -1, -1):
        total = add(total, total)
        choice = (u >> bit & 1, v >> bit & 1)
        if choice != (0, 0):
            total = add(total, sums[choice])
    return total


def point(key):
    """The point of a compressed key, or None."""
    if len(key) != 33 or key[0] not in (2, 3):
        return None
    x = int.from_bytes(key[1:], "big")
    square = (x * x * x + 7) % P
    y = pow(square, (P + 1) // 4, P)
    if x >= P or y * y % P != square:
        return None
    return x, y if y & 1 == key[0] & 1 else P - y


def verify(key, digest, signature):
    q = point(key)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if q is None or len(signature) != 64 or not (0 < r < N and 0 < s <= N // 2):
        return False
    inverse = pow(s, -1, N)
    z = int.from_bytes(digest, "big")
    found = times_both(z * inverse % N, G, r * inverse % N, q)
    return found is not None and found[0] % N == r
