//! What the chain's word about a host means for its proofs.

use super::{HOST, MODEL};
use crate::audit::tests::workers::World;
use crate::proof::chain::{OnChain, SprintChain};
use crate::proof::together::Together;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_the_bond_covers_nothing_of_is_not_proven_and_its_sessions_are_served() {
    let world = World::of(&[MODEL, "other"]).await;
    world.with(|contracts| contracts.uncovered = vec!["other".into()]);
    let worker = world.start(HOST, false).await;
    let paid = worker.paid();
    let mut heights = paid.follow.heights();
    heights.wait_for(|height| *height > 0).await.unwrap();
    let together = Arc::new(Together::of(2));
    let counts = |model: &str| {
        let chain = OnChain {
            paid: paid.clone(),
            contract: "poc".into(),
            model: model.into(),
            together: together.clone(),
        };
        (chain.may_act(), chain.counts())
    };
    assert_eq!(counts(MODEL), (true, true));
    assert_eq!(counts("other"), (true, false));
    assert_eq!(paid.follow.problem_with("other"), None);
    // More bond, and it counts again.
    world.with(|contracts| contracts.uncovered.clear());
    let now = paid.follow.height();
    heights.wait_for(|height| *height > now + 1).await.unwrap();
    assert_eq!(counts("other"), (true, true));
}
