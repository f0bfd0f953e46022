//! gRPC, and the same calls as gRPC-web.

mod codec;
mod reflection;
mod service;

use tonic::service::Routes;

use crate::calls::Calls;
pub use service::BLOCK_HEIGHT;
use service::Unary;
pub(crate) use service::height_of;

/// Every method of the node, with server reflection in both versions that clients ask for.
pub(crate) fn routes(calls: &Calls) -> Routes {
    let router = Routes::default()
        .add_service(reflection::v1(calls))
        .add_service(reflection::v1alpha(calls))
        .into_axum_router()
        .fallback_service(Unary::new(calls.clone()));
    Routes::from(router)
}
