"""Collects the file descriptors embedded in *_pb2.py modules of wheels into one FileDescriptorSet.

Usage: descriptors.py WHEEL_FOLDER OUTPUT

Files are written dependencies first, one per name. The modules are parsed, never imported; the
protobuf runtime (itself one of the wheels) only checks the result.
"""

import ast
import pathlib
import sys
import tempfile
import zipfile

# What the node is built from: if a new version of the package drops one of these, set-up must fail.
REQUIRED_SERVICES = [
    "cosmos.auth.v1beta1.Query",
    "cosmos.bank.v1beta1.Msg",
    "cosmos.bank.v1beta1.Query",
    "cosmos.base.node.v1beta1.Service",
    "cosmos.base.tendermint.v1beta1.Service",
    "cosmos.consensus.v1.Msg",
    "cosmos.consensus.v1.Query",
    "cosmos.gov.v1.Msg",
    "cosmos.tx.v1beta1.Service",
    "cosmwasm.wasm.v1.Msg",
    "cosmwasm.wasm.v1.Query",
    "tendermint.abci.ABCI",
]


def embedded_descriptors(source):
    """Yields the bytes given to AddSerializedFile in one module."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "AddSerializedFile"
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, bytes)
        ):
            yield node.args[0].value


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def encode_varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def name_and_imports(descriptor):
    """Reads fields 1 (name) and 3 (dependency) of a FileDescriptorProto; all of its top-level
    fields are length-delimited or varints."""
    name, imports, at = None, [], 0
    while at < len(descriptor):
        key, at = varint(descriptor, at)
        size, at = varint(descriptor, at)
        if key & 7 == 0:
            continue
        value, at = descriptor[at : at + size], at + size
        if key >> 3 == 1:
            name = value.decode()
        elif key >> 3 == 3:
            imports.append(value.decode())
    return name, imports


def parts(message):
    """The fields of an encoded message, as (number, bytes of the whole field, value if length-delimited)."""
    at = 0
    while at < len(message):
        start = at
        key, at = varint(message, at)
        size, at = varint(message, at)
        value = None
        if key & 7 == 2:
            value, at = message[at : at + size], at + size
        yield key >> 3, message[start:at], value


def field(number, value):
    return encode_varint(number << 3 | 2) + encode_varint(len(value)) + value


def change(message, number, name, to):
    """The message with what is called `name` among its fields of this number replaced by what `to` makes of it."""
    out = b""
    for found, whole, value in parts(message):
        named = value is not None and found == number and dict((n, v) for n, _, v in parts(value)).get(1) == name
        out += b"".join(field(number, one) for one in to(value)) if named else whole
    if out == message:
        sys.exit(f"descriptors: {name.decode()} is not where it was; look at mend_mint()")
    return out


def mend_mint(name, descriptor):
    """The package's chain has a mint of its own: parameters and a query that x/mint does not have."""
    if name.endswith("/query.proto"):
        return change(descriptor, 6, b"Query", lambda service: [change(service, 2, b"MunicipalInflation", lambda _: [])])
    if not name.endswith("/mint.proto"):
        return descriptor

    def fields(one):
        for name, number in decimals:
            # FieldDescriptorProto: name (1), number (3), json_name (10)
            kept = b"".join(whole for n, whole, _ in parts(one) if n not in (1, 3, 10))
            yield field(1, name) + b"\x18" + encode_varint(number) + kept

    decimals = [(b"inflation_rate_change", 2), (b"inflation_max", 3), (b"inflation_min", 4), (b"goal_bonded", 5)]
    return change(descriptor, 4, b"Params", lambda params: [change(params, 2, b"inflation_rate", fields)])


def mend(name, descriptor):
    """What the package has otherwise than wasmd 0.61.14."""
    if name.startswith("cosmos/mint/v1beta1/"):
        return mend_mint(name, descriptor)
    return mend_wasm(name, descriptor)


