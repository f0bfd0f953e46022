//! The two configuration files of a home.

pub mod app;
pub mod comet;
pub mod comet_keys;
pub mod edit;
pub mod foreign;
pub mod judge;
#[cfg(test)]
mod table;
