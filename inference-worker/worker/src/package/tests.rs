//! What a joining host, and a host that gives wrong files, would notice.

use crate::package::fetch::{Place, Source};
use crate::package::give::{Package, open_routes};
use crate::package::manifest::{Manifest, model_hash};
use quern_transport::{Client, Peer, SecureListener, TransportKey};
use std::path::Path;
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

/// A host over real TLS. It gives `folder`, whatever the manifest of `claimed` says.
async fn host(name: &str, claimed: &Path, folder: &Path) -> Source {
    let key = TransportKey::from_secret([name.len() as u8; 32].into());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listener = SecureListener::new(listener, &key).unwrap();
    let endpoint = format!(
        "https://{}",
        axum::serve::Listener::local_addr(&listener).unwrap().address
    );
    let package = Package::new(folder.to_owned(), Manifest::of(claimed).unwrap());
    let service = open_routes(package).into_make_service_with_connect_info::<Peer>();
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
async fn a_model_comes_whole_from_another_host_and_nothing_else_does() {
    let (good, to) = (model(), tempfile::tempdir().unwrap());
    let source = host("a", good.path(), good.path()).await;
    let hash = model_hash(good.path()).unwrap();
    let mut place = Place::new(to.path(), hash).unwrap();
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
    let mut place = Place::new(to.path(), hash).unwrap();
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
    let mut place = Place::new(to.path(), hash).unwrap();
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
    let mut place = Place::new(to.path(), hash).unwrap();
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
