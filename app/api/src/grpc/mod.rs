//! gRPC, and the same calls as gRPC-web.

mod codec;
mod reflection;
mod service;

use std::convert::Infallible;

use axum::Router;
use axum::response::IntoResponse;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::NamedService;
use tonic::service::Routes;
use tower::ServiceExt;

use crate::calls::Calls;
pub use codec::RawCodec;
pub(crate) use reflection::OWN as REFLECTION;
pub use service::BLOCK_HEIGHT;
use service::Unary;
pub(crate) use service::height_of;

/// Every method of the node, with server reflection in both versions that clients ask for.
pub(crate) fn routes(calls: &Calls) -> Routes {
    let router = Router::new().fallback_service(Unary::new(calls.clone()));
    let router = reflecting(router, reflection::v1(calls));
    Routes::from(reflecting(router, reflection::v1alpha(calls)))
}

/// Adds the one method of server reflection; other names below its service are refused as all that nobody serves.
fn reflecting<S>(router: Router, service: S) -> Router
where
    S: Service<http::Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    let path = format!("/{}/ServerReflectionInfo", S::NAME);
    let service = service.map_request(|request: http::Request<axum::body::Body>| request.map(Body::new));
    router.route_service(&path, service)
}
