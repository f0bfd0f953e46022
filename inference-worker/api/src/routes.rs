//! What answers where no route is, and what no route is asked about.

use crate::ApiError;
use crate::body::read_body;
use crate::dialect::Dialect;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};

/// Header that names an answer, for questions about it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The name that Anthropic's clients know it by.
const THEIR_ID: HeaderName = HeaderName::from_static("request-id");

/// Lets a router answer in OpenAI's shape where it lacks the path or the method, and where a body is no JSON by its headers.
/// After its last route: the fallback for methods reaches only those that are there already.
pub fn with_fallbacks<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn(read))
}

/// Gives each answer of a router an id that has none, errors among them.
pub fn with_ids(router: Router) -> Router {
    router.layer(from_fn(named))
}

async fn no_route(method: Method, uri: Uri) -> Response {
    told(uri.path(), ApiError::no_route(method.as_str(), uri.path()))
}

async fn no_method(method: Method, uri: Uri) -> Response {
    told(uri.path(), ApiError::no_method(method.as_str(), uri.path()))
}

/// An error in the shape that a path's clients read.
fn told(path: &str, error: ApiError) -> Response {
    match path.starts_with(Dialect::Messages.path()) {
        true => Dialect::Messages.error(error),
        false => error.into_response(),
    }
}

async fn read(request: Request, next: Next) -> Response {
    if !is_text(request.uri().path()) {
        return no_route(request.method().clone(), request.uri().clone()).await;
    }
    match request.method() == Method::POST {
        true => match readable(request.headers()) {
            Ok(()) => next.run(request).await,
            Err(error) => {
                let path = request.uri().path().to_owned();
                // Heard to its end, within the bounds of any: a connection that ends with unread bytes loses the refusal.
                let _ = read_body(request.into_body()).await;
                told(&path, error)
            }
        },
        false => next.run(request).await,
    }
}

/// Whether a path is UTF-8 once its percent-encoding is undone, as ids within it have to be.
fn is_text(path: &str) -> bool {
    let mut parts = path.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(part.as_bytes().get(2..).unwrap_or_default());
            }
            // No code, but the sign itself.
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8(bytes).is_ok()
}

/// Whether a body can be JSON as it is sent. One that a web page sends has to say so: then a browser asks first whether the page
/// may, and no page can make its visitors send requests to a server that they can reach.
fn readable(headers: &HeaderMap) -> Result<(), ApiError> {
    if let Some(coding) = headers.get(header::CONTENT_ENCODING)
        && coding != "identity"
    {
        return Err(ApiError::unread(
            "Content-Encoding",
            "send the body as it is, uncompressed",
        ));
    }
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_json = |kind: &[u8]| {
        let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default();
        let essence = essence.trim_ascii().to_ascii_lowercase();
        essence == b"application/json" || essence.starts_with(b"application/") && essence.ends_with(b"+json")
    };
    let fine = kind.map_or(!headers.contains_key(header::ORIGIN), is_json);
    fine.then_some(())
        .ok_or_else(|| ApiError::unread("Content-Type", "send JSON with 'Content-Type: application/json'"))
}

async fn named(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    name_for(&path, response.headers_mut());
    response
}

/// Gives an answer that has no id one, under the names that a path's clients look for.
pub fn name_for(path: &str, headers: &mut HeaderMap) {
    name_answer(headers);
    let theirs = path.starts_with(Dialect::Messages.path());
    if theirs && let Some(id) = headers.get(REQUEST_ID).cloned() {
        headers.insert(THEIR_ID, id);
    }
}

/// Gives an answer that has no id one.
pub fn name_answer(headers: &mut HeaderMap) {
    if !headers.contains_key(REQUEST_ID)
        && let Ok(number) = getrandom::u64()
        && let Ok(id) = HeaderValue::from_str(&format!("req-{number:016x}"))
    {
        headers.insert(REQUEST_ID, id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::extract::Path;
    use axum::routing::{get, post};
    use http_body_util::BodyExt;
    use tower_service::Service;

    async fn ask(method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, String) {
        let routes = Router::new()
            .route("/v1/completions", post(|| async { "fine" }))
            .route("/v1/messages", post(|| async { "fine" }))
            .route("/v1/models/{*id}", get(|Path(id): Path<String>| async { id }));
        let mut router = with_ids(with_fallbacks(routes));
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = router
            .call(request.body(Body::from("{}")).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        (parts.status.as_u16(), parts.headers, body)
    }

    #[tokio::test]
    async fn a_body_that_is_no_json_by_its_headers_is_refused_and_one_that_says_nothing_is_read() {
        let page = ("origin", "https://evil.example");
        for fine in [
            &[][..],
            &[("content-type", "application/json")],
            &[("content-type", "Application/JSON; charset=utf-8"), page],
            &[("content-type", "application/vnd.api+json")],
            &[("content-encoding", "identity")],
        ] {
            assert_eq!(ask("POST", "/v1/completions", fine).await.0, 200, "{fine:?}");
        }
        for (bad, word) in [
            (&[("content-type", "text/plain")][..], "application/json"),
            (
                &[("content-type", "multipart/form-data; boundary=x")],
                "application/json",
            ),
            (
                &[("content-type", "application/x-www-form-urlencoded")],
                "application/json",
            ),
            (&[page], "application/json"),
            (&[("content-encoding", "gzip")], "uncompressed"),
        ] {
            let (status, headers, body) = ask("POST", "/v1/completions", bad).await;
            assert!(status == 415 && body.contains(word), "{bad:?}: {status} {body}");
            assert!(headers[REQUEST_ID].to_str().unwrap().starts_with("req-"));
        }
    }

    #[tokio::test]
    async fn a_wrong_method_is_told_with_the_right_one_and_each_dialect_reads_its_errors() {
        let (status, headers, body) = ask("GET", "/v1/completions", &[]).await;
        assert!(
            status == 405 && body.contains("method_not_supported"),
            "{status} {body}"
        );
        assert_eq!(headers[header::ALLOW], "POST");
        for path in ["/v1/nothing", "/v1/models/%ff", "/v1/models/a%e6%97"] {
            let (status, _, body) = ask("GET", path, &[]).await;
            assert!(status == 404 && body.contains("unknown_url"), "{status} {body}");
        }
        for path in ["/v1/models/100%", "/v1/models/%e6%97%a5", "/v1/models/a%2Fb"] {
            assert_eq!(ask("GET", path, &[]).await.0, 200, "{path}");
        }
        for (method, path, kind) in [
            ("GET", "/v1/messages", "invalid_request_error"),
            ("POST", "/v1/messages/batches", "not_found_error"),
        ] {
            let (_, headers, body) = ask(method, path, &[]).await;
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(
                (&body["type"], &body["error"]["type"]),
                (&"error".into(), &kind.into())
            );
            assert_eq!(headers[REQUEST_ID], headers[THEIR_ID]);
        }
    }
}
