//! What auditors earn and what missing payloads cost.

use quern_protocol::{Amount, Price};

/// Pay for verified tokens, the same for either verdict, rounded down; none if it does not fit.
pub fn pay(price: Price, tokens: u64) -> Option<Amount> {
    Amount(price.atomics()).mul_div_floor(tokens.into(), Price::UNIT)
}

/// What a host forfeits for a drawn leaf whose payload is missing, in a draw of `count` leaves out of
/// `total`: `amount + ceil(total / count)`. None for a draw of nothing, or if it does not fit.
///
/// The protocol asks for `amount / P(drawn)`, so that withholding gains nothing. With `x = count amount /
/// total`, `P >= 1 - (1 - amount/total)^count >= 1 - e^-x >= x / (1 + x)`, so
/// `amount / P <= amount (1 + 1/x) = amount + total / count`. For a leaf that nobody even located (`amount`
/// zero) each offset that hits it costs `total / count`, and its expected number of hits is x.
pub fn forfeit(amount: Amount, total: Amount, count: u32) -> Option<Amount> {
    total.mul_div_ceil(1, count.into())?.checked_add(amount)
}

/// What hiding costs, where not hiding would have to pay `cost` for every leaf: five thirds of it, rounded up. None
/// if it does not fit.
///
/// Who audits a leaf is known before it is revealed, so a host may show its bad leaves where the auditor is its
/// friend and hide them from all others. With a part h of the weight in friendly hands it captures 1 and loses
/// `(1 - h) k`: no gain while `k >= 1 / (1 - h)`, which is 5/3 at h = 0.4.
pub fn hiding(cost: Amount) -> Option<Amount> {
    cost.mul_div_ceil(5, 3)
}
