use super::contract::{Contracts, SILENT, silent_leaf};
use super::receipts::Lie;
use super::workers::{Running, World};
use super::{AUDITOR, HOST, MODEL, OTHER, SESSION};
use crate::paid::record::Record;
use http::StatusCode;
use http_body_util::BodyExt;
use quern_audit::Vote;
use quern_evidence::Score;
use quern_inference_api::audit::{ReceiptPayload, receipt_payload_path};
use quern_interface::audits::Phase;
use quern_transport::{Client, TransportKey};
use std::time::Duration;

/// Of the commit phase.
const COMMIT_BLOCKS: u64 = 100;
const CLEAN: Vote = Vote::Score(Score::CLEAN);
const FAILED: Vote = Vote::Score(Score::FAILED);

/// From the draw to the report's last opened position; answers the votes.
async fn round(world: &World, leaves: usize) -> Vec<Vote> {
    world.with(|contracts| contracts.enter(Phase::Reveal));
    world
        .until("every leaf revealed", |contracts| {
            contracts.leaves.len() == leaves
        })
        .await;
    world.with(|contracts| contracts.enter(Phase::Commit));
    world
        .until("a report", |contracts| contracts.committed.is_some())
        .await;
    rest(world, leaves).await
}

/// Lets blocks of the commit phase pass until a report is almost due.
async fn almost_all_blocks(world: &World) {
    let from = world.with(|contracts| contracts.height);
    let passed = move |contracts: &Contracts| contracts.height >= from + COMMIT_BLOCKS * 7 / 10;
    world.until("blocks", passed).await;
    // The rest of the phase, but for its last blocks.
    world.with(|contracts| contracts.since = contracts.height + 6 - COMMIT_BLOCKS);
}

