//! Messages of the pool.

use prost::Message;
use quern_context::{AnyMsg, Cx, MsgOutput};
use quern_proto::cosmos::{base::v1beta1 as base, distribution::v1beta1 as wire};
use quern_types::{AccAddress, Coin, Coins, Result, errors};

use crate::{ACCOUNT, BAD_DISTRIBUTION, address, error::INVALID_SIGNER};

/// A message of this module.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// Gives to the pool.
    Fund(wire::MsgFundCommunityPool),
    /// Pays out of the pool; only governance may.
    Spend(wire::MsgCommunityPoolSpend),
}

impl Msg {
    /// Type URLs that [`Msg::decode`] takes.
    pub const TYPE_URLS: &[&str] = &[
        "/cosmos.distribution.v1beta1.MsgFundCommunityPool",
        "/cosmos.distribution.v1beta1.MsgCommunityPoolSpend",
    ];

    /// Decodes a message of this module; `None` for another's type.
    pub fn decode(type_url: &str, value: &[u8]) -> Option<Result<Self>> {
        let decoded = match type_url.strip_prefix("/cosmos.distribution.v1beta1.")? {
            "MsgFundCommunityPool" => wire::MsgFundCommunityPool::decode(value).map(Self::Fund),
            "MsgCommunityPoolSpend" => wire::MsgCommunityPoolSpend::decode(value).map(Self::Spend),
            _ => return None,
        };
        Some(decoded.map_err(|e| errors::TX_DECODE.wrap(e.to_string())))
    }

    /// Addresses that must sign.
    ///
    /// # Errors
    /// `undefined/1` for a malformed address, `sdk/35` for another chain's.
    pub fn signers(&self) -> Result<Vec<AccAddress>> {
        let signer = match self {
            Self::Fund(msg) => &msg.depositor,
            Self::Spend(msg) => &msg.authority,
        };
        Ok(vec![AccAddress::from_signer(signer)?])
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
    /// `sdk/4` for a recipient that may not receive, `sdk/5`, `sdk/10`, `gov/13`, `distribution/9`.
    pub fn execute(self, cx: &Cx) -> Result<MsgOutput> {
        match self {
            Self::Fund(msg) => {
                let depositor = AccAddress::from_bech32(&msg.depositor).map_err(|e| {
                    errors::INVALID_ADDRESS.wrap(format!("invalid depositor address: {}", e.contexts()))
                })?;
                let amount = positive(&msg.amount)?;
                quern_auth::module_account(cx, ACCOUNT, &[])?;
                quern_bank::send_coins(cx, &depositor, &address(), &amount)?;
                Ok(output(&wire::MsgFundCommunityPoolResponse {}))
            }
            Self::Spend(msg) => {
                spend(cx, &msg)?;
                Ok(output(&wire::MsgCommunityPoolSpendResponse {}))
            }
        }
    }
}

fn spend(cx: &Cx, msg: &wire::MsgCommunityPoolSpend) -> Result<()> {
    let expected = quern_auth::authority();
    if msg.authority != expected {
        let got = &msg.authority;
        return Err(INVALID_SIGNER.wrap(format!("invalid authority; expected {expected}, got {got}")));
    }
    let amount = positive(&msg.amount)?;
    let recipient = AccAddress::from_bech32(&msg.recipient)?;
    if quern_bank::is_blocked(&recipient) {
        return Err(
            errors::UNAUTHORIZED.wrap(format!("{recipient} is not allowed to receive external funds"))
        );
    }
    for coin in &amount {
        if quern_bank::balance(cx, &address(), &coin.denom)? < coin.amount {
            return Err((&BAD_DISTRIBUTION).into());
        }
    }
    quern_bank::send_coins(cx, &address(), &recipient, &amount)
}

/// Coins that must be valid and not empty.
fn positive(wire: &[base::Coin]) -> Result<Coins> {
    if wire.is_empty() {
        return Err(errors::INVALID_COINS.wrap("amount cannot be nil"));
    }
    let shown = || {
        let coins = wire.iter().map(|c| format!("{}{}", c.amount, c.denom));
        errors::INVALID_COINS.wrap(coins.collect::<Vec<_>>().join(","))
    };
    let coins = wire
        .iter()
        .map(|c| Coin::parse(&c.denom, &c.amount))
        .collect::<Result<Vec<_>>>()
        .and_then(Coins::try_from_sorted)
        .map_err(|_| shown())?;
    Ok(coins)
}

fn output<M: prost::Name>(response: &M) -> MsgOutput {
    MsgOutput {
        response: AnyMsg {
            type_url: quern_proto::type_url::<M>(),
            value: response.encode_to_vec(),
        },
    }
}
