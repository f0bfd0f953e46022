//! Encoded messages with something wrong in them, fields within fields included.

use rand::Rng;
use rand::rngs::StdRng;

/// A field of an encoded message.
#[derive(Clone)]
struct Field {
    number: u64,
    wire: u8,
    /// What stands after the key, and for a length-delimited field after the length.
    payload: Vec<u8>,
}

/// Numbers at the edges of what they are read into.
const EDGES: [u64; 10] = [
    0,
    1,
    127,
    128,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// Texts where an amount, a name or an address is awaited.
const TEXTS: [&[u8]; 18] = [
    b"",
    b" ",
    b"0",
    b"-1",
    b"1.5",
    b"00001",
    b"340282366920938463463374607431768211455",
    b"340282366920938463463374607431768211456",
    b"115792089237316195423570985008687907853269984665640564039457584007913129639936",
    b"1e9",
    b"nqrn",
    b"NQRN",
    b"ibc/27394FB092D2ECCD56123C74F36E4C1F926001CEADA9CA97EA622B25F41E5EB2",
    b"quern1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqfujzmf",
    b"cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh",
    b"\xff\xfe\x80",
    b"\0",
    "\u{202e}\u{0301}\u{1f600}".as_bytes(),
];

/// The message with one thing changed.
pub fn mutate(rng: &mut StdRng, message: &[u8]) -> Vec<u8> {
    let Some(mut fields) = parse(message).filter(|fields| !fields.is_empty()) else {
        return scramble(rng, message);
    };
    let at = rng.gen_range(0..fields.len());
    if fields[at].wire == 2 && rng.gen_bool(0.55) {
        fields[at].payload = mutate(rng, &fields[at].payload);
        return encode(&fields);
    }
    match rng.gen_range(0..12) {
        0 => {
            fields.remove(at);
        }
        1 => {
            let copies = *[1, 1, 2, 300].get(rng.gen_range(0..4)).unwrap_or(&1);
            let copy = fields[at].clone();
            fields.extend(std::iter::repeat_n(copy, copies));
        }
        2 => fields[at].number = [0, 1, 2, 15, 16, 100, 1_047, 1 << 28, (1 << 29) - 1][rng.gen_range(0..9)],
        3 => fields[at].wire = rng.gen_range(0..8),
        4 | 5 if fields[at].wire == 0 => fields[at].payload = varint(EDGES[rng.gen_range(0..EDGES.len())]),
        4..=6 => fields[at].payload = TEXTS[rng.gen_range(0..TEXTS.len())].to_vec(),
        7 => {
            let length = [100, 1_000, 70_000][rng.gen_range(0..3)];
            fields[at].payload = vec![b'a'; length];
        }
        8 => nest(rng, &mut fields[at]),
        9 => {
            let to = rng.gen_range(0..fields.len());
            fields.swap(at, to);
        }
        10 => return relength(rng, &fields, at),
        _ => return scramble(rng, message),
    }
    encode(&fields)
}

/// Puts a field into itself, again and again.
fn nest(rng: &mut StdRng, field: &mut Field) {
    field.wire = 2;
    for _ in 0..[1, 5, 12, 40, 120][rng.gen_range(0..5)] {
        let inside = encode(std::slice::from_ref(field));
        field.payload = inside;
    }
}

/// A field whose length is not its own.
fn relength(rng: &mut StdRng, fields: &[Field], at: usize) -> Vec<u8> {
    let mut out = encode(&fields[..at]);
    let field = &fields[at];
    out.extend(varint(field.number << 3 | 2));
    let length = field.payload.len() as u64;
    let wrong = [
        0,
        length / 2,
        length + 1,
        length + 1_000,
        u64::from(u32::MAX),
        u64::MAX,
    ];
    out.extend(varint(wrong[rng.gen_range(0..wrong.len())]));
    out.extend(&field.payload);
    out.extend(encode(&fields[at + 1..]));
    out
}

/// Bytes that were turned, cut or put in.
fn scramble(rng: &mut StdRng, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let at = rng.gen_range(0..=out.len());
    match rng.gen_range(0..4) {
        0 => out.truncate(at),
        1 => {
            let more: Vec<u8> = (0..rng.gen_range(1..12)).map(|_| rng.r#gen()).collect();
            out.splice(at..at, more);
        }
        2 if at < out.len() => out[at] = rng.r#gen(),
        _ if at < out.len() => out[at] ^= 1 << rng.gen_range(0..8),
        _ => out.push(rng.r#gen()),
    }
    out
}

fn parse(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (key, read) = read_varint(bytes)?;
        bytes = &bytes[read..];
        let wire = (key & 7) as u8;
        let (skip, length) = match wire {
            0 => (0, read_varint(bytes)?.1),
            1 => (0, 8),
            2 => {
                let (length, read) = read_varint(bytes)?;
                (read, usize::try_from(length).ok()?)
            }
            5 => (0, 4),
            _ => return None,
        };
        let payload = bytes.get(skip..skip.checked_add(length)?)?.to_vec();
        bytes = &bytes[skip + length..];
        fields.push(Field {
            number: key >> 3,
            wire,
            payload,
        });
    }
    Some(fields)
}

fn encode(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        out.extend(varint(field.number << 3 | u64::from(field.wire)));
        if field.wire == 2 {
            out.extend(varint(field.payload.len() as u64));
        }
        out.extend(&field.payload);
    }
    out
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn read_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * index as u32)?;
        if *byte < 0x80 {
            return Some((value, index + 1));
        }
    }
    None
}
