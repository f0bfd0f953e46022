//! Attributes of answers and events: one loop in the code instead of many calls.

use cosmwasm_std::{Event, Response};
use quern_interface::audits::Phase;

/// An answer with its attributes.
#[inline(never)]
pub fn answer(action: &str, attributes: &[(&str, String)]) -> Response {
    let mut response = Response::new().add_attribute("action", action);
    for (key, value) in attributes {
        response = response.add_attribute(*key, value);
    }
    response
}

/// An event with its attributes.
#[inline(never)]
pub fn event(name: &str, attributes: &[(&str, String)]) -> Event {
    let mut event = Event::new(name);
    for (key, value) in attributes {
        event = event.add_attribute(*key, value);
    }
    event
}

/// A phase as JSON names it.
pub const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Collect => "collect",
        Phase::Snapshot => "snapshot",
        Phase::Draw => "draw",
        Phase::Reveal => "reveal",
        Phase::Commit => "commit",
        Phase::Vote => "vote",
        Phase::Panel => "panel",
        Phase::Review => "review",
        Phase::Evidence => "evidence",
        Phase::Tally => "tally",
        Phase::Pay => "pay",
        Phase::Clean => "clean",
    }
}
