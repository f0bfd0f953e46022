//! Coins behind hosts: `quernd tx bond` and its kin.

use quern_interface::bonding::ExecuteMsg;
use quern_protocol::Amount;
use quern_types::AccAddress;

use super::call::{Call, positive};
use crate::{
    Result, qrn,
    system::{System, account},
};

/// Commands of bonding.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Put coins behind a host; a proven offence of the host can take them
    Bond {
        /// Host's address
        #[arg(value_parser = account)]
        host: AccAddress,
        /// Amount, for example 12.5qrn
        #[arg(value_parser = qrn::amount)]
        amount: Amount,
    },
    /// Take coins back from behind a host; they can be slashed until they mature
    Unbond {
        /// Host's address
        #[arg(value_parser = account)]
        host: AccAddress,
        /// Amount, for example 12.5qrn
        #[arg(value_parser = qrn::amount)]
        amount: Amount,
    },
    /// Pay out what has matured, or bond it where it was to move
    Withdraw {
        /// Host's address
        #[arg(value_parser = account)]
        host: AccAddress,
    },
    /// Move coins from behind one host to another: they mature like unbonding, and `withdraw` bonds them there
    MoveBond {
        /// Host that loses them
        #[arg(value_name = "FROM", value_parser = account)]
        source: AccAddress,
        /// Host that gets them
        #[arg(value_name = "TO", value_parser = account)]
        target: AccAddress,
        /// Amount, for example 12.5qrn
        #[arg(value_parser = qrn::amount)]
        amount: Amount,
    },
    /// Say whether others may fund the signing host
    SetOpen {
        /// true or false
        #[arg(action = clap::ArgAction::Set)]
        open: bool,
    },
}

impl Command {
    pub(super) fn call(&self) -> Result<Call> {
        let (msg, funds) = match self {
            Self::Bond { host, amount } => {
                let host = host.to_string();
                (ExecuteMsg::Bond { host }, positive(*amount)?)
            }
            Self::Unbond { host, amount } => (
                ExecuteMsg::Unbond {
                    host: host.to_string(),
                    amount: positive(*amount)?,
                },
                Amount::ZERO,
            ),
            Self::Withdraw { host } => {
                let host = host.to_string();
                (ExecuteMsg::Withdraw { host }, Amount::ZERO)
            }
            Self::MoveBond {
                source,
                target,
                amount,
            } => (
                ExecuteMsg::Move {
                    from: source.to_string(),
                    to: target.to_string(),
                    amount: positive(*amount)?,
                },
                Amount::ZERO,
            ),
            Self::SetOpen { open } => (ExecuteMsg::SetOpen { open: *open }, Amount::ZERO),
        };
        Ok(Call::new(System::Bonding, &msg)?.with(funds))
    }
}
