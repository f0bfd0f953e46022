//! The `registry` contract: who serves what, where, with which keys.
