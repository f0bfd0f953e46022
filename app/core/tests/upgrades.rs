//! Software upgrades through whole blocks: who stops where, what a stopped node writes, and who goes on.

use crate::support;

use std::path::Path;

use quern_core::{App, Handlers, Options, Release, Upgrade};
use quern_proto::cosmos::{
    auth::v1beta1 as auth,
    consensus::v1::{QueryParamsRequest, QueryParamsResponse},
    upgrade::v1beta1::{
        MsgCancelUpgrade, MsgSoftwareUpgrade, Plan, QueryAppliedPlanRequest, QueryAppliedPlanResponse,
        QueryAuthorityRequest, QueryAuthorityResponse, QueryCurrentPlanRequest, QueryCurrentPlanResponse,
        QueryModuleVersionsRequest, QueryModuleVersionsResponse,
    },
};
use quern_testkit::{Chain, Genesis, User, any};
use quern_types::{Result, errors, module_address};
use serde_json::{Value, json};
use support::{deliver, exported_twice, failed};

const HEIGHT: i64 = 4;

fn genesis() -> Genesis {
    let plan = json!({"name": "v2", "height": HEIGHT.to_string(), "info": "binaries: elsewhere"});
    Genesis::new()
        .fund(&User::new("alice"), "1000nqrn")
        .state(|s| s.upgrade.plan = Some(plan))
}

fn options(dir: &Path, upgrades: &[&str], skipped: &[u64]) -> Options {
    let mut options = Options::new(dir);
    options.upgrades = upgrades.iter().map(|name| (*name).to_owned()).collect();
    options.skip_upgrades = skipped.iter().copied().collect();
    options
}

fn applied(chain: &Chain<App>, name: &str) -> i64 {
    let request = QueryAppliedPlanRequest { name: name.into() };
    let answer: QueryAppliedPlanResponse = chain
        .query("/cosmos.upgrade.v1beta1.Query/AppliedPlan", &request)
        .unwrap();
    answer.height
}

fn plan(chain: &Chain<App>) -> Option<Plan> {
    let answer: QueryCurrentPlanResponse = chain
        .query(
            "/cosmos.upgrade.v1beta1.Query/CurrentPlan",
            &QueryCurrentPlanRequest {},
        )
        .unwrap();
    answer.plan
}

/// A chain that has stopped before the planned block.
fn stopped(dir: &Path) {
    let app = App::open(options(dir, &[], &[])).unwrap();
    let mut chain = Chain::start(app.clone(), genesis());
    chain.empty_blocks(usize::try_from(HEIGHT).unwrap() - 1);
    assert_eq!(plan(&chain).unwrap().name, "v2");
    assert_eq!(app.halted(), None);
    let _void = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| chain.finalize([])));
    let reason = app.halted().unwrap();
    assert!(
        reason.ends_with(r#"UPGRADE "v2" NEEDED at height: 4: binaries: elsewhere"#),
        "{reason}"
    );
    assert!(app.halt_was_planned());
    assert_eq!(app.last_height(), 3);
}

#[test]
fn an_old_binary_stops_before_the_plans_block_and_says_so_to_cosmovisor() {
    let dir = tempfile::tempdir().unwrap();
    stopped(dir.path());
    let file = std::fs::read(dir.path().join("upgrade-info.json")).unwrap();
    let info: Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(
        (&info["name"], &info["height"], &info["info"]),
        (&json!("v2"), &json!(4), &json!("binaries: elsewhere"))
    );
    // and again at its next start, before any block
    let again = App::open(options(dir.path(), &[], &[])).unwrap();
    let refused = again.check_upgrades().unwrap_err().to_string();
    assert!(
        refused.contains(r#"UPGRADE "v2" NEEDED at height: 4"#),
        "{refused}"
    );
}

#[test]
fn the_upgrades_binary_goes_on_from_there_and_older_ones_never_again() {
    let dir = tempfile::tempdir().unwrap();
    stopped(dir.path());
    {
        let app = App::open(options(dir.path(), &["v2"], &[])).unwrap();
        app.check_upgrades().unwrap();
        let mut chain = Chain::resume(app.clone());
        let block = chain.block([]);
        let params = block.consensus_param_updates.unwrap();
        assert_eq!(params.version.unwrap().app, 1);
        chain.empty_blocks(2);
        assert_eq!(app.halted(), None);
        assert_eq!((applied(&chain, "v2"), applied(&chain, "v3")), (HEIGHT, 0));
        assert_eq!(plan(&chain), None);
        let answer: QueryParamsResponse = chain
            .query("/cosmos.consensus.v1.Query/Params", &QueryParamsRequest {})
            .unwrap();
        assert_eq!(answer.params.unwrap().version.unwrap().app, 1);
        let (one, other) = exported_twice(&app);
        assert_eq!(one.upgrade, other.upgrade);
        assert_eq!(one.upgrade.applied[0].name, "v2");
    }
    let old = App::open(options(dir.path(), &[], &[])).unwrap();
    let refused = old.check_upgrades().unwrap_err().to_string();
    assert!(refused.contains("no handler for upgrade \"v2\""), "{refused}");
    let chain = Chain::resume(old.clone());
    let _void = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| chain.finalize([])));
    assert!(old.halted().is_some());
}

