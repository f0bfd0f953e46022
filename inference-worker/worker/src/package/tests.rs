//! What a joining host, and a host that gives wrong files, would notice.

use crate::audit::tests::workers::World;
use crate::package::fetch::{Place, Source};
use crate::package::give::{Asking, FILES_PATH, Files, HOST_HEADER, Package, open_routes, routes};
use crate::package::manifest::{Manifest, model_hash};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use http::StatusCode;
use http_body::Frame;
use http_body_util::Full;
use quern_transport::{Client, SecureListener, TransportKey, Turn, served};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpListener;

/// A model folder: two small files and one of several chunks.
fn model() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let weights: Vec<u8> = (0..3_000_000u32).map(|i| (i * 7 % 251) as u8).collect();
    std::fs::write(folder.path().join("model.safetensors"), weights).unwrap();
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), "{\"a\":1}").unwrap();
    std::fs::write(folder.path().join("secret.txt"), "no part of it").unwrap();
    folder
}

const MODEL: &str = "m";

/// That of a host with one model.
fn package(folder: &Path, manifest: Manifest) -> Arc<Package> {
    Package::new(vec![files(MODEL, folder, manifest)])
}

fn files(model: &str, folder: &Path, manifest: Manifest) -> Files {
    Files {
        model: model.to_owned(),
        folder: folder.to_owned(),
        manifest,
    }
}

/// A host over real TLS. It gives `folder`, whatever the manifest of `claimed` says.
async fn host(name: &str, claimed: &Path, folder: &Path) -> Source {
    let package = package(folder, Manifest::of(claimed).unwrap());
    serve(name, open_routes(package)).await
}

async fn serve(name: &str, routes: Router) -> Source {
    let key = TransportKey::from_secret([name.len() as u8; 32].into());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listener = SecureListener::new(listener, &key).unwrap();
    let endpoint = format!(
        "https://{}",
        axum::serve::Listener::local_addr(&listener).unwrap().address
    );
    let service = served(routes);
    tokio::spawn(async move { axum::serve(listener, service).await });
    Source {
        host: name.to_owned(),
        endpoint,
        transport_key: key.public(),
    }
}

