//! The two configuration files of a home.

pub mod app;
pub mod comet;
pub mod edit;