#[test]
fn a_binary_does_not_run_ahead_of_its_upgrade() {
    let dir = tempfile::tempdir().unwrap();
    let app = App::open(options(dir.path(), &["v2"], &[])).unwrap();
    let chain = Chain::start(app.clone(), genesis());
    let _void = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| chain.finalize([])));
    let reason = app.halted().unwrap();
    assert!(reason.contains("BINARY UPDATED BEFORE TRIGGER!"), "{reason}");
    assert!(app.halt_was_planned(), "no restart helps");
}

/// Memos of another length, set as a proposal would.
fn set_memos(upgrade: &Upgrade<'_>, to: u64) -> Result<()> {
    let found: auth::QueryParamsResponse =
        upgrade.query("/cosmos.auth.v1beta1.Query/Params", &auth::QueryParamsRequest {})?;
    let changed = |params| auth::Params {
        max_memo_characters: to,
        ..params
    };
    let _: auth::MsgUpdateParamsResponse = upgrade.execute(&auth::MsgUpdateParams {
        authority: module_address("gov").to_string(),
        params: found.params.map(changed),
    })?;
    Ok(())
}

fn memos(chain: &Chain<App>) -> u64 {
    let path = "/cosmos.auth.v1beta1.Query/Params";
    let answer: auth::QueryParamsResponse = chain.query(path, &auth::QueryParamsRequest {}).unwrap();
    answer.params.unwrap().max_memo_characters
}

fn version(chain: &Chain<App>, module: &str) -> u64 {
    let request = QueryModuleVersionsRequest {
        module_name: module.into(),
    };
    let path = "/cosmos.upgrade.v1beta1.Query/ModuleVersions";
    let answer: QueryModuleVersionsResponse = chain.query(path, &request).unwrap();
    answer.module_versions[0].version
}

#[test]
fn a_release_changes_the_state_before_the_plans_block_and_answers_its_own_query() {
    let dir = tempfile::tempdir().unwrap();
    stopped(dir.path());
    // a name that is given beside it does not hide the handler
    let mut options = options(dir.path(), &["v2"], &[]);
    options.release = Release {
        handlers: Handlers::default().with("v2", |upgrade| {
            assert_eq!((upgrade.plan.name.as_str(), upgrade.cx.block.height), ("v2", 4));
            // what fails leaves nothing, and a handler may go on
            set_memos(upgrade, 0).unwrap_err();
            set_memos(upgrade, 512)
        }),
        versions: vec![("auth", 6), ("novel", 1)],
        answer: Some(|_, path, _| (path == "/quern.novel.v1.Query/Ask").then(|| Ok(b"here".to_vec()))),
    };
    let app = App::open(options).unwrap();
    app.check_upgrades().unwrap();
    let ask = || app.query("/quern.novel.v1.Query/Ask", &[], 0, false);
    assert_eq!(ask().value.to_vec(), b"here");
    let mut chain = Chain::resume(app.clone());
    assert_eq!((memos(&chain), version(&chain, "auth")), (256, 5));
    let block = chain.block([]);
    assert_eq!(app.halted(), None);
    assert_eq!((memos(&chain), version(&chain, "auth")), (512, 6));
    assert_eq!((version(&chain, "novel"), version(&chain, "bank")), (1, 4));
    assert!(block.consensus_param_updates.is_some());
    // once
    let later = chain.block([]);
    assert!(later.consensus_param_updates.is_none());
    assert_eq!(applied(&chain, "v2"), HEIGHT);
}