def mend_wasm(name, descriptor):
    """wasmd 0.61.0 to 0.61.4, which the package was made from, had two numbers of ContractInfo swapped;
    later versions, and clients, have extension at 7 and ibc2_port_id at 8, as before."""
    if name != "cosmwasm/wasm/v1/types.proto":
        return descriptor
    for field, wrong, right in [(b"extension", 8, 7), (b"ibc2_port_id", 7, 8)]:
        # FieldDescriptorProto: name (1), then number (3)
        named = b"\x0a" + bytes([len(field)]) + field + b"\x18"
        if descriptor.count(named) != 1:
            sys.exit(f"descriptors: {name} no longer has one field {field.decode()}; look at mend()")
        descriptor = descriptor.replace(named + bytes([wrong]), named + bytes([right]))
    return descriptor


def in_import_order(files, roots):
    """The roots and what they import, each after its own imports."""
    done, order = set(), []

    def visit(name, wanted_by):
        if name in done:
            return
        if name not in files:
            sys.exit(f"descriptors: {wanted_by} imports {name}, which no wheel carries")
        done.add(name)
        for dependency in files[name][1]:
            visit(dependency, name)
        order.append(name)

    for name in sorted(roots):
        visit(name, None)
    return order


def check(wheels, encoded):
    """Loads the set into the protobuf runtime and looks for what the node depends on."""
    with tempfile.TemporaryDirectory() as folder:
        for wheel in wheels:
            if wheel.name.startswith("protobuf-"):
                zipfile.ZipFile(wheel).extractall(folder)
        sys.path.insert(0, folder)
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

        parsed = descriptor_pb2.FileDescriptorSet.FromString(encoded)
        pool = descriptor_pool.DescriptorPool()
        for file in parsed.file:
            pool.Add(file)
        for service in REQUIRED_SERVICES:
            pool.FindServiceByName(service)
        body = pool.FindMessageTypeByName("cosmos.tx.v1beta1.TxBody").fields_by_name
        assert body["unordered"].number == 4, "TxBody.unordered moved"
        assert body["timeout_timestamp"].number == 5, "TxBody.timeout_timestamp moved"

        info = pool.FindMessageTypeByName("cosmwasm.wasm.v1.ContractInfo").fields_by_name
        assert info["extension"].number == 7, "ContractInfo.extension moved"
        assert info["ibc2_port_id"].number == 8, "ContractInfo.ibc2_port_id moved"

        mint = pool.FindMessageTypeByName("cosmos.mint.v1beta1.Params").fields_by_name
        assert mint["goal_bonded"].number == 5 and mint["blocks_per_year"].number == 6, "mint's Params moved"

        # Options must be read with messages of the same pool, or extensions stay unknown fields.
        options = message_factory.GetMessageClass(pool.FindMessageTypeByName("google.protobuf.MethodOptions"))
        http = pool.FindExtensionByName("google.api.http")
        message_factory.GetMessageClass(http.containing_type)
        message_factory.GetMessageClass(http.message_type)
        method = pool.FindServiceByName("cosmos.bank.v1beta1.Query").methods_by_name["Balance"]
        read = options.FromString(method.GetOptions().SerializeToString())
        route = read.Extensions[http].get
        assert route == "/cosmos/bank/v1beta1/balances/{address}/by_denom", f"Balance routes to {route!r}"
    return len(parsed.file)


def main(folder, output):
    wheels = sorted(pathlib.Path(folder).glob("*.whl"))
    files, roots = {}, set()
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for entry in sorted(archive.namelist()):
                if not entry.endswith("_pb2.py"):
                    continue
                for descriptor in embedded_descriptors(archive.read(entry)):
                    name, imports = name_and_imports(descriptor)
                    # Where two wheels carry a file, the later name wins: protobuf's own over a copy.
                    files[name] = (mend(name, descriptor), imports)
                    if wheel.name.startswith("cosmpy-"):
                        roots.add(name)
    order = in_import_order(files, roots)
    encoded = b"".join(b"\x0a" + encode_varint(len(files[name][0])) + files[name][0] for name in order)
    count = check(wheels, encoded)
    pathlib.Path(output).write_bytes(encoded)
    print(f"[setup] descriptors  {count} files, {len(encoded)} bytes, wire profile checked", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
