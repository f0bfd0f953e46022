//! Matrix products and attention on the CPU whose every row has the same bits whatever else is computed beside it.
//!
//! Libraries choose kernels, and with them the order of additions, by the shape of a whole product: a row of a batch
//! of eight differs in its last bits from the same row alone. Here the order follows from a row's own length, so a
//! request has the same logits alone or in any batch, in one piece or in many, from a cached prefix or not, on one
//! thread or several, and with every instruction set.

mod attention;
mod exp;
mod few;
mod groups;
mod half;
mod lanes;
mod packed;
mod panels;
mod product;
mod threads;
mod tile;

pub use attention::{Geometry, PAGE, Sequence, attend};
pub use product::Weight;
pub use threads::set_threads;
