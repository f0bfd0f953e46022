//! What the tests of the real node share; each uses a part of it.
#![allow(dead_code)]

pub mod hosts;
pub mod http;
pub mod load;
pub mod processes;
pub mod state;
