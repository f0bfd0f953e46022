//! Real nodes, killed at random moments under load, lose nothing and invent nothing.

use crate::support;

use std::path::Path;
use std::time::{Duration, Instant};

use quern_node::devnet::{Devnet, Plan};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use support::load::{Load, Sender};
use support::processes;
use support::state::{assert_equal, state};

/// Kills when `QUERN_KILLS` does not say.
const KILLS: u32 = 200;
/// Nodes that share them: a node that runs until its next kill leaves the machine idle.
const NODES: u32 = 2;
/// Longest time from a start to its kill: it covers start-up, replay and steady running.
const LONGEST_LIFE: Duration = Duration::from_millis(1600);

#[test]
fn after_two_hundred_kills_under_load_the_state_equals_an_uninterrupted_replay() {
    let kills = std::env::var("QUERN_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let seed = std::env::var("QUERN_SEED").map_or(20, |text| text.parse().unwrap());
    println!("{kills} kills, seed {seed}");
    std::thread::scope(|scope| {
        for node in 0..NODES {
            let share = kills / NODES + u32::from(node < kills % NODES);
            scope.spawn(move || is_killed_and_replayed(share, seed + u64::from(node)));
        }
    });
}

fn is_killed_and_replayed(kills: u32, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let senders: Vec<_> = (1..=4).map(Sender::new).collect();
    let plan = Plan {
        accounts: senders
            .iter()
            .map(|sender| (sender.address.clone(), "1000000000000nqrn".to_owned()))
            .collect(),
        program: Some(env!("CARGO_BIN_EXE_quernd").into()),
        arguments: vec!["--max-restarts".into(), "1000000".into()],
        ..Plan::default()
    };
    let chain = plan.chain_id.clone();
    let mut net = Devnet::start(plan).unwrap();
    let load = Load::start(&net.rpc(), &chain, senders);

    let (mut height, mut since_progress) = (1, 0);
    for kill in 0..kills {
        std::thread::sleep(LONGEST_LIFE.mul_f64(random.gen_range(0.0..1.0)));
        let supervisor = net.pid().unwrap();
        let children = processes::children(supervisor);
        // Mostly the whole node, as when the machine loses power; else one of its two processes.
        let victim = match random.gen_range(0..10) {
            0 | 1 => children.iter().find(|(_, line)| line.contains("--app-only")),
            2 | 3 => children.iter().find(|(_, line)| line.contains("--proxy_app")),
            _ => None,
        };
        match victim {
            Some((pid, _)) => processes::kill(*pid),
            None => {
                net.kill();
                net.launch().unwrap();
            }
        }
        // Short lives in a row may end before the first new block; now and then one must not, or a busy machine
        // would kill nodes that do nothing.
        since_progress += 1;
        if since_progress == 4 {
            since_progress = 0;
            let reached = net.wait_for_height(height + 1, Duration::from_secs(60));
            height = reached.unwrap_or_else(|error| panic!("after kill {kill}: {error}"));
        }
    }
    let accepted = load.accepted();
    drop(load);
    let height = net.wait_for_height(height + 2, Duration::from_secs(60)).unwrap();
    assert!(net.stop().unwrap().success());
    println!("height {height}, {accepted} transactions accepted");
    assert!(
        accepted > u64::from(kills),
        "the load was too thin to prove anything"
    );

    let twin = replay(&net);
    let (survivor, height) = state(&net.home().app_data().join("state"), None);
    let (replayed, _) = state(&twin.app_data().join("state"), Some(height));
    assert_equal(&survivor, &replayed);
    std::fs::remove_dir_all(twin.root()).unwrap();
}

/// Executes every block of the stopped node's block store on an empty application.
fn replay(net: &Devnet) -> quern_node::home::Home {
    let root = net.home().root().join("twin");
    let twin = quern_node::home::Home::new(&root).unwrap();
    copy(&net.home().config(), &twin.config());
    copy(&net.home().data(), &twin.data());
    std::fs::remove_dir_all(twin.app_data()).unwrap();
    let (_, target) = state(&net.home().app_data().join("state"), None);
    let log = std::fs::File::create(root.join("node.log")).unwrap();
    let mut node = std::process::Command::new(env!("CARGO_BIN_EXE_quernd"))
        .args(["start", "--max-restarts", "0", "--home"])
        .arg(twin.root())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let started = Instant::now();
    // The RPC answers only after CometBFT replayed its blocks and compared every app hash.
    while net.height().is_none_or(|height| height < target) {
        let ended = node.try_wait().unwrap();
        let late = started.elapsed() > Duration::from_secs(120);
        if ended.is_some() || late {
            processes::kill(node.id());
            let log = std::fs::read_to_string(root.join("node.log")).unwrap();
            panic!(
                "the replay failed ({ended:?}):\n{}",
                log.lines().rev().take(25).collect::<Vec<_>>().join("\n")
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    processes::kill(node.id());
    node.wait().unwrap();
    twin
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
