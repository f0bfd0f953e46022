//! Weights in fewer bits, of which none is lost.
//!
//! The numbers of a trained matrix are of nearly the same size: sixteen values of the exponent cover almost all of a
//! panel, so four bits tell which one it is instead of eight. A number of bfloat16 takes 12 bits then, and one of fp32 takes
//! 28. What has another exponent is a stray, and stands in a list of its own. Decoding one row of a batch waits for
//! memory alone, so it gets faster by what is not read.

use crate::lanes::{LANES, Lanes};
use crate::panels::{Numbers, PANEL};

/// Exponents that a panel tells apart.
pub(crate) const EXPONENTS: usize = 16;
/// Bytes of 16 lanes of 32 bits.
const LINE: usize = 64;
/// Bytes from the record in use to the one that is asked of memory.
const AHEAD: usize = 8192;
/// Numbers for each stray: where there are more strays, packing is not worth it.
const STRAYS: usize = 256;

/// Two inputs of a panel: the signs and upper fractions of the first and of the second, a byte each; the
/// exponents of both, four bits each; and in fp32 the lower halves of the first and of the second.
///
/// Lane j of a vector of 32-bit lanes holds the numbers of the outputs j, 16 + j, 32 + j and 48 + j, from the lowest bits on.
pub(crate) const fn record(whole: bool) -> usize {
    if whole { 7 * LINE } else { 3 * LINE }
}

/// A number that is not among the exponents of its panel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stray {
    pub(crate) input: u32,
    pub(crate) column: u32,
    pub(crate) number: f32,
}

impl Panel<'_> {
    /// Some inputs of it; the first is even.
    pub(crate) fn part(self, from: usize, length: usize, whole: bool) -> Self {
        let size = record(whole);
        let after = |input: usize| {
            self.strays
                .partition_point(|stray| (stray.input as usize) < input)
        };
        Self {
            records: &self.records[from / 2 * size..(from + length).div_ceil(2) * size],
            table: self.table,
            strays: &self.strays[after(from)..after(from + length)],
        }
    }
}

/// Asks memory for a record that will be read soon, when this one is.
#[inline(always)]
pub(crate) fn fetch<V: Lanes, const WHOLE: bool>(this: *const u8) {
    for line in 0..record(WHOLE) / LINE {
        V::fetch(this.wrapping_add(AHEAD + line * LINE));
    }
}

/// What a matrix is packed to.
pub(crate) struct Packed {
    /// Whether numbers are of fp32, and not of bfloat16.
    pub(crate) whole: bool,
    records: Numbers<u8>,
    /// For each panel, by what stands in the four bits: exponents in their place in a number.
    tables: Vec<[u32; EXPONENTS]>,
    /// For each panel, where its strays begin; and where the last one's end.
    starts: Vec<usize>,
    /// In the order of panels, of inputs and of outputs.
    strays: Vec<Stray>,
}

/// A panel to read.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a> {
    /// For each two inputs.
    pub(crate) records: &'a [u8],
    pub(crate) table: &'a [u32; EXPONENTS],
    pub(crate) strays: &'a [Stray],
}

impl Packed {
    /// From a matrix row by row; none if too many numbers would be strays.
    pub(crate) fn new(rows: &[f32], inputs: usize, whole: bool) -> Option<Self> {
        Self::within(rows, inputs, whole, rows.len() / STRAYS)
    }

    /// As [`Packed::new`], with as many strays at most.
    pub(crate) fn within(rows: &[f32], inputs: usize, whole: bool, strays: usize) -> Option<Self> {
        let outputs = rows.len() / inputs;
        let panels = outputs.div_ceil(PANEL);
        let size = inputs.div_ceil(2) * record(whole);
        let mut packed = Self {
            whole,
            records: Numbers::zeroed(panels * size),
            tables: Vec::with_capacity(panels),
            starts: Vec::with_capacity(panels + 1),
            strays: Vec::new(),
        };
        for panel in 0..panels {
            let here = &rows[panel * PANEL * inputs..outputs.min((panel + 1) * PANEL) * inputs];
            let records = &mut packed.records[panel * size..(panel + 1) * size];
            packed.starts.push(packed.strays.len());
            packed
                .tables
                .push(pack(here, inputs, whole, records, &mut packed.strays));
            if packed.strays.len() > strays {
                return None;
            }
        }
        packed.starts.push(packed.strays.len());
        Some(packed)
    }

