//! Where a remote engine is, and how long it may take.

use http::Uri;
use std::time::Duration;

/// How long an engine may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To accept a connection.
    pub connect: Duration,
    /// To begin an answer.
    pub first: Duration,
    /// Between two pieces of an answer; a client may take as long to read one.
    pub idle: Duration,
    /// For a whole answer.
    pub whole: Duration,
    /// For one question of a probe.
    pub probe: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            first: Duration::from_secs(120),
            idle: Duration::from_secs(60),
            whole: Duration::from_secs(1800),
            probe: Duration::from_secs(30),
        }
    }
}

/// A remote engine as its host names it.
#[derive(Clone)]
pub struct RemoteConfig {
    /// Its address, without the `/v1` that paths begin with.
    base: String,
    /// Host and port, which stand for the engine in errors.
    label: String,
    /// Id of the model there; may be left out where it lists one only.
    pub model: Option<String>,
    /// Sent as bearer token.
    pub api_key: Option<String>,
    /// The model's context, if the engine does not tell.
    pub context: Option<u32>,
    /// How long it may take.
    pub timeouts: Timeouts,
}

impl std::fmt::Debug for RemoteConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteConfig")
            .field("base", &self.base)
            .field("model", &self.model)
            .field("api_key", &self.api_key.as_ref().map(|_| "..."))
            .finish_non_exhaustive()
    }
}

/// A URL that names no engine.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url} is not of the form http://HOST:PORT or https://HOST:PORT, with a path at most: {reason}")]
pub struct BadUrl {
    url: String,
    reason: &'static str,
}

impl RemoteConfig {
    /// An engine at a URL, with or without `/v1` at its end.
    ///
    /// # Errors
    /// When the URL has another scheme, no host, credentials or a query.
    pub fn new(url: &str) -> Result<Self, BadUrl> {
        let bad = |reason| BadUrl {
            // What may be a password is not printed.
            url: url.rsplit('@').next().unwrap_or_default().to_owned(),
            reason,
        };
        let uri: Uri = url.parse().map_err(|_| bad("it cannot be read"))?;
        let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(bad("scheme or host is missing"));
        };
        if authority.as_str().contains('@') {
            return Err(bad("a key belongs into the environment, not into the URL"));
        }
        if uri.query().is_some() {
            return Err(bad("it has a query"));
        }
        let base = url.trim_end_matches('/');
        Ok(Self {
            base: base.strip_suffix("/v1").unwrap_or(base).to_owned(),
            label: authority.as_str().to_owned(),
            model: None,
            api_key: None,
            context: None,
            timeouts: Timeouts::default(),
        })
    }

    /// Address of a path of the engine.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Host and port.
    pub fn label(&self) -> &str {
        &self.label
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_with_and_without_the_version() {
        for url in [
            "http://gpu:8000",
            "http://gpu:8000/",
            "http://gpu:8000/v1",
            "http://gpu:8000/v1/",
        ] {
            let config = RemoteConfig::new(url).unwrap();
            assert_eq!(config.address("/v1/models"), "http://gpu:8000/v1/models");
            assert_eq!(config.label(), "gpu:8000");
        }
        let proxied = RemoteConfig::new("https://gpu.example/engines/a/v1").unwrap();
        assert_eq!(proxied.address("/health"), "https://gpu.example/engines/a/health");
    }

    #[test]
    fn other_urls_are_refused_and_no_password_is_printed() {
        for url in [
            "gpu:8000",
            "ftp://gpu",
            "http://",
            "http://gpu/?key=1",
            "file:///etc",
            "/v1",
            "",
        ] {
            assert!(RemoteConfig::new(url).is_err(), "{url}");
        }
        let error = RemoteConfig::new("http://me:secret@gpu:8000")
            .unwrap_err()
            .to_string();
        assert!(!error.contains("secret"), "{error}");
        let mut config = RemoteConfig::new("http://gpu:8000").unwrap();
        config.api_key = Some("secret".into());
        assert!(!format!("{config:?}").contains("secret"));
    }
}
