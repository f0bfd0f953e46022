//! Pay of auditors and rewards of hosts: `quernd tx withdraw-audit-pay` and its kin.

use quern_interface::{audits, rewards};
use quern_protocol::Amount;
use quern_types::AccAddress;

use super::call::{Call, positive};
use crate::{
    Result, qrn,
    system::{System, account},
};

/// Commands of audits and rewards.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Take what the signing host earned as an auditor
    WithdrawAuditPay,
    /// Put coins into the pot that auditors are paid from
    FundAudits {
        /// Amount, for example 12.5qrn
        #[arg(value_parser = qrn::amount)]
        amount: Amount,
    },
    /// Pay a host's vested rewards to its payout address; anybody may send it
    ClaimRewards {
        /// Host's address
        #[arg(value_parser = account)]
        host: AccAddress,
    },
    /// Do audit work that is due, if a block's end does not get past it; anybody may send it
    AdvanceAudits {
        /// At most this many steps
        #[arg(long, value_name = "N", default_value_t = 1)]
        steps: u32,
    },
}

impl Command {
    pub(super) fn call(&self) -> Result<Call> {
        match self {
            Self::WithdrawAuditPay => Call::new(System::Audits, &audits::ExecuteMsg::Withdraw {}),
            Self::FundAudits { amount } => {
                let call = Call::new(System::Audits, &audits::ExecuteMsg::Fund {})?;
                Ok(call.with(positive(*amount)?))
            }
            Self::ClaimRewards { host } => {
                let host = host.to_string();
                Call::new(System::Rewards, &rewards::ExecuteMsg::Claim { host })
            }
            Self::AdvanceAudits { steps } => {
                Call::new(System::Audits, &audits::ExecuteMsg::Advance { steps: *steps })
            }
        }
    }
}