async fn rest(world: &World, leaves: usize) -> Vec<Vote> {
    world.with(|contracts| contracts.enter(Phase::Vote));
    world
        .until("every vote", |contracts| contracts.votes.len() == leaves)
        .await;
    world.with(|contracts| contracts.enter(Phase::Panel));
    world
        .until("every opening", |contracts: &Contracts| {
            contracts.opened == 4 || contracts.committed.is_some_and(|root| root.sum.is_zero())
        })
        .await;
    world.with(|contracts| contracts.votes.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_answers_are_clean_and_each_lie_fails() {
    let lies = [
        Lie::None,
        Lie::Tokens,
        Lie::Seed,
        Lie::ModelHash,
        Lie::Usage,
        Lie::Finish,
        Lie::Temperature,
        Lie::Grown,
        Lie::None,
    ];
    let world = World::new().await;
    let (_host, auditor) = world.pair(&lies, true).await;
    let votes = round(&world, lies.len()).await;
    let expected = lies.map(|lie| match lie {
        Lie::None | Lie::Grown => CLEAN,
        _ => FAILED,
    });
    assert_eq!(votes, expected, "{lies:?}");
    let metrics = &auditor.paid().metrics.audits;
    assert_eq!(metrics.leaves.with_label_values(&["failed"]).get(), 6);
    assert_eq!(metrics.errors.get(), 0, "{:?}", auditor.paid().audits.problem());
}

#[tokio::test(flavor = "multi_thread")]
async fn leaves_of_two_models_are_re_executed_each_by_its_own_and_opened_by_its_own_calibration() {
    let world = World::of(&[MODEL, OTHER]).await;
    let host = world.start(HOST, true).await;
    let lies = [Lie::None, Lie::Tokens, Lie::ModelHash];
    let served: Vec<_> = [MODEL, OTHER]
        .into_iter()
        .flat_map(|model| lies.map(|lie| (model, lie)))
        .collect();
    world.commit(&host, &served).await;
    let auditor = world.start(AUDITOR, true).await;
    let votes = round(&world, served.len()).await;
    assert_eq!(votes, [CLEAN, FAILED, FAILED, CLEAN, FAILED, FAILED]);
    // Both calibrations were asked for: openings of either model were drawn and taken.
    let errors = auditor.paid().metrics.audits.errors.get();
    assert_eq!(errors, 0, "{:?}", auditor.paid().audits.problem());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_abstains_on_leaves_of_a_model_that_it_does_not_hold() {
    let world = World::of(&[MODEL, OTHER]).await;
    let host = world.start(HOST, true).await;
    let served = [(MODEL, Lie::Tokens), (OTHER, Lie::Tokens), (OTHER, Lie::None)];
    world.commit(&host, &served).await;
    let _auditor = world.start_with(AUDITOR, true, &[MODEL]).await;
    let votes = round(&world, served.len()).await;
    assert_eq!(votes, [FAILED, Vote::Abstain, Vote::Abstain]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_of_another_request_is_as_good_as_none() {
    let world = World::new().await;
    let lies = [Lie::OtherPayload, Lie::None];
    let (_host, _auditor) = world.pair(&lies, true).await;
    world.with(|contracts| contracts.enter(Phase::Reveal));
    world
        .until("every leaf revealed", |contracts| contracts.leaves.len() == 2)
        .await;
    world.with(|contracts| contracts.enter(Phase::Commit));
    // Nothing is said before time is short: the host might still give it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(world.with(|contracts| contracts.committed.is_none()));
    almost_all_blocks(&world).await;
    world
        .until("a report", |contracts| contracts.committed.is_some())
        .await;
    assert_eq!(rest(&world, 2).await, [Vote::Unfetchable, CLEAN]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_cannot_be_reached_is_not_called_a_liar() {
    let world = World::new().await;
    let (_host, auditor) = world.pair(&[Lie::None], false).await;
    world.with(|contracts| contracts.enter(Phase::Reveal));
    world
        .until("the leaf revealed", |contracts| contracts.leaves.len() == 1)
        .await;
    world.with(|contracts| contracts.enter(Phase::Commit));
    almost_all_blocks(&world).await;
    world
        .until("a report", |contracts| contracts.committed.is_some())
        .await;
    assert_eq!(rest(&world, 1).await, [Vote::Unfetchable]);
    assert!(auditor.paid().metrics.audits.fetch_failures.get() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_auditor_had_no_time_to_ask_for_is_not_held_against_the_host() {
    let world = World::new().await;
    let (_host, _auditor) = world.pair(&[Lie::None], false).await;
    world.with(|contracts| contracts.enter(Phase::Reveal));
    world
        .until("the leaf revealed", |contracts| contracts.leaves.len() == 1)
        .await;
    world.with(|contracts| {
        contracts.enter(Phase::Commit);
        contracts.since = contracts.height + 6 - COMMIT_BLOCKS;
    });
    world
        .until("a report", |contracts| contracts.committed.is_some())
        .await;
    assert_eq!(rest(&world, 1).await, [Vote::Abstain]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_hangs_keeps_nobody_from_fetching_what_others_give() {
    let world = World::new().await;
    let (_host, _auditor) = world.pair(&[Lie::Tokens], true).await;
    // Takes connections and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let many = 40;
    world.with(|contracts| {
        contracts.hosts.insert(SILENT.into(), (url, [3; 32]));
        (1..=many).for_each(|number| contracts.leaves.push(silent_leaf(number)));
        contracts.enter(Phase::Reveal);
    });
    let leaves = many as usize + 1;
    world
        .until("the leaf revealed", |contracts| contracts.leaves.len() == leaves)
        .await;
    world.with(|contracts| contracts.enter(Phase::Commit));
    almost_all_blocks(&world).await;
    world
        .until("a report", |contracts| contracts.committed.is_some())
        .await;
    let votes = rest(&world, leaves).await;
    // Every leaf of the silent host, whether or not its turn came, and the other's by what it shows.
    assert_eq!(votes[..many as usize], vec![Vote::Unfetchable; many as usize]);
    assert_eq!(votes[many as usize..], [FAILED]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_killed_after_its_commitment_goes_on_with_the_same_salts_and_votes() {
    let world = World::new().await;
    let lies = [Lie::None, Lie::Tokens];
    let (_host, auditor) = world.pair(&lies, true).await;
    world.with(|contracts| contracts.enter(Phase::Reveal));
    world
        .until("every leaf revealed", |contracts| contracts.leaves.len() == 2)
        .await;
    world.with(|contracts| contracts.enter(Phase::Commit));
    world
        .until("a report", |contracts| contracts.committed.is_some())
        .await;
    auditor.kill().await;
    let _auditor = world.start(AUDITOR, true).await;
    // Votes follow from the findings, and findings are opened under the committed root.
    assert_eq!(rest(&world, 2).await, [CLEAN, FAILED]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_on_a_panel_commits_a_ballot_and_reveals_it_after_a_crash() {
    let world = World::new().await;
    let (_host, auditor) = world.pair(&[Lie::Tokens], true).await;
    round(&world, 1).await;
    world.with(|contracts| {
        contracts.leaves[0].stage = Some(1);
        contracts.heard = true;
        contracts.enter(Phase::Review);
    });
    world
        .until("a ballot", |contracts| contracts.cast.is_some())
        .await;
    auditor.kill().await;
    // Nobody's word is out before the position is drawn.
    let _auditor = world.start(AUDITOR, true).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(world.with(|contracts| contracts.cast.unwrap().vote), None);
    world.with(|contracts| contracts.position = Some(3));
    let voted = |contracts: &Contracts| contracts.cast.is_some_and(|cast| cast.vote == Some(FAILED));
    world.until("the ballot's vote", voted).await;
}

async fn ask(host: &Running, key: TransportKey, nonce: u64) -> (StatusCode, Vec<u8>) {
    let url = format!("{}{}", host.url, receipt_payload_path(SESSION, nonce));
    let server = host.paid().transport_key.public();
    let answer = Client::new(key).get(&url, server).await.unwrap();
    let status = answer.status();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, bytes.to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_goes_to_who_was_drawn_while_it_is_judged_and_to_nobody_else() {
    let world = World::new().await;
    let (host, auditor) = world.pair(&[Lie::None, Lie::None], true).await;
    let key = || auditor.paid().transport_key.clone();
    let stranger = || TransportKey::from_secret([99; 32].into());
    // Nothing is drawn yet.
    assert_eq!(ask(&host, key(), 1).await.0, StatusCode::FORBIDDEN);
    world.with(|contracts| contracts.enter(Phase::Reveal));
    world
        .until("every leaf revealed", |contracts| contracts.leaves.len() == 2)
        .await;
    world.with(|contracts| contracts.enter(Phase::Commit));
    world
        .until("a report", |contracts| contracts.committed.is_some())
        .await;
    let (status, bytes) = ask(&host, key(), 1).await;
    assert_eq!(status, StatusCode::OK);
    let payload: ReceiptPayload = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(payload.receipt.voucher.nonce, 1);
    assert!(payload.body.contains("river, number 1"));
    // Another session beside it ends, so that what is still needed is written again.
    let store = &host.paid().store;
    let number = |nonce| store.book().find(SESSION).unwrap().receipts[&nonce].record;
    let first = number(1);
    let mut other = store.read(first).unwrap();
    if let Record::Receipt { signed, .. } = &mut other {
        signed.receipt.voucher.session = SESSION + 1;
    }
    store.append(other).await.unwrap();
    let (session, height) = (SESSION + 1, 1);
    store.append(Record::Closed { session, height }).await.unwrap();
    store.forget(|height| height == 1).await.unwrap();
    assert_ne!(number(1), first);
    assert_eq!(ask(&host, key(), 1).await, (StatusCode::OK, bytes));
    let (status, bytes) = ask(&host, stranger(), 1).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(!String::from_utf8_lossy(&bytes).contains("river"));
    // The audited host's own key opens nothing either, and there is no third leaf.
    let own = host.paid().transport_key.clone();
    assert_eq!(ask(&host, own, 1).await.0, StatusCode::FORBIDDEN);
    assert_eq!(ask(&host, key(), 3).await.0, StatusCode::FORBIDDEN);
    assert_eq!(host.paid().config.host, HOST);
    // Once votes are out, the leaf is the panel's alone.
    rest(&world, 2).await;
    world
        .until("a refusal", |contracts| contracts.height > contracts.since + 5)
        .await;
    assert_eq!(ask(&host, key(), 1).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_lost_a_receipt_gives_up_what_it_cannot_show_once_half_of_the_time_is_over() {
    let world = World::new().await;
    let (host, _auditor) = world.pair(&[Lie::None; 4], true).await;
    let captures: Vec<u128> = {
        let mut book = host.paid().store.book();
        let receipts = &mut book.account(SESSION).receipts;
        let captures = receipts.values().map(|entry| entry.signed.receipt.capture.0);
        let captures = captures.collect();
        receipts.remove(&2).unwrap();
        captures
    };
    world.with(|contracts| contracts.enter(Phase::Reveal));
    let missing = &host.paid().metrics.audits.unrevealed;
    world.until("it is missed", |_| missing.get() > 2).await;
    assert!(world.with(|contracts| contracts.given_up.is_empty()));
    world.with(|contracts| contracts.height += 6_000);
    world
        .until("all is given up", |contracts| contracts.given_up.len() == 4)
        .await;
    // Without the second one nothing of the session proves, but each costs its own part only.
    let mut at = 0;
    let expected: Vec<(u128, u128)> = captures
        .iter()
        .map(|capture| {
            at += capture;
            (at - capture, at)
        })
        .collect();
    let given = world.with(|contracts| contracts.given_up.clone());
    let given: Vec<_> = given.iter().map(|(from, to)| (from.0, to.0)).collect();
    assert_eq!(given, expected);
}
