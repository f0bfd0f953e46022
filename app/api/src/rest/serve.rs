use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::{HeaderName, Method, Request, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tonic::codegen::Service;
use tonic_web::GrpcWebLayer;
use tower::{Layer, ServiceExt};
use tower_http::cors::{Any, CorsLayer};

use super::gateway::Gateway;
use super::{RestOptions, metrics};
use crate::calls::Calls;
use crate::grpc;
use crate::rate::{Peer, Speaks, limited};

/// Lists the methods of the OpenAPI document.
const PAGE: &str = include_str!("page.html");

/// Adds the chain to the Keplr wallet.
const KEPLR: &str = include_str!("keplr.html");

/// Most bytes of a connection that are read ahead, and with it its longest head: the longest URL, and headers.
const MAX_HEAD_BYTES: usize = 128 * 1024;

/// Longest wait for open requests when the server stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves REST on `listener` until `shutdown` resolves.
pub(crate) async fn serve(
    listener: TcpListener,
    calls: Calls,
    options: RestOptions,
    shutdown: impl Future<Output = ()>,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .max_buf_size(MAX_HEAD_BYTES)
        .header_read_timeout(options.read_timeout);
    let connections = Arc::new(Semaphore::new(options.max_connections));
    let router = router(calls, options);
    let open = GracefulShutdown::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = async {
            let place = Arc::clone(&connections).acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        let (accepted, place) = tokio::select! {
            accepted = accepted => match accepted {
                Some(accepted) => accepted,
                None => break,
            },
            () = &mut shutdown => break,
        };
        let Ok((stream, from)) = accepted else {
            // Out of file descriptors, most likely: connections must end before the next one.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let peer = Peer(from.ip());
        let service = router.clone().map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            request
        });
        let service = TowerToHyperService::new(service);
        let connection = open.watch(builder.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(FAREWELL, open.shutdown()).await;
}

fn router(calls: Calls, options: RestOptions) -> Router {
    let gateway = Gateway::new(calls.clone(), options.clone());
    let mut router = Router::new();
    if options.open_api {
        router = router
            .route(
                "/openapi.json",
                get(async |State(gateway): State<Gateway>| gateway.document().await),
            )
            .route("/swagger", get(async || Html(PAGE)))
            .route("/swagger/", get(async || Html(PAGE)))
            .route("/keplr", get(async || Html(KEPLR)));
    }
    if let Some(found) = options.metrics.clone() {
        let page = move |request: Request<Body>| {
            let answer = metrics::answer(&found, request.uri().query());
            async move { answer }
        };
        router = router.route("/metrics", get(page));
    }
    let mut router = router
        .fallback(async |State(gateway): State<Gateway>, request: Request<Body>| {
            gateway.handle(request).await
        })
        .with_state(gateway);
    if options.grpc_web {
        let web = GrpcWebLayer::new().layer(grpc::routes(&calls));
        router = router.layer(axum::middleware::from_fn(
            move |request: Request<Body>, next: axum::middleware::Next| {
                let web = web.clone();
                async move {
                    if is_grpc_web(&request) {
                        call(web, request).await
                    } else {
                        next.run(request).await
                    }
                }
            },
        ));
    }
    router = limited(router, calls.places().clients(), Speaks::Rest);
    if options.unsafe_cors {
        let headers = [
            "content-type",
            "x-cosmos-block-height",
            "x-grpc-web",
            "x-user-agent",
            "grpc-timeout",
        ];
        let exposed = [
            "grpc-status",
            "grpc-message",
            "grpc-metadata-x-cosmos-block-height",
            "retry-after",
        ];
        router = router.layer(
            CorsLayer::new()
                .allow_origin(Any)
                .allow_methods([Method::GET, Method::POST, Method::OPTIONS])
                .allow_headers(headers.map(HeaderName::from_static))
                .expose_headers(exposed.map(HeaderName::from_static)),
        );
    }
    router
}

fn is_grpc_web(request: &Request<Body>) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc-web"))
}

async fn call<S, B>(service: S, request: Request<Body>) -> Response
where
    S: Service<Request<Body>, Response = http::Response<B>, Error = Infallible> + Send,
    S::Future: Send,
    http::Response<B>: IntoResponse,
{
    match service.oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    }
}
