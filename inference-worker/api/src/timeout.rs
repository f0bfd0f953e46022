//! How long a request may take, in a header of its own.

use crate::error::ApiError;
use http::HeaderMap;
use std::time::Duration;

/// Header of an unpaid request: seconds from its arrival after which it ends, however far it is. What OpenAI's clients
/// send as `x-stainless-read-timeout` is another thing, the longest silence, and they end a request themselves.
pub const TIMEOUT_HEADER: &str = "x-request-timeout";
/// Most seconds that may be asked for.
pub(crate) const MOST: f64 = 86_400.0;

/// The time that a request gives itself, if it says so.
///
/// # Errors
/// When the header is no number of seconds above 0 and up to a day.
pub fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, ApiError> {
    let Some(value) = headers.get(TIMEOUT_HEADER) else {
        return Ok(None);
    };
    let seconds = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse::<f64>().ok());
    let seconds = seconds.filter(|seconds| *seconds > 0.0 && *seconds <= MOST);
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.map(Some).ok_or_else(|| {
        let message = format!("'{TIMEOUT_HEADER}' must be a number of seconds above 0 and at most {MOST}.");
        ApiError::invalid(TIMEOUT_HEADER, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Option<Duration>, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(TIMEOUT_HEADER, value.parse().unwrap());
        timeout(&headers)
    }

    #[test]
    fn a_timeout_is_a_number_of_seconds_or_refused_by_name() {
        assert_eq!(timeout(&HeaderMap::new()), Ok(None));
        assert_eq!(read("600"), Ok(Some(Duration::from_secs(600))));
        assert_eq!(read("0.25"), Ok(Some(Duration::from_millis(250))));
        for wrong in ["0", "-1", "NaN", "inf", "86401", "1e9", "soon", ""] {
            let error = read(wrong).unwrap_err();
            assert_eq!(
                (error.status.as_u16(), error.param.as_deref()),
                (400, Some(TIMEOUT_HEADER)),
                "{wrong}"
            );
        }
    }
}
