//! The events of one execution, in order.

use std::sync::Arc;

use parking_lot::Mutex;
use quern_types::Event;

/// A shared, growing list of events.
#[derive(Clone, Debug, Default)]
pub struct EventLog(Arc<Mutex<Vec<Event>>>);

impl EventLog {
    /// Appends one event.
    pub fn emit(&self, event: Event) {
        self.0.lock().push(event);
    }

    /// Appends many.
    pub fn extend(&self, events: impl IntoIterator<Item = Event>) {
        self.0.lock().extend(events);
    }

    /// A copy of all events so far.
    pub fn to_vec(&self) -> Vec<Event> {
        self.0.lock().clone()
    }

    /// Takes all events out.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock())
    }
}
