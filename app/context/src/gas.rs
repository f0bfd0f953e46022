//! Gas metering with the Cosmos SDK's rules (`store/types/gas.go`).

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use quern_types::{Error, Result, errors};

/// Units of SDK gas.
pub type Gas = u64;

/// Costs of key-value access in SDK gas (`KVGasConfig`).
pub(crate) mod kv_cost {
    use super::Gas;
    pub const HAS: Gas = 1000;
    pub const DELETE: Gas = 1000;
    pub const READ_FLAT: Gas = 1000;
    pub const READ_PER_BYTE: Gas = 3;
    pub const WRITE_FLAT: Gas = 2000;
    pub const WRITE_PER_BYTE: Gas = 30;
    pub const ITER_NEXT_FLAT: Gas = 30;
}

/// Counts gas against an optional limit. Clones share the count.
#[derive(Clone, Debug)]
pub struct GasMeter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: Option<Gas>,
    consumed: AtomicU64,
}

impl GasMeter {
    /// Fails once more than `limit` is used.
    pub fn limited(limit: Gas) -> Self {
        Self(Arc::new(Inner {
            limit: Some(limit),
            consumed: AtomicU64::new(0),
        }))
    }

    /// Counts without a limit.
    pub fn infinite() -> Self {
        Self(Arc::new(Inner {
            limit: None,
            consumed: AtomicU64::new(0),
        }))
    }

    /// Adds `amount`. What went over the limit stays counted, as in the SDK.
    ///
    /// # Errors
    /// `sdk/11` past the limit or if the count overflows.
    pub fn consume(&self, amount: Gas, descriptor: &str) -> Result<()> {
        let before = self.0.consumed.load(Ordering::Relaxed);
        let after = before.saturating_add(amount);
        self.0.consumed.store(after, Ordering::Relaxed);
        match self.0.limit {
            Some(limit) if after > limit => Err(self.out_of_gas(descriptor)),
            None if before.checked_add(amount).is_none() => Err(self.out_of_gas(descriptor)),
            _ => Ok(()),
        }
    }

    /// Gives back gas that was charged ahead.
    pub fn refund(&self, amount: Gas) {
        let left = self.consumed().saturating_sub(amount);
        self.0.consumed.store(left, Ordering::Relaxed);
    }

    /// The error that [`GasMeter::consume`] returns, for a caller that finds out by other means.
    pub fn out_of_gas(&self, descriptor: &str) -> Error {
        errors::OUT_OF_GAS.wrap(format!(
            "out of gas in location: {descriptor}; gasWanted: {}, gasUsed: {}",
            self.0.limit.unwrap_or(0),
            self.consumed()
        ))
    }

    /// Gas used so far, possibly above the limit.
    pub fn consumed(&self) -> Gas {
        self.0.consumed.load(Ordering::Relaxed)
    }

    /// Gas used so far, at most the limit.
    pub fn consumed_to_limit(&self) -> Gas {
        self.0
            .limit
            .map_or(self.consumed(), |limit| limit.min(self.consumed()))
    }

    /// Gas left; `u64::MAX` without a limit (the SDK's `GasRemaining`).
    pub fn remaining(&self) -> Gas {
        self.0
            .limit
            .map_or(Gas::MAX, |limit| limit.saturating_sub(self.consumed()))
    }

    /// The limit, if there is one.
    pub fn limit(&self) -> Option<Gas> {
        self.0.limit
    }

    /// Whether more than the limit has been used.
    pub fn is_past_limit(&self) -> bool {
        self.0.limit.is_some_and(|limit| self.consumed() > limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_past_the_limit_fails_and_stays_counted() {
        let meter = GasMeter::limited(100);
        meter.consume(100, "a").unwrap();
        assert!(!meter.is_past_limit());
        let error = meter.consume(5, "WriteFlat").unwrap_err();
        assert_eq!(
            error.to_string(),
            "out of gas in location: WriteFlat; gasWanted: 100, gasUsed: 105: out of gas"
        );
        assert_eq!(
            (meter.consumed(), meter.consumed_to_limit(), meter.remaining()),
            (105, 100, 0)
        );
    }

    #[test]
    fn a_count_cannot_wrap() {
        let meter = GasMeter::infinite();
        meter.consume(Gas::MAX, "a").unwrap();
        assert!(meter.consume(1, "b").is_err());
        assert_eq!(meter.consumed(), Gas::MAX);
    }
}
