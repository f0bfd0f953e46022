//! What answers where no route is.

use crate::ApiError;
use axum::Router;
use http::{Method, Uri};

/// Lets a router answer in OpenAI's shape where it lacks the path or the method. After its last route: the fallback
/// for methods reaches only those that are there already.
pub fn with_fallbacks<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.fallback(no_route).method_not_allowed_fallback(no_route)
}

async fn no_route(method: Method, uri: Uri) -> ApiError {
    ApiError::no_route(method.as_str(), uri.path())
}
