//! Envelopes that are wrong.

use quern_proto::Any;
use quern_testkit::{GENESIS_TIME, Mangle, TxBuilder};
use rand::Rng;

use super::Generator;

impl Generator {
    /// Mostly nothing; changes the body where the fault is there.
    pub(super) fn mangle(&mut self, tx: &mut TxBuilder) -> Mangle {
        match self.rng.gen_range(0..120) {
            0 => Mangle::Chain,
            1 => Mangle::Ahead(self.rng.gen_range(1..3)),
            2 => Mangle::Behind,
            3 => Mangle::Bit,
            4 => Mangle::Unsigned,
            5 => Mangle::Twice,
            6 => Mangle::UnknownField,
            7 => Mangle::Cut,
            8 => Mangle::Stranger,
            9 => {
                tx.fee.gas_limit = self.rng.gen_range(0..3_000);
                Mangle::None
            }
            10 => {
                tx.body.memo = "m".repeat(self.rng.gen_range(250..270));
                Mangle::None
            }
            11 => {
                tx.body.timeout_height = self.rng.gen_range(1..400);
                Mangle::None
            }
            12 => {
                tx.body.unordered = true;
                Mangle::None
            }
            13 => {
                tx.body.messages.clear();
                Mangle::None
            }
            14 => {
                let unknown = Any {
                    type_url: "/no.such.Msg".into(),
                    value: vec![8, 1],
                };
                tx.body.messages.push(unknown);
                Mangle::None
            }
            15 => {
                tx.body.extension_options.push(Any::default());
                Mangle::None
            }
            16 => {
                tx.fee.granter = self.address();
                Mangle::None
            }
            17 => {
                tx.fee.payer = self.address();
                Mangle::None
            }
            18 => {
                tx.body.timeout_timestamp = Some(prost_types::Timestamp {
                    seconds: GENESIS_TIME + 10,
                    nanos: 0,
                });
                Mangle::None
            }
            19..=22 => {
                tx.fee.granter = self.someone();
                Mangle::None
            }
            _ => Mangle::None,
        }
    }
}
