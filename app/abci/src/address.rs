use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the listener waits for CometBFT: a Unix socket or a loopback TCP address.
///
/// Written as in CometBFT's `proxy_app`: `unix:///path/app.sock` or `tcp://127.0.0.1:26658`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket at this path.
    Unix(PathBuf),
    /// A TCP address; port 0 asks the system for a free port.
    Tcp(SocketAddr),
}

/// Why a text is no usable listen address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddressError {
    /// Neither `unix://` nor `tcp://`.
    #[error("address {0:?} must start with unix:// or tcp://")]
    Scheme(String),
    /// `unix://` without a path, or one longer than a socket address can hold.
    #[error(
        "address {0:?} needs a socket path of 1 to 107 bytes; use a shorter home or tcp://127.0.0.1:26658"
    )]
    Path(String),
    /// Not `IP:port`.
    #[error("address {0:?} is not an IP address and port, such as tcp://127.0.0.1:26658")]
    Socket(String),
    /// ABCI has no authentication, so it never leaves the machine.
    #[error("address {0:?} is not a loopback address: ABCI is unauthenticated, use 127.0.0.1")]
    NotLoopback(String),
}

/// Longest path that fits into `sockaddr_un` with its terminating zero.
const MAX_UNIX_PATH: usize = 107;

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix://") {
            if path.is_empty() || path.len() > MAX_UNIX_PATH {
                return Err(AddressError::Path(text.to_owned()));
            }
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        let Some(socket) = text.strip_prefix("tcp://") else {
            return Err(AddressError::Scheme(text.to_owned()));
        };
        let socket: SocketAddr = socket
            .parse()
            .map_err(|_| AddressError::Socket(text.to_owned()))?;
        if !socket.ip().is_loopback() {
            return Err(AddressError::NotLoopback(text.to_owned()));
        }
        Ok(Self::Tcp(socket))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(socket) => write!(f, "tcp://{socket}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, AddressError};

    #[test]
    fn an_address_reads_back_as_written() {
        for text in ["unix:///tmp/app.sock", "tcp://127.0.0.1:26658", "tcp://[::1]:1"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn an_address_that_leaves_the_machine_is_refused() {
        let error = "tcp://0.0.0.0:26658".parse::<Address>().unwrap_err();
        assert!(matches!(error, AddressError::NotLoopback(_)));
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_refused_with_what_to_do() {
        let error = format!("unix:///{}", "a".repeat(200))
            .parse::<Address>()
            .unwrap_err();
        assert!(error.to_string().contains("use a shorter home"));
    }
}
