//! What a QRN costs, as named posters say: `quernd tx post-quote`.

use quern_interface::pricing::ExecuteMsg;
use quern_protocol::Price;

use super::call::Call;
use crate::{Result, system::System};

/// Commands of posters.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Say what a QRN costs in US dollars, as a poster that governance named; nothing is paid by it
    PostQuote {
        /// US dollars for one QRN, for example 0.25
        usd: Price,
    },
}

impl Command {
    pub(super) fn call(&self) -> Result<Call> {
        let Self::PostQuote { usd } = *self;
        Call::new(System::Pricing, &ExecuteMsg::PostQuote { usd })
    }
}
