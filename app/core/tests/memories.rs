//! What a node remembers of transactions changes its time alone, never its answers.

use crate::support;

use quern_testkit::{Chain, Genesis, User, bank_send};
use support::open;

fn genesis(users: &[User]) -> Genesis {
    users
        .iter()
        .fold(Genesis::new(), |genesis, user| genesis.fund(user, "1000000nqrn"))
}

#[test]
fn a_node_that_met_the_transactions_before_computes_what_a_stranger_to_them_does() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let users = ["alice", "bob", "carol"].map(User::new);
    let [mut proposer, mut stranger] = folders
        .each_ref()
        .map(|folder| Chain::start(open(folder.path()), genesis(&users)));
    proposer.empty_blocks(1);
    stranger.empty_blocks(1);
    for round in 0..4 {
        let txs: Vec<Vec<u8>> = users
            .iter()
            .zip(["7nqrn", "900000000nqrn", "1nqrn"])
            .map(|(user, amount)| {
                let tx = proposer
                    .tx(user)
                    .message(bank_send(user, &users[round % 3], amount));
                tx.fee("100nqrn").sign(user)
            })
            .collect();
        for tx in &txs {
            assert_eq!(proposer.check(tx).code, 0);
            // what is known is refused as what is not: the sequence is used
            assert_eq!(proposer.check(tx).code, 32);
        }
        let block = proposer.prepare(txs.clone(), 1_000_000);
        assert_eq!(block, txs);
        assert!(proposer.accepts(block.clone()) && proposer.accepts(block.clone()));
        let (known, new) = (proposer.block(block.clone()), stranger.block(block));
        assert_eq!(known, new);
        assert_eq!(proposer.app_hash, stranger.app_hash);
        for tx in &txs {
            assert_eq!(proposer.recheck(tx).code, 32, "it is in a block");
        }
    }
}

#[test]
fn a_proposal_is_a_nodes_own_only_as_it_made_it() {
    let folder = tempfile::tempdir().unwrap();
    let users = ["alice", "bob"].map(User::new);
    let mut chain = Chain::start(open(folder.path()), genesis(&users));
    chain.empty_blocks(1);
    let send = |chain: &Chain<_>, sequence: u64, user: &User| {
        let account = chain.account(user).unwrap();
        quern_testkit::TxBuilder::new(account.account_number, account.sequence + sequence)
            .message(bank_send(user, &users[1], "1nqrn"))
            .fee("100nqrn")
            .sign(user)
    };
    let txs = vec![
        send(&chain, 0, &users[0]),
        send(&chain, 1, &users[0]),
        send(&chain, 0, &users[1]),
    ];
    let prepare = |chain: &Chain<_>| assert_eq!(chain.prepare(txs.clone(), 1_000_000), txs);
    for (change, why) in [
        (
            vec![txs[1].clone(), txs[0].clone(), txs[2].clone()],
            "another order",
        ),
        (vec![txs[0].clone(), txs[0].clone(), txs[2].clone()], "one twice"),
        (vec![txs[1].clone()], "one is missing before it"),
        (
            [txs.clone(), vec![vec![1, 2, 3]]].concat(),
            "one more, which is none",
        ),
    ] {
        prepare(&chain);
        assert!(!chain.accepts(change), "{why}");
    }
    prepare(&chain);
    assert!(chain.accepts(txs.clone()));
    prepare(&chain);
    chain.block(txs.clone());
    // the same transactions at the next height are late
    assert!(!chain.accepts(txs));
}
