//! Stop strings, found across token borders: text that may begin one is held back until it cannot.

/// Watches streamed text for the first of several stop strings.
#[derive(Clone, Debug, Default)]
pub struct StopWatch {
    stops: Vec<String>,
    held: String,
}

/// What a piece of text released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// Text that may be shown; it holds no stop string and no beginning of one at its end.
    pub text: String,
    /// Whether a stop string ended the output. What follows it is discarded.
    pub stopped: bool,
}

impl StopWatch {
    /// Watches for any of `stops`; empty strings are ignored.
    pub fn new(stops: impl IntoIterator<Item = String>) -> Self {
        Self {
            stops: stops.into_iter().filter(|s| !s.is_empty()).collect(),
            held: String::new(),
        }
    }

    /// Takes the next piece of text.
    pub fn push(&mut self, piece: &str) -> Released {
        self.held.push_str(piece);
        if let Some(at) = self
            .stops
            .iter()
            .filter_map(|stop| self.held.find(stop.as_str()))
            .min()
        {
            self.held.truncate(at);
            return Released {
                text: std::mem::take(&mut self.held),
                stopped: true,
            };
        }
        let keep = self
            .stops
            .iter()
            .map(|stop| overlap(&self.held, stop))
            .max()
            .unwrap_or(0);
        let tail = self.held.split_off(self.held.len() - keep);
        Released {
            text: std::mem::replace(&mut self.held, tail),
            stopped: false,
        }
    }

    /// Releases what is still held when the output ends for another reason.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Length in bytes of the longest end of `text` that begins `stop` without completing it.
fn overlap(text: &str, stop: &str) -> usize {
    let longest = stop.len().saturating_sub(1).min(text.len());
    (1..=longest)
        .rev()
        .find(|&n| stop.is_char_boundary(n) && text.as_bytes().ends_with(&stop.as_bytes()[..n]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut watch = StopWatch::new(stops.iter().map(ToString::to_string));
        let mut text = String::new();
        for piece in pieces {
            let released = watch.push(piece);
            text.push_str(&released.text);
            if released.stopped {
                return (text, true);
            }
        }
        text.push_str(&watch.finish());
        (text, false)
    }

    #[test]
    fn a_stop_string_is_found_across_three_pieces_and_not_shown() {
        assert_eq!(
            run(&["\n\nUser:"], &["Amen.\n", "\nUs", "er: next"]),
            ("Amen.".into(), true)
        );
    }

    #[test]
    fn a_false_beginning_is_released_in_full() {
        assert_eq!(
            run(&["abcd"], &["xab", "ab", "c", "x"]),
            ("xababcx".into(), false)
        );
    }

    #[test]
    fn the_earliest_of_several_stops_wins() {
        assert_eq!(run(&["late", "ea"], &["an early late"]), ("an ".into(), true));
    }

    #[test]
    fn text_without_stops_passes_at_once() {
        let mut watch = StopWatch::new([]);
        assert_eq!(
            watch.push("héllo"),
            Released {
                text: "héllo".into(),
                stopped: false
            }
        );
    }

    proptest! {
        #[test]
        fn the_split_into_pieces_never_changes_the_result(
            text in "[abé]{0,24}", stop in "[abé]{1,4}", cuts in proptest::collection::vec(0usize..24, 0..6),
        ) {
            let whole = run(&[&stop], &[&text]);
            let mut borders: Vec<usize> = cuts.into_iter().filter(|c| text.is_char_boundary(*c)).collect();
            borders.push(text.len());
            borders.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for to in borders {
                pieces.push(&text[from..to]);
                from = to;
            }
            prop_assert_eq!(run(&[&stop], &pieces), whole);
        }
    }
}
