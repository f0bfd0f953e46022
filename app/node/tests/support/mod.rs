//! What the tests of the real node share.

pub mod load;
pub mod processes;
