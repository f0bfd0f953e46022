//! A checked request in a remote engine's words.

mod body;
mod check;
mod format;

pub use body::{body, path, tools_sent};
pub use check::check;

use crate::capabilities::EngineKind;

/// What an engine calls `repetition_penalty`, if it has one.
pub fn repetition_penalty(kind: EngineKind) -> Option<&'static str> {
    match kind {
        EngineKind::Vllm | EngineKind::Sglang => Some("repetition_penalty"),
        EngineKind::LlamaCpp | EngineKind::LlamaCppPython => Some("repeat_penalty"),
        EngineKind::Tgi | EngineKind::Other => None,
    }
}
