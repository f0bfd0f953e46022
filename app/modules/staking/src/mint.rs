//! x/mint: the emission of an epoch as a part of supply and a year.

use quern_context::{Cx, Router, answer};
use quern_proto::cosmos::mint::v1beta1 as wire;
use quern_protocol::Amount;
use quern_types::{BASE_DENOM, Denom, Event, Result};

use crate::{contracts::Contracts, number as dec, pace::Pace};

/// Answers a query of this service.
pub(crate) fn query(to: Contracts<'_>, method: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    Some(match method {
        "Params" => answer(request, |_: wire::QueryParamsRequest| {
            let inflation = inflation(to)?;
            Ok(wire::QueryParamsResponse {
                // the schedule of genesis decides, whatever is bonded
                params: Some(wire::Params {
                    mint_denom: BASE_DENOM.into(),
                    inflation_rate_change: "0".into(),
                    inflation_max: inflation.clone(),
                    inflation_min: inflation,
                    goal_bonded: "0".into(),
                    blocks_per_year: Pace::at(to.cx)?.blocks_per_year(),
                }),
            })
        }),
        "Inflation" => answer(request, |_: wire::QueryInflationRequest| {
            let inflation = inflation(to)?.into_bytes();
            Ok(wire::QueryInflationResponse { inflation })
        }),
        "AnnualProvisions" => answer(request, |_: wire::QueryAnnualProvisionsRequest| {
            let annual_provisions = dec::whole(provisions(to)?).into_bytes();
            Ok(wire::QueryAnnualProvisionsResponse { annual_provisions })
        }),
        _ => return None,
    })
}

/// Says as x/mint what an epoch brought, beside what the queries answer from now on.
///
/// # Errors
/// A halt. What cannot be asked is not said.
pub fn minted(cx: &Cx, router: &dyn Router, amount: u128) -> Result<()> {
    let to = Contracts { cx, router };
    let event = || -> Result<Event> {
        let bonded = crate::staking::bonded(to)?;
        let supply = quern_bank::supply(cx, &Denom::base())?;
        Ok(Event::new("mint")
            .with("bonded_ratio", dec::text(&dec::ratio(bonded.0, supply)))
            .with("inflation", dec::text(&inflation(to)?))
            .with("annual_provisions", dec::text(&dec::whole(provisions(to)?)))
            .with("amount", amount))
    };
    match event() {
        Ok(event) => cx.emit(event),
        Err(error) if error.is_halt() => return Err(error),
        Err(_) => {}
    }
    Ok(())
}

/// What a year brings at the emission of this epoch and the pace of late. The next epochs bring less.
fn provisions(to: Contracts<'_>) -> Result<Amount> {
    let Some(schedule) = quern_emission::schedule(to.cx)? else {
        return Ok(Amount::ZERO);
    };
    let (next, _) = schedule.step();
    let epoch = quern_system::params(to.cx)?.epoch_blocks;
    let year = Pace::at(to.cx)?.blocks_per_year();
    Ok(next.mul_div_floor(year.into(), epoch.into()).unwrap_or_default())
}

fn inflation(to: Contracts<'_>) -> Result<String> {
    let supply = quern_bank::supply(to.cx, &Denom::base())?;
    Ok(dec::ratio(provisions(to)?.0, supply))
}
