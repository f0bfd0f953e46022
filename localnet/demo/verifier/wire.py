"""The little of protobuf that transactions, results and questions need."""


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    """One field; zero and empty are left out, as proto3 writes them."""
    if not value:
        return b""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def read(data):
    """All fields in order: (number, integer or bytes)."""
    at, found = 0, []

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        kind = key & 7
        if kind == 0:
            found.append((key >> 3, number()))
            continue
        size = {1: 8, 5: 4}.get(kind)
        if size is None:
            size = number()
        found.append((key >> 3, data[at : at + size]))
        at += size
    return found


def all_of(data, wanted):
    return [value for number, value in read(data) if number == wanted]


def one(data, wanted, default=b""):
    return next(iter(all_of(data, wanted)), default)
