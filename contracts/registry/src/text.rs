//! Rules for texts: records are read by many, so they stay short, and printable.

use crate::error::{ContractError, Result};

/// Longest URL in bytes.
pub const MAX_URL: usize = 200;
/// Longest model id, profile or precision in bytes.
pub const MAX_ID: usize = 64;

fn refuse(field: &'static str, rule: &'static str) -> ContractError {
    ContractError::BadText { field, rule }
}

/// A name for people: 1 to 70 characters, none of them a control character, no blanks around it.
pub fn moniker(text: &str) -> Result<()> {
    let good = !text.is_empty()
        && text.chars().count() <= 70
        && !text.chars().any(char::is_control)
        && text.trim() == text;
    good.then_some(())
        .ok_or_else(|| refuse("moniker", "1 to 70 printable characters without blanks around"))
}

/// An identifier: 1 to [`MAX_ID`] of `a-z 0-9 . _ -`, beginning with a letter or digit.
pub fn id(text: &str, field: &'static str) -> Result<()> {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let good = text.len() <= MAX_ID
        && text.bytes().next().is_some_and(letter)
        && text.bytes().all(|b| letter(b) || matches!(b, b'.' | b'_' | b'-'));
    good.then_some(())
        .ok_or_else(|| refuse(field, "1 to 64 of a-z 0-9 . _ -, the first a letter or digit"))
}

/// A base URL: `https://host[:port][/path]` in ASCII, without user, query or fragment.
pub fn endpoint(url: &str) -> Result<()> {
    let rule = "https://host[:port][/path], at most 200 ASCII characters, without user, query or fragment";
    let good = url.len() <= MAX_URL && url.strip_prefix("https://").is_some_and(authority_and_path);
    good.then_some(()).ok_or_else(|| refuse("endpoint", rule))
}

fn authority_and_path(rest: &str) -> bool {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'/');
    // An IPv6 address stands in brackets, as its colons would read as a port.
    let (host, port) = match authority.strip_prefix('[').and_then(|a| a.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, port)) => (address, Some(port.strip_prefix(':').unwrap_or(""))),
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let host_good = if authority.starts_with('[') {
        host.parse::<std::net::Ipv6Addr>().is_ok()
    } else {
        let label = |l: &str| {
            !l.is_empty()
                && !l.starts_with('-')
                && !l.ends_with('-')
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        host.split('.').all(label)
    };
    let port_good = port.is_none_or(|p| {
        p.bytes().all(|b| b.is_ascii_digit()) && p.parse::<u16>().is_ok_and(|number| number != 0)
    });
    host_good && port_good && path.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_plain_https_url() {
        for good in [
            "https://worker.example:8443",
            "https://worker.example",
            "https://10.0.0.1:1/v1/",
            "https://[2001:db8::1]:443",
            "https://localhost:9000",
        ] {
            assert!(endpoint(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "http://worker.example",
            "https://",
            "https://:443",
            "https://user@worker.example",
            "https://worker.example?x=1",
            "https://worker.example#x",
            "https://worker.example:0",
            "https://worker.example:+80",
            "https://worker.example:70000",
            "https://worker.example:",
            "https://[::1",
            "https://[::1]443",
            "https://[worker]",
            "https://a..b",
            "https://-a.example",
            "https://wörker.example",
            "https://worker.example/ x",
            "https://worker.example\n",
        ] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
        assert!(endpoint(&format!("https://{}", "a".repeat(MAX_URL))).is_err());
    }

    #[test]
    fn a_moniker_can_be_read_by_people() {
        assert!(moniker("Süßer Host 1").is_ok());
        for bad in ["", " a", "a\u{7}b", &"é".repeat(71)] {
            assert!(moniker(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_id_cannot_carry_a_separator() {
        assert!(id("quern-small", "id").is_ok());
        for bad in ["", "-a", "a/b", "A", "a b", &"a".repeat(65)] {
            assert!(id(bad, "id").is_err(), "{bad:?}");
        }
    }
}
