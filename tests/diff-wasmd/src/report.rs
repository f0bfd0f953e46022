//! What the run prints: differences by class, the commonest first.

use std::collections::BTreeMap;

use crate::allowed;
use crate::compare::{Difference, Kind};

/// Characters that a class shows of each side.
const SHOWN: usize = 240;

/// Prints what is allowed and what is not. Returns whether all of it is.
///
/// Of what is allowed, classes are printed where `all` asks for it.
pub fn print(differences: &[Difference], examples: usize, all: bool) -> bool {
    let mut allowed: BTreeMap<&str, Classes<'_>> = BTreeMap::new();
    let mut left: BTreeMap<Kind, Classes<'_>> = BTreeMap::new();
    for difference in differences {
        match allowed::rule(difference) {
            Some(rule) => allowed.entry(rule.reason).or_default().add(difference),
            None => left.entry(difference.kind).or_default().add(difference),
        }
    }
    for (reason, classes) in &allowed {
        println!("{:8}  allowed: {reason}", classes.count());
        if all {
            classes.print(examples);
        }
    }
    for (kind, classes) in &left {
        println!(
            "{:8}  differ in {kind:?}, {} classes",
            classes.count(),
            classes.0.len()
        );
        classes.print(examples);
    }
    left.is_empty()
}

#[derive(Default)]
struct Classes<'a>(BTreeMap<(String, String), Vec<&'a Difference>>);

impl<'a> Classes<'a> {
    fn add(&mut self, difference: &'a Difference) {
        let (ours, theirs) = match difference.kind {
            Kind::Events => first_other(&difference.ours, &difference.theirs),
            Kind::Query => {
                let path = difference.what.split(' ').next().unwrap_or_default();
                (path.to_owned(), String::new())
            }
            Kind::RestBody | Kind::RestPage | Kind::RestNumber | Kind::RestShape => {
                let route = difference.what.split(" | ").next().unwrap_or_default();
                (route.to_owned(), String::new())
            }
            _ => (difference.ours.clone(), difference.theirs.clone()),
        };
        self.0
            .entry((class(&ours), class(&theirs)))
            .or_default()
            .push(difference);
    }

    fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    fn print(&self, examples: usize) {
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_by_key(|(_, list)| std::cmp::Reverse(list.len()));
        for ((ours, theirs), list) in sorted {
            println!(
                "    {:6} times\n        ours:  {ours}\n        wasmd: {theirs}",
                list.len()
            );
            for difference in list.iter().take(examples) {
                println!("      {difference}");
            }
        }
    }
}

/// A text without what differs from one transaction to the next.
fn class(text: &str) -> String {
    let mut out = String::new();
    // what follows is a stack
    let mut rest = text.split("\nstack:").next().unwrap_or_default();
    while let Some(first) = rest.chars().next() {
        let word = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let (head, tail) = rest.split_at(word.max(first.len_utf8()));
        if head.starts_with("quern1") && head.len() > 40 {
            out.push_str("ADDRESS");
        } else {
            let mut digits = false;
            for c in head.chars().filter(|c| c.is_ascii() && *c != '?') {
                if !(c.is_ascii_digit() && digits) {
                    out.push(if c.is_ascii_digit() { 'N' } else { c });
                }
                digits = c.is_ascii_digit();
            }
        }
        rest = tail;
    }
    out.chars().take(SHOWN).collect()
}

/// The first events that differ.
fn first_other(ours: &str, theirs: &str) -> (String, String) {
    let (ours, theirs): (Vec<_>, Vec<_>) = (ours.split(") ").collect(), theirs.split(") ").collect());
    let at = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let of = |events: &[&str]| events.get(at).copied().unwrap_or("none").to_owned();
    (of(&ours), of(&theirs))
}