#[test]
fn a_handler_that_fails_stops_the_node_before_the_block_and_leaves_the_state_for_a_better_one() {
    let dir = tempfile::tempdir().unwrap();
    stopped(dir.path());
    let release = |handler| Release {
        handlers: Handlers::default().with("v2", handler),
        ..Release::default()
    };
    let mut with = options(dir.path(), &[], &[]);
    with.release = release(|upgrade| {
        set_memos(upgrade, 512)?;
        Err(errors::NOT_FOUND.wrap("the code is not there"))
    });
    {
        let app = App::open(with.clone()).unwrap();
        let chain = Chain::resume(app.clone());
        let _void = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| chain.finalize([])));
        let reason = app.halted().unwrap();
        assert!(
            reason.contains("upgrade \"v2\": the code is not there: not found"),
            "{reason}"
        );
        assert_eq!((app.last_height(), memos(&chain)), (3, 256));
    }
    with.release = release(|upgrade| set_memos(upgrade, 500));
    let mut chain = Chain::resume(App::open(with).unwrap());
    chain.block([]);
    assert_eq!((memos(&chain), applied(&chain, "v2")), (500, HEIGHT));
}

#[test]
fn operators_who_agree_skip_a_plan() {
    let dir = tempfile::tempdir().unwrap();
    stopped(dir.path());
    let app = App::open(options(dir.path(), &[], &[4])).unwrap();
    app.check_upgrades().unwrap();
    let mut chain = Chain::resume(app.clone());
    chain.empty_blocks(2);
    assert_eq!(app.halted(), None);
    assert_eq!((plan(&chain), applied(&chain, "v2")), (None, 0));
}

#[test]
fn only_governance_plans_and_cancels() {
    let alice = User::new("alice");
    let (_dir, _app, mut chain) = support::started(Genesis::new().fund(&alice, "1000nqrn"));
    let planned = MsgSoftwareUpgrade {
        authority: alice.address().to_string(),
        plan: Some(Plan {
            name: "v2".into(),
            height: 100,
            ..Plan::default()
        }),
    };
    let tx = chain.tx(&alice).message(any(&planned)).sign(&alice);
    failed(
        &deliver(&mut chain, tx),
        "upgrade",
        6,
        "expected authority account as only signer for proposal message",
    );
    let cancel = MsgCancelUpgrade {
        authority: alice.address().to_string(),
    };
    let tx = chain.tx(&alice).message(any(&cancel)).sign(&alice);
    failed(
        &deliver(&mut chain, tx),
        "upgrade",
        6,
        "expected authority account as only signer for proposal message",
    );
    assert_eq!(plan(&chain), None);
}

#[test]
fn versions_of_modules_and_the_authority_are_answered() {
    let (_dir, _app, chain) = support::started(Genesis::new());
    let ask = |name: &str| -> Result<QueryModuleVersionsResponse, _> {
        let request = QueryModuleVersionsRequest {
            module_name: name.into(),
        };
        chain.query("/cosmos.upgrade.v1beta1.Query/ModuleVersions", &request)
    };
    let all = ask("").unwrap().module_versions;
    assert!(all.is_sorted_by(|a, b| a.name < b.name));
    assert_eq!(ask("gov").unwrap().module_versions[0].version, 5);
    assert!(ask("nothing").is_err());
    let answer: QueryAuthorityResponse = chain
        .query(
            "/cosmos.upgrade.v1beta1.Query/Authority",
            &QueryAuthorityRequest {},
        )
        .unwrap();
    assert_eq!(answer.address, module_address("gov").to_string());
}

#[test]
fn a_plan_that_no_folder_can_be_named_after_refuses_genesis() {
    for plan in [
        json!({"name": "", "height": "5"}),
        json!({"name": "../v2", "height": "5"}),
        json!({"name": "v2", "height": "0"}),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let app = App::open(Options::new(dir.path())).unwrap();
        let genesis = Genesis::new().state(|s| s.upgrade.plan = Some(plan.clone()));
        Chain::start(app.clone(), genesis);
        assert!(app.halted().is_some(), "{plan}");
    }
}
