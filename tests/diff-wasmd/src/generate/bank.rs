//! Transfers.

use quern_proto::Any;
use quern_proto::cosmos::bank::v1beta1::{
    Input, MsgMultiSend, MsgSend, MsgSetSendEnabled, Output, SendEnabled,
};
use quern_testkit::any;
use rand::Rng;

use super::{Generator, coin};

impl Generator {
    pub(super) fn bank(&mut self, user: usize) -> (&'static str, Vec<Any>) {
        match self.rng.gen_range(0..20) {
            0..=13 => ("send", vec![self.send(user)]),
            14 => {
                let several = (0..self.rng.gen_range(0..5)).map(|_| self.send(user)).collect();
                ("sends", several)
            }
            15 => ("set send enabled", vec![self.switch(user)]),
            _ => ("multi-send", vec![self.multi_send(user)]),
        }
    }

    pub(super) fn send(&mut self, user: usize) -> Any {
        any(&MsgSend {
            from_address: self.mine(user),
            to_address: self.address(),
            amount: self.amount(),
        })
    }

    fn multi_send(&mut self, user: usize) -> Any {
        let count = self.rng.gen_range(0..5_u32);
        let each = self.rng.gen_range(0..50_u32);
        let outputs = (0..count)
            .map(|_| Output {
                address: self.address(),
                coins: vec![coin("nqrn", &each.to_string())],
            })
            .collect();
        let total = count * each + u32::from(self.rng.gen_bool(0.1));
        let mut inputs = vec![Input {
            address: self.mine(user),
            coins: vec![coin("nqrn", &total.to_string())],
        }];
        if self.rng.gen_bool(0.1) {
            inputs.push(inputs[0].clone());
        }
        if self.rng.gen_bool(0.05) {
            inputs.clear();
        }
        any(&MsgMultiSend { inputs, outputs })
    }

    fn switch(&mut self, user: usize) -> Any {
        any(&MsgSetSendEnabled {
            authority: self.mine(user),
            send_enabled: vec![SendEnabled {
                denom: "nqrn".into(),
                enabled: false,
            }],
            use_default_for: vec![],
        })
    }
}
