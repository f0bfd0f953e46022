//! Messages of x/auth/vesting.

use prost::Message;
use quern_auth::{Schedule, Vesting};
use quern_context::{AnyMsg, Cx, MsgOutput};
use quern_proto::cosmos::vesting::v1beta1 as wire;
use quern_types::{AccAddress, Coins, Result, errors};

use crate::parse;

/// A message of this module.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// Coins that become free evenly, or all at the end.
    CreateVestingAccount(wire::MsgCreateVestingAccount),
    /// Coins that never become free.
    CreatePermanentLockedAccount(wire::MsgCreatePermanentLockedAccount),
    /// Coins that become free at the end of each period.
    CreatePeriodicVestingAccount(wire::MsgCreatePeriodicVestingAccount),
}

impl Msg {
    /// Type URLs that [`Msg::decode`] takes.
    pub const TYPE_URLS: &[&str] = &[
        "/cosmos.vesting.v1beta1.MsgCreateVestingAccount",
        "/cosmos.vesting.v1beta1.MsgCreatePermanentLockedAccount",
        "/cosmos.vesting.v1beta1.MsgCreatePeriodicVestingAccount",
    ];

    /// Decodes a message of this module; `None` for another's type.
    pub fn decode(type_url: &str, value: &[u8]) -> Option<Result<Self>> {
        let decoded =
            match type_url.strip_prefix("/cosmos.vesting.v1beta1.")? {
                "MsgCreateVestingAccount" => {
                    wire::MsgCreateVestingAccount::decode(value).map(Self::CreateVestingAccount)
                }
                "MsgCreatePermanentLockedAccount" => wire::MsgCreatePermanentLockedAccount::decode(value)
                    .map(Self::CreatePermanentLockedAccount),
                "MsgCreatePeriodicVestingAccount" => wire::MsgCreatePeriodicVestingAccount::decode(value)
                    .map(Self::CreatePeriodicVestingAccount),
                _ => return None,
            };
        Some(decoded.map_err(|e| errors::TX_DECODE.wrap(e.to_string())))
    }

    /// Addresses that must sign.
    ///
    /// # Errors
    /// `undefined/1` for a malformed address, `sdk/35` for another chain's.
    pub fn signers(&self) -> Result<Vec<AccAddress>> {
        let from = match self {
            Self::CreateVestingAccount(msg) => &msg.from_address,
            Self::CreatePermanentLockedAccount(msg) => &msg.from_address,
            Self::CreatePeriodicVestingAccount(msg) => &msg.from_address,
        };
        Ok(vec![AccAddress::from_signer(from)?])
    }

    /// Stateless checks: none, the handlers make them.
    ///
    /// # Errors
    /// Never.
    pub fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// Executes the message.
    ///
    /// # Errors
    /// `sdk/18` if the account exists or the schedule means nothing, `sdk/4` for a blocked address, `bank/5` for
    /// coins that may not be sent, `sdk/5` if the sender has too little.
    pub fn execute(self, cx: &Cx) -> Result<MsgOutput> {
        match self {
            Self::CreateVestingAccount(msg) => {
                let (from, to) = parse::parties(&msg.from_address, &msg.to_address)?;
                let amount = parse::amount(&msg.amount)?;
                if msg.end_time <= 0 {
                    return Err(errors::INVALID_REQUEST.wrap("invalid end time"));
                }
                quern_bank::check_send_enabled(cx, &amount)?;
                check_new(cx, &to)?;
                let schedule = if msg.delayed {
                    Schedule::Delayed
                } else {
                    // an end in the past, which frees all at once, is taken as the SDK takes it
                    Schedule::Continuous {
                        start_time: cx.block.time.seconds,
                    }
                };
                let vesting = Vesting {
                    original: amount.clone(),
                    delegated_free: Coins::empty(),
                    delegated_vesting: Coins::empty(),
                    end_time: msg.end_time,
                    schedule,
                };
                create(cx, &from, &to, &amount, vesting)?;
                Ok(output("MsgCreateVestingAccountResponse"))
            }
            Self::CreatePermanentLockedAccount(msg) => {
                let (from, to) = parse::parties(&msg.from_address, &msg.to_address)?;
                let amount = parse::amount(&msg.amount)?;
                quern_bank::check_send_enabled(cx, &amount)?;
                check_new(cx, &to)?;
                let vesting = Vesting::new(amount.clone(), 0, Schedule::PermanentLocked)?;
                create(cx, &from, &to, &amount, vesting)?;
                Ok(output("MsgCreatePermanentLockedAccountResponse"))
            }
            Self::CreatePeriodicVestingAccount(msg) => {
                let (from, to) = parse::parties(&msg.from_address, &msg.to_address)?;
                let (periods, total, end) = parse::periods(msg.start_time, &msg.vesting_periods)?;
                check_new(cx, &to)?;
                quern_bank::check_send_enabled(cx, &total)?;
                let start_time = msg.start_time;
                if start_time >= end {
                    let text = "vesting start-time cannot be before end-time";
                    return Err(errors::INVALID_REQUEST.wrap(text));
                }
                let vesting = Vesting::new(total.clone(), end, Schedule::Periodic { start_time, periods })?;
                create(cx, &from, &to, &total, vesting)?;
                Ok(output("MsgCreatePeriodicVestingAccountResponse"))
            }
        }
    }
}

fn check_new(cx: &Cx, to: &AccAddress) -> Result<()> {
    if quern_bank::is_blocked(to) {
        return Err(errors::UNAUTHORIZED.wrap(format!("{to} is not allowed to receive funds")));
    }
    if quern_auth::has(cx, to)? {
        return Err(errors::INVALID_REQUEST.wrap(format!("account {to} already exists")));
    }
    Ok(())
}

fn create(cx: &Cx, from: &AccAddress, to: &AccAddress, amount: &Coins, vesting: Vesting) -> Result<()> {
    quern_auth::create_vesting(cx, to, vesting)?;
    quern_bank::send_coins(cx, from, to, amount)
}

/// Every response of this module is an empty message.
fn output(name: &str) -> MsgOutput {
    let response = AnyMsg {
        type_url: format!("/cosmos.vesting.v1beta1.{name}"),
        value: Vec::new(),
    };
    MsgOutput { response }
}