fn client() -> Client {
    Client::new(TransportKey::from_secret([99; 32].into()))
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_registered_host_gets_files_and_keeps_its_connections_place_meanwhile() {
    let (world, folder) = (World::new().await, model());
    let worker = world.start("quern1giver", true).await;
    let paid = worker.paid().clone();
    let mut heights = paid.follow.heights();
    heights.wait_for(|height| *height > 0).await.unwrap();
    let asker = ("https://127.0.0.1:1".to_owned(), client().public());
    world.with(|contracts| contracts.hosts.insert("quern1asker".into(), asker));
    let seen = Arc::<Mutex<Vec<_>>>::default();
    let noted = seen.clone();
    let note = move |Extension(turn): Extension<Turn>, request: Request, next: Next| {
        let noted = noted.clone();
        async move {
            let response = next.run(request).await;
            noted.lock().unwrap().push(turn.is_under_way());
            response
        }
    };
    let package = package(folder.path(), Manifest::of(folder.path()).unwrap());
    let source = serve("a", routes(package, paid).layer(from_fn(note))).await;
    let mut statuses = Vec::new();
    for (name, client) in [
        ("quern1asker", client()),
        (
            "quern1asker",
            Client::new(TransportKey::from_secret([98; 32].into())),
        ),
        ("quern1giver", client()),
    ] {
        let url = format!("{}{FILES_PATH}/model.safetensors", source.endpoint);
        let request = http::Request::get(url).header(HOST_HEADER, name);
        let request = request.body(Full::default()).unwrap();
        let answer = client.request(source.transport_key, request).await.unwrap();
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [200, 403, 403]);
    assert_eq!(*seen.lock().unwrap(), [true, false, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_comes_whole_from_another_host_and_nothing_else_does() {
    let (good, to) = (model(), tempfile::tempdir().unwrap());
    let source = host("a", good.path(), good.path()).await;
    let hash = model_hash(good.path()).unwrap();
    let mut place = Place::new(to.path(), MODEL, hash).unwrap();
    place.download(&client(), "me", &[source]).await.unwrap();
    place.finish().unwrap();
    assert_eq!(
        Manifest::of(to.path()).unwrap(),
        Manifest::of(good.path()).unwrap()
    );
    assert!(!to.path().join("secret.txt").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_gives_other_weights_is_left_for_the_next() {
    let (good, bad, to) = (model(), model(), tempfile::tempdir().unwrap());
    let weights = bad.path().join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    bytes[2_000_000] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    // One admits that its files differ, one lies, one shows another key than the registry names.
    let admits = host("a", bad.path(), bad.path()).await;
    let lies = host("bb", good.path(), bad.path()).await;
    let mut impostor = host("ccc", good.path(), good.path()).await;
    impostor.transport_key = [1; 32];
    let honest = host("dddd", good.path(), good.path()).await;
    let hash = model_hash(good.path()).unwrap();
    let mut place = Place::new(to.path(), MODEL, hash).unwrap();
    let bad_ones = [admits, lies, impostor];
    let error = place
        .download(&client(), "me", &bad_ones)
        .await
        .unwrap_err()
        .to_string();
    for (reason, who) in [
        ("the chain names", "a:"),
        ("another hash", "bb:"),
        ("ccc:", "ccc:"),
    ] {
        assert!(error.contains(reason) && error.contains(who), "{error}");
    }
    assert!(!to.path().join("model.safetensors").exists());
    assert!(!to.path().join(".model.safetensors.part").exists());
    let all = [bad_ones.as_slice(), &[honest]].concat();
    place.download(&client(), "me", &all).await.unwrap();
    place.finish().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_broke_off_goes_on_where_it_was() {
    let (good, cut, to) = (model(), model(), tempfile::tempdir().unwrap());
    let weights = cut.path().join("model.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &whole[..1_234_567]).unwrap();
    let breaks_off = host("a", good.path(), cut.path()).await;
    let hash = model_hash(good.path()).unwrap();
    let mut place = Place::new(to.path(), MODEL, hash).unwrap();
    let error = place
        .download(&client(), "me", &[breaks_off])
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("goes on from there"), "{error}");
    let part = to.path().join(".model.safetensors.part");
    let kept = std::fs::metadata(&part).unwrap().len();
    assert!(kept > 0 && kept <= 1_234_567, "{kept}");
    // The host has the rest only: asked for the first byte it would give something else.
    let rest = model();
    let mut damaged = whole.clone();
    damaged[..kept as usize].fill(0);
    std::fs::write(rest.path().join("model.safetensors"), damaged).unwrap();
    let source = host("bb", good.path(), rest.path()).await;
    place.download(&client(), "me", &[source]).await.unwrap();
    place.finish().unwrap();
    assert!(!part.exists());
}

#[test]
fn a_local_folder_is_copied_if_it_is_the_chains_model_and_refused_if_not() {
    let (good, to) = (model(), tempfile::tempdir().unwrap());
    let hash = model_hash(good.path()).unwrap();
    let mut place = Place::new(to.path(), MODEL, hash).unwrap();
    place.copy(good.path()).unwrap();
    place.finish().unwrap();
    std::fs::write(good.path().join("config.json"), "{\"rope_theta\": 1}").unwrap();
    let error = format!("{:#}", place.copy(good.path()).unwrap_err());
    assert!(error.contains("other files than the chain's model"), "{error}");
    // A file that the engine would read beside the model's changes its answers.
    std::fs::write(to.path().join("chat_template.jinja"), "x").unwrap();
    let error = place.finish().unwrap_err().to_string();
    assert!(error.contains("chat_template.jinja"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_beginning_comes_again_from_the_same_host_and_a_size_that_does_not_fit_is_refused() {
    let (good, to) = (model(), tempfile::tempdir().unwrap());
    let hash = model_hash(good.path()).unwrap();
    let part = to.path().join(".model.safetensors.part");
    std::fs::write(&part, vec![9; 1_000_000]).unwrap();
    let mut place = Place::new(to.path(), MODEL, hash).unwrap();
    // What another host had sent is no reason to leave this one, but too large a size is: no hash covers it.
    let mut boasts = Manifest::of(good.path()).unwrap();
    boasts.files[1].size = 1 << 60;
    assert_eq!(boasts.hash(), hash);
    let boaster = package(good.path(), boasts);
    let boaster = serve("a", open_routes(boaster)).await;
    let error = place.download(&client(), "me", &[boaster]).await.unwrap_err();
    assert!(error.to_string().contains("has room for"), "{error}");
    assert_eq!(std::fs::metadata(&part).unwrap().len(), 1_000_000);
    let honest = host("bb", good.path(), good.path()).await;
    place.download(&client(), "me", &[honest]).await.unwrap();
    place.finish().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_busy_is_asked_again() {
    let (good, to) = (model(), tempfile::tempdir().unwrap());
    let package = package(good.path(), Manifest::of(good.path()).unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let sometimes = move |request: Request, next: Next| {
        let busy = count.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        async move {
            match busy {
                true => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")]).into_response(),
                false => next.run(request).await,
            }
        }
    };
    let source = serve("a", open_routes(package).layer(from_fn(sometimes))).await;
    let mut place = Place::new(to.path(), MODEL, model_hash(good.path()).unwrap()).unwrap();
    place.download(&client(), "me", &[source]).await.unwrap();
    place.finish().unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 8);
}

/// As if what the header says had been checked.
async fn believing(mut request: Request, next: Next) -> Response {
    let host = request.headers()[HOST_HEADER].to_str().unwrap().to_owned();
    request.extensions_mut().insert(Asking(host));
    next.run(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_gets_one_file_at_a_time_four_do_together_and_who_does_not_read_is_cut_off() {
    let good = model();
    let weights = std::fs::File::create(good.path().join("model.safetensors")).unwrap();
    // More than lies between the two sides.
    weights.set_len(64 << 20).unwrap();
    let package = package(good.path(), Manifest::of(good.path()).unwrap());
    let source = serve("a", open_routes(package).layer(from_fn(believing))).await;
    let url = format!("{}{FILES_PATH}/model.safetensors", source.endpoint);
    let ask = async |who: &str| {
        let request = http::Request::get(&url).header(HOST_HEADER, who);
        let request = request.body(Full::default()).unwrap();
        client().request(source.transport_key, request).await.unwrap()
    };
    let mut open = Vec::new();
    for who in ["a", "b", "c"] {
        open.push(ask(who).await);
        assert_eq!(open.last().unwrap().status(), StatusCode::OK);
    }
    assert_eq!(ask("a").await.status(), StatusCode::TOO_MANY_REQUESTS);
    open.push(ask("d").await);
    assert_eq!(open[3].status(), StatusCode::OK);
    assert_eq!(ask("e").await.status(), StatusCode::TOO_MANY_REQUESTS);
    // Nobody reads.
    tokio::time::sleep(Duration::from_secs(7)).await;
    for who in ["a", "e"] {
        assert_eq!(ask(who).await.status(), StatusCode::OK);
    }
}

/// A body of one byte now and then.
struct Drip(tokio::time::Interval);

impl HttpBody for Drip {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let tick = self.0.poll_tick(context);
        tick.map(|_| Some(Ok(Frame::data(Bytes::from_static(&[1])))))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_sends_a_byte_now_and_then_is_left_for_the_next() {
    let (good, to) = (model(), tempfile::tempdir().unwrap());
    let package = package(good.path(), Manifest::of(good.path()).unwrap());
    let drips = |request: Request, next: Next| async move {
        if request.uri().path().ends_with("model.safetensors") {
            let interval = tokio::time::interval(Duration::from_millis(20));
            return Response::new(Body::new(Drip(interval)));
        }
        next.run(request).await
    };
    let slow = serve("a", open_routes(package).layer(from_fn(drips))).await;
    let place = Place::new(to.path(), MODEL, model_hash(good.path()).unwrap()).unwrap();
    let mut place = place.hasty(Duration::from_millis(400));
    let began = std::time::Instant::now();
    let error = place
        .download(&client(), "me", std::slice::from_ref(&slow))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("a: it sends too slowly"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let honest = host("bb", good.path(), good.path()).await;
    place.download(&client(), "me", &[slow, honest]).await.unwrap();
    place.finish().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_this_disk_does_not_take_is_deleted_and_no_other_host_is_asked() {
    let (good, to) = (model(), tempfile::tempdir().unwrap());
    let part = to.path().join(".model.safetensors.part");
    // What is written there finds no room.
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let mut place = Place::new(to.path(), MODEL, model_hash(good.path()).unwrap()).unwrap();
    let source = host("a", good.path(), good.path()).await;
    let nobody = Source {
        host: "nobody".into(),
        endpoint: "https://127.0.0.1:1".into(),
        transport_key: [1; 32],
    };
    let error = place
        .download(&client(), "me", &[source.clone(), nobody])
        .await
        .unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("is the disk full"), "{error}");
    assert!(!error.contains("nobody"), "{error}");
    assert!(part.symlink_metadata().is_err(), "the part is still there");
    place.download(&client(), "me", &[source]).await.unwrap();
    place.finish().unwrap();
}

#[test]
fn what_an_earlier_try_left_of_a_file_goes_once_the_model_is_whole() {
    let (good, to) = (model(), tempfile::tempdir().unwrap());
    let mut place = Place::new(to.path(), MODEL, model_hash(good.path()).unwrap()).unwrap();
    place.copy(good.path()).unwrap();
    let part = to.path().join(".config.json.part");
    std::fs::write(&part, "{").unwrap();
    place.finish().unwrap();
    assert!(!part.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_two_models_gives_each_under_its_id_and_no_other_one() {
    let (first, second) = (model(), model());
    std::fs::write(second.path().join("config.json"), "{\"second\": 2}").unwrap();
    let own = |name: &str, folder: &Path| files(name, folder, Manifest::of(folder).unwrap());
    let both = vec![own("first", first.path()), own("second", second.path())];
    let source = serve("a", open_routes(Package::new(both))).await;
    for (name, folder) in [("second", &second), ("first", &first)] {
        let to = tempfile::tempdir().unwrap();
        let hash = model_hash(folder.path()).unwrap();
        let mut place = Place::new(to.path(), name, hash).unwrap();
        place
            .download(&client(), "me", std::slice::from_ref(&source))
            .await
            .unwrap();
        place.finish().unwrap();
    }
    let to = tempfile::tempdir().unwrap();
    let hash = model_hash(second.path()).unwrap();
    let mut place = Place::new(to.path(), "third", hash).unwrap();
    let error = place.download(&client(), "me", &[source]).await.unwrap_err();
    assert!(error.to_string().contains("404"), "{error}");
}
