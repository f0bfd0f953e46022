//! Generates prost types from the descriptor set that `make setup` dumps out of a published package, and
//! from our own files in `proto/`. No proto file of a third party is kept in this repository.

use std::{env, error::Error, fs, path::PathBuf};

use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

/// Packages that the node speaks today. Tendermint's own come from `tendermint-proto`.
const PACKAGES: &[&str] = &[
    "cosmos.auth.v1beta1",
    "cosmos.authz.v1beta1",
    "cosmos.bank.v1beta1",
    "cosmos.base.abci.v1beta1",
    "cosmos.base.node.v1beta1",
    "cosmos.base.query.v1beta1",
    "cosmos.base.tendermint.v1beta1",
    "cosmos.base.v1beta1",
    "cosmos.consensus.v1",
    "cosmos.crypto.ed25519",
    "cosmos.crypto.multisig",
    "cosmos.crypto.multisig.v1beta1",
    "cosmos.crypto.secp256k1",
    "cosmos.crypto.secp256r1",
    "cosmos.distribution.v1beta1",
    "cosmos.evidence.v1beta1",
    "cosmos.feegrant.v1beta1",
    "cosmos.gov.v1",
    "cosmos.gov.v1beta1",
    "cosmos.mint.v1beta1",
    "cosmos.params.v1beta1",
    "cosmos.slashing.v1beta1",
    "cosmos.staking.v1beta1",
    "cosmos.tx.signing.v1beta1",
    "cosmos.tx.v1beta1",
    "cosmos.upgrade.v1beta1",
    "cosmos.vesting.v1beta1",
    "cosmwasm.wasm.v1",
    "quern.beacon.v1",
];

/// The chain's own services, below `proto/`.
const OWN: &[&str] = &["quern/beacon/v1/query.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let manifest_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let path = manifest_dir.join("../../.deps/descriptors/cosmos.binpb");
    println!("cargo:rerun-if-changed={}", path.display());
    let bytes = fs::read(&path).map_err(|e| {
        format!(
            "{}: {e}. Run `make setup` first: it dumps the protocol descriptors there.",
            path.display()
        )
    })?;
    let own = manifest_dir.join("proto");
    println!("cargo:rerun-if-changed={}", own.display());
    // Encoded sets join end to end; decoding them first would lose the options that prost does not know.
    let bytes = packed(&[bytes, protox::compile(OWN, [own])?.encode_to_vec()].concat())?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.binpb"), &bytes)?;
    let mut set = FileDescriptorSet::decode(bytes.as_slice())?;

    for file in &mut set.file {
        // Doc comments of the original would break rustdoc and are not ours to ship.
        file.source_code_info = None;
    }
    // Types behind `extern_path` are not generated, but the generator must see them.
    let seen = |package: &str| package.starts_with("tendermint.") || package == "google.protobuf";
    // prost gives this file's nested message and its oneof the same name; nothing here uses it yet.
    set.file
        .retain(|f| f.name() != "cosmos/staking/v1beta1/authz.proto");
    set.file
        .retain(|f| PACKAGES.contains(&f.package()) || seen(f.package()));

    let mut config = prost_build::Config::new();
    config
        .out_dir(&out)
        .include_file("wire.rs")
        .extern_path(".tendermint", "::tendermint_proto::v0_38")
        .extern_path(".google.protobuf.Any", "::prost_types::Any")
        .enable_type_names()
        .type_name_domain(["."], "")
        .compile_fds(set)?;
    Ok(())
}

/// A descriptor set in which lists of numbers say that they are packed. In proto3 they are without a word, but prost takes a
/// field with any other option for one that is not, and would write it otherwise than the SDK.
fn packed(set: &[u8]) -> Result<Vec<u8>, DecodeError> {
    rewrite(set, &|tag, file| {
        let silent = tag == 1 && FileDescriptorProto::decode(file)?.syntax() == "proto3";
        let inner = |tag, value: &[u8]| match tag {
            4 if silent => packed_message(value),
            _ => Ok(value.to_vec()),
        };
        rewrite(file, &inner)
    })
}

/// As [`packed`], of a `DescriptorProto`.
fn packed_message(message: &[u8]) -> Result<Vec<u8>, DecodeError> {
    rewrite(message, &|tag, value| match tag {
        2 => packed_field(value),
        3 => packed_message(value),
        _ => Ok(value.to_vec()),
    })
}

/// As [`packed`], of a `FieldDescriptorProto`.
fn packed_field(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let field = FieldDescriptorProto::decode(bytes)?;
    let number = !matches!(
        field.r#type(),
        Type::String | Type::Bytes | Type::Message | Type::Group
    );
    let silent = field.options.as_ref().is_some_and(|o| o.packed.is_none());
    if field.label() != Label::Repeated || !number || !silent {
        return Ok(bytes.to_vec());
    }
    rewrite(bytes, &|tag, value| match tag {
        // `packed` of the options is their field 2
        8 => Ok([value, &[2 << 3, 1]].concat()),
        _ => Ok(value.to_vec()),
    })
}

/// What a field of bytes is replaced with, by its number.
type Change<'a> = dyn Fn(u32, &[u8]) -> Result<Vec<u8>, DecodeError> + 'a;

/// A message with some fields changed. Options that prost does not know stay.
fn rewrite(bytes: &[u8], change: &Change<'_>) -> Result<Vec<u8>, DecodeError> {
    let (mut rest, mut out) = (bytes, Vec::with_capacity(bytes.len()));
    while !rest.is_empty() {
        let whole = rest;
        let (tag, wire) = encoding::decode_key(&mut rest)?;
        if wire != WireType::LengthDelimited {
            encoding::skip_field(wire, tag, &mut rest, DecodeContext::default())?;
            out.extend_from_slice(&whole[..whole.len() - rest.len()]);
            continue;
        }
        let mut value = Vec::new();
        encoding::bytes::merge(wire, &mut value, &mut rest, DecodeContext::default())?;
        encoding::bytes::encode(tag, &change(tag, &value)?, &mut out);
    }
    Ok(out)
}
