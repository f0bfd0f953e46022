//! Versions of contracts.

/// Whether a contract of version `this` reads what one of version `stored` kept: the minor version rises with each
/// change of what is kept, the third number with other changes. Never back. False for what is no `major.minor.patch`.
pub fn reads(this: &str, stored: &str) -> bool {
    match (numbers(this), numbers(stored)) {
        (Some([major, minor, patch]), Some(stored)) => stored[..2] == [major, minor] && stored[2] <= patch,
        _ => false,
    }
}

fn numbers(version: &str) -> Option<[u32; 3]> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::reads;

    #[test]
    fn only_versions_with_the_same_records_are_read_and_none_that_is_newer() {
        for stored in ["1.2.0", "1.2.3"] {
            assert!(reads("1.2.3", stored), "{stored}");
        }
        for stored in [
            "1.2.4",
            "1.1.3",
            "1.3.0",
            "0.2.3",
            "2.2.3",
            "1.2",
            "1.2.3.4",
            "1.2.x",
            "",
            "1.2.99999999999",
        ] {
            assert!(!reads("1.2.3", stored), "{stored}");
        }
    }
}
