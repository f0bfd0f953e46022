//! The net under every request: a bug that panics costs the request that met it, not the process.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use quern_types::{Result, errors};

/// Runs `work`; a panic becomes the SDK's own error for one. Every node sees the same panic, and the text goes to the
/// log alone, which is not hashed.
///
/// # Errors
/// Of `work`, and [`errors::PANIC`].
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // What was half-changed is a branch of the state that its caller throws away.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(errors::PANIC.wrap(text(panic.as_ref()))))
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "recovered".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_text_and_the_next_request_runs() {
        let numbers = [1];
        let beyond = numbers.len();
        let error = guarded(|| Ok(numbers[beyond])).unwrap_err();
        assert!(error.is(&errors::PANIC));
        assert!(error.to_string().contains("index out of bounds"), "{error}");
        let error = guarded::<()>(|| std::panic::panic_any(7)).unwrap_err();
        assert!(error.is(&errors::PANIC), "{error}");
        assert_eq!(guarded(|| Ok(7)).unwrap(), 7);
    }
}
