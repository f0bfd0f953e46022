use super::{CHAIN, HOST, MODEL, given, open, open_all, sprint, terms, terms_of};
use crate::proof::store::{Proofs, State};
use quern_interface::poc_weights::ProofInfo;
use quern_protocol::{Amount, Node};

/// As the chain has it after a commit.
fn on_chain(number: u64, (count, root): (u32, Node)) -> ProofInfo {
    ProofInfo {
        sprint: sprint(number),
        host: HOST.into(),
        model: MODEL.into(),
        generation: 0,
        root,
        count,
        committed_at: 119,
        judged: None,
    }
}

/// Whether every offset of the commit leads to a leaf of it, and how many leaves there are.
fn revealed(proofs: &Proofs, info: &ProofInfo) -> usize {
    let mut seen = std::collections::BTreeSet::new();
    for offset in 0..info.root.sum.0 {
        let found = proofs.prove(info, Amount(offset)).unwrap();
        let coefficients = terms(sprint(1)).coefficients;
        let node = found
            .leaf
            .node(CHAIN, HOST, MODEL, info.sprint.sprint, &coefficients);
        assert_eq!(found.proof.root(node.unwrap()), Some(info.root));
        seen.insert(found.leaf.index);
    }
    assert!(proofs.prove(info, info.root.sum).is_none());
    seen.len()
}

#[tokio::test]
async fn only_answers_without_a_gap_are_committed_and_each_can_be_revealed() {
    let folder = tempfile::tempdir().unwrap();
    let proofs = open(folder.path());
    let terms = terms(sprint(1));
    proofs.begin(terms.clone()).await.unwrap();
    let give = |indices: &[u32]| indices.iter().map(|index| given(&terms, *index)).collect();
    proofs.keep(give(&[3, 1])).await.unwrap();
    assert_eq!(proofs.commitment(1), None);
    proofs.keep(give(&[0])).await.unwrap();
    assert_eq!(proofs.commitment(1).unwrap().0, 2);
    proofs.keep(give(&[2, 5])).await.unwrap();
    let commitment = proofs.commitment(1).unwrap();
    assert_eq!(commitment.0, 4);
    let info = on_chain(1, commitment);
    assert_eq!(revealed(&proofs, &info), 4);
    // More answers change nothing about what was committed.
    proofs.keep(give(&[4])).await.unwrap();
    assert_eq!(revealed(&proofs, &info), 4);
    // A root that is not this host's own proves nothing.
    let mut other = info.clone();
    other.count = 3;
    assert!(proofs.prove(&other, Amount(0)).is_none());
}

#[tokio::test]
async fn what_was_on_disk_before_a_crash_is_revealed_and_goes_on_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let terms = terms(sprint(1));
    let commitment = {
        let proofs = open(folder.path());
        proofs.begin(terms.clone()).await.unwrap();
        proofs
            .keep([0, 1, 2, 4].map(|index| given(&terms, index)).into())
            .await
            .unwrap();
        proofs.commitment(1).unwrap()
    };
    let proofs = open(folder.path());
    let info = on_chain(1, commitment);
    assert_eq!(revealed(&proofs, &info), 3);
    let payload = proofs.payload(1, MODEL, 2).unwrap().unwrap();
    assert_eq!(payload.output, given(&terms, 2).answer.output);
    assert_eq!(proofs.payload(1, "other", 2).unwrap(), None);
    assert_eq!(proofs.payload(1, MODEL, 3).unwrap(), None);
    // Nothing runs until the chain says so; then it goes on with what is missing.
    use crate::scheduler::Filler;
    assert!(proofs.next().is_none());
    proofs.begin(terms).await.unwrap();
    let handed: Vec<u32> = (0..3).map(|_| proofs.next().unwrap().id.1).collect();
    assert_eq!(handed, [3, 5, 6]);
}

#[tokio::test]
async fn sprints_that_nobody_can_draw_are_forgotten_and_those_that_run_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let proofs = open(folder.path());
    for number in [1, 2] {
        let terms = terms(sprint(number));
        proofs.begin(terms.clone()).await.unwrap();
        proofs.keep(vec![given(&terms, 0)]).await.unwrap();
    }
    proofs.discard_before(120).await.unwrap();
    assert!(proofs.commitment(1).is_some());
    proofs.discard_before(121).await.unwrap();
    assert!(proofs.commitment(1).is_none() && proofs.commitment(2).is_some());
    proofs.stop();
    proofs.discard_before(121).await.unwrap();
    drop(proofs);
    let proofs = open(folder.path());
    assert!(proofs.commitment(2).is_none());
    assert_eq!(proofs.payload(2, MODEL, 0).unwrap(), None);
}

#[tokio::test]
async fn outputs_are_not_readable_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    {
        let proofs = open(folder.path());
        proofs.begin(terms(sprint(1))).await.unwrap();
    }
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        files += usize::from(!bytes.is_empty());
        let readable = bytes.windows(MODEL.len()).any(|part| part == MODEL.as_bytes());
        assert!(!readable);
    }
    assert!(files >= 2, "no journal was written");
}

/// As the chain has it after a commit for a model.
fn on_chain_for(model: &str, commitment: (u32, Node)) -> ProofInfo {
    let model = model.into();
    ProofInfo {
        model,
        ..on_chain(1, commitment)
    }
}

#[tokio::test]
async fn two_models_answer_one_sprint_side_by_side_and_after_a_crash_each_has_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let models = [MODEL, "other"];
    let commitments = {
        let both = open_all(folder.path(), &models);
        for (proofs, model) in both.iter().zip(models) {
            let terms = terms_of(sprint(1), model);
            proofs.begin(terms.clone()).await.unwrap();
            let count = if model == MODEL { 3 } else { 2 };
            let given = (0..count).map(|index| given(&terms, index)).collect();
            proofs.keep(given).await.unwrap();
        }
        // One that ends does not end the other.
        both[0].stop();
        assert_eq!((both[0].running(), both[1].running()), (None, Some(1)));
        [both[0].commitment(1).unwrap(), both[1].commitment(1).unwrap()]
    };
    assert_eq!((commitments[0].0, commitments[1].0), (3, 2));
    // Whoever asks, and in whatever order the models are listed now.
    let both = open_all(folder.path(), &["other", "third"]);
    for (model, commitment) in models.into_iter().zip(commitments) {
        let info = on_chain_for(model, commitment);
        for proofs in &both {
            let found = proofs.prove(&info, Amount(0)).unwrap();
            assert_eq!(found.model, model);
            let payload = proofs.payload(1, model, 1).unwrap().unwrap();
            assert_eq!(
                payload.output,
                given(&terms_of(sprint(1), model), 1).answer.output
            );
        }
    }
    // None of them is taken for the answer of another model.
    let wrong = on_chain_for("other", commitments[0]);
    assert!(both[0].prove(&wrong, Amount(0)).is_none());
    assert_eq!(both[0].payload(1, "third", 0).unwrap(), None);
}

#[test]
fn a_journal_of_a_release_with_one_model_is_read_as_it_was_written() {
    let terms = terms(sprint(1));
    let mut state = State::default();
    let answers = serde_json::json!({"answers": {"sprint": 1, "answers": [given(&terms, 0).answer]}});
    let records = [serde_json::json!({"sprint": terms}), answers];
    for (number, record) in (0..).zip(records) {
        state.apply(number, serde_json::from_value(record).unwrap());
    }
    let known: Vec<_> = state.sprints.iter().collect();
    let [((1, model), answers)] = known.as_slice() else {
        panic!("{known:?}");
    };
    assert_eq!((&**model, answers.count()), (MODEL, 1));
}
