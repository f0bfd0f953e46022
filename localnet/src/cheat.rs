//! A host that is not honest, to see what the network does with it.

use anyhow::{Context, bail};
use std::ffi::OsString;
use std::str::FromStr;

/// What one host does wrong: `HOST=weight-bits:N,audit:LIE`, either part alone too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cheat {
    /// Number of the host, from 0.
    pub host: usize,
    /// Flags of `quern-adversary`.
    flags: Vec<(String, String)>,
}

impl FromStr for Cheat {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let form = "write HOST=weight-bits:N,audit:clean|fail|random|lie";
        let (host, parts) = text.split_once('=').context(form)?;
        let host = host.parse().context(form)?;
        let flag = |part: &str| match part.split_once(':') {
            Some((name @ ("weight-bits" | "audit"), value)) => Ok((format!("--{name}"), value.to_owned())),
            _ => bail!(form),
        };
        let flags = parts.split(',').map(flag).collect::<anyhow::Result<_>>()?;
        Ok(Self { host, flags })
    }
}

impl Cheat {
    /// Whether it computes with other weights than it claims.
    pub fn is_with_weights(&self) -> bool {
        self.flags.iter().any(|(name, _)| name == "--weight-bits")
    }

    /// Arguments that follow those of an honest worker.
    pub fn args(&self) -> impl Iterator<Item = OsString> + '_ {
        let words = self.flags.iter().flat_map(|(name, value)| [name, value]);
        words.map(OsString::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cheat_is_read_and_anything_else_is_refused() {
        let cheat: Cheat = "4=weight-bits:4,audit:lie".parse().unwrap();
        let args: Vec<_> = cheat.args().collect();
        assert!(cheat.host == 4 && cheat.is_with_weights());
        assert!(!"4=audit:lie".parse::<Cheat>().unwrap().is_with_weights());
        assert_eq!(args, ["--weight-bits", "4", "--audit", "lie"]);
        for bad in ["4", "x=audit:lie", "4=speed:9", "4=audit"] {
            assert!(bad.parse::<Cheat>().is_err(), "{bad}");
        }
    }
}