    pub(crate) fn panel(&self, index: usize, inputs: usize) -> Panel<'_> {
        let size = inputs.div_ceil(2) * record(self.whole);
        Panel {
            records: &self.records[index * size..(index + 1) * size],
            table: &self.tables[index],
            strays: &self.strays[self.starts[index]..self.starts[index + 1]],
        }
    }

    /// A number of the matrix.
    pub(crate) fn number(&self, output: usize, input: usize, inputs: usize) -> f32 {
        let panel = self.panel(output / PANEL, inputs);
        let column = output % PANEL;
        let key = (input as u32, column as u32);
        match panel
            .strays
            .binary_search_by_key(&key, |stray| (stray.input, stray.column))
        {
            Ok(found) => panel.strays[found].number,
            Err(_) => {
                let size = record(self.whole);
                let record = &panel.records[input / 2 * size..][..size];
                unpack(record, panel.table, self.whole, input % 2 == 1, column)
            }
        }
    }

    /// Bytes that the weights take.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.records)
            + size_of_val(&*self.tables)
            + size_of_val(&*self.starts)
            + size_of_val(&*self.strays)
    }
}

/// One number of a record, whatever stands there for a stray.
#[inline(always)]
pub(crate) fn unpack(
    record: &[u8],
    table: &[u32; EXPONENTS],
    whole: bool,
    second: bool,
    column: usize,
) -> f32 {
    let (vector, lane) = (column / LANES, column % LANES);
    let second = usize::from(second);
    let upper = u32::from(record[second * LINE + lane * 4 + vector]);
    let codes = record[2 * LINE + lane * 4 + 2 * second + vector / 2];
    let code = codes >> (vector % 2 * 4) & 15;
    let mut bits = (upper & 0x80) << 24 | (upper & 0x7f) << 16 | table[usize::from(code)];
    if whole {
        let place = (3 + 2 * second + vector / 2) * LINE + lane * 4 + vector % 2 * 2;
        bits |= u32::from(record[place]) | u32::from(record[place + 1]) << 8;
    }
    f32::from_bits(bits)
}

/// Packs the rows of a panel, and returns its exponents.
fn pack(
    rows: &[f32],
    inputs: usize,
    whole: bool,
    records: &mut [u8],
    strays: &mut Vec<Stray>,
) -> [u32; EXPONENTS] {
    const OTHER: u8 = u8::MAX;
    let mut counts = [0_u32; 256];
    for number in rows {
        counts[exponent(*number)] += 1;
    }
    let mut exponents: Vec<usize> = (0..256).collect();
    exponents.sort_by_key(|exponent| std::cmp::Reverse(counts[*exponent]));
    let (mut table, mut codes) = ([0; EXPONENTS], [OTHER; 256]);
    for (code, exponent) in exponents.into_iter().take(EXPONENTS).enumerate() {
        table[code] = (exponent as u32) << 23;
        codes[exponent] = code as u8;
    }
    let first = strays.len();
    for (column, row) in rows.chunks_exact(inputs).enumerate() {
        let (vector, lane) = (column / LANES, column % LANES);
        for (input, number) in row.iter().enumerate() {
            let record = &mut records[input / 2 * record(whole)..][..record(whole)];
            let (second, bits) = (input % 2, number.to_bits());
            let code = codes[exponent(*number)];
            if code == OTHER {
                strays.push(Stray {
                    input: input as u32,
                    column: column as u32,
                    number: *number,
                });
                continue;
            }
            record[second * LINE + lane * 4 + vector] = (bits >> 24 & 0x80 | bits >> 16 & 0x7f) as u8;
            record[2 * LINE + lane * 4 + 2 * second + vector / 2] |= code << (vector % 2 * 4);
            if whole {
                let place = (3 + 2 * second + vector / 2) * LINE + lane * 4 + vector % 2 * 2;
                record[place..place + 2].copy_from_slice(&(bits as u16).to_le_bytes());
            }
        }
    }
    strays[first..].sort_by_key(|stray| (stray.input, stray.column));
    table
}

fn exponent(number: f32) -> usize {
    (number.to_bits() >> 23 & 0xff) as usize
}
