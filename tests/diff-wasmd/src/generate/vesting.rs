//! Accounts whose coins become free over time.

use quern_proto::Any;
use quern_proto::cosmos::vesting::v1beta1::{
    MsgCreatePeriodicVestingAccount, MsgCreatePermanentLockedAccount, MsgCreateVestingAccount, Period,
};
use quern_testkit::{GENESIS_TIME, any};
use rand::Rng;

use super::Generator;

impl Generator {
    pub(super) fn vesting(&mut self, user: usize) -> (&'static str, Vec<Any>) {
        let from_address = self.mine(user);
        let to_address = if self.rng.gen_bool(0.5) {
            self.known.fresh += 1;
            let fresh = quern_testkit::User::new(&format!("fresh {}", self.known.fresh));
            fresh.address().to_string()
        } else {
            self.address()
        };
        let message = match self.rng.gen_range(0..4) {
            0 => any(&MsgCreatePermanentLockedAccount {
                from_address,
                to_address,
                amount: self.amount(),
            }),
            1 => {
                let periods = (0..self.rng.gen_range(0..4))
                    .map(|_| Period {
                        length: self.rng.gen_range(-1..200),
                        amount: self.amount(),
                    })
                    .collect();
                any(&MsgCreatePeriodicVestingAccount {
                    from_address,
                    to_address,
                    start_time: GENESIS_TIME + self.rng.gen_range(-10..300),
                    vesting_periods: periods,
                })
            }
            _ => any(&MsgCreateVestingAccount {
                from_address,
                to_address,
                amount: self.amount(),
                end_time: GENESIS_TIME + self.rng.gen_range(-10..1_000),
                delayed: self.rng.gen_bool(0.5),
            }),
        };
        ("vesting", vec![message])
    }
}
