//! What an exchange does: transactions are made on one machine, signed on others that have no network, and executed
//! by the chain's own application, in process.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use clap::Parser;
use prost::Message;
use quern_core::{App, Options};
use quern_proto::cosmos::tx::v1beta1::TxRaw;
use quern_testkit::{CHAIN_ID, Chain, Genesis};
use quern_types::AccAddress;
use quern_wallet::{Failure, KeysCommand, TxCommand};
use tendermint_proto::v0_38::abci::ExecTxResult;

#[derive(Parser)]
struct Keys {
    #[command(flatten)]
    command: KeysCommand,
}

#[derive(Parser)]
struct Tx {
    #[command(flatten)]
    command: TxCommand,
}

/// A machine with a keyring of its own.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("password"), "correct horse").unwrap();
        Self(home)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn words(&self, command: &str, args: &str) -> Vec<String> {
        let password = self.path().join("password").display().to_string();
        let args = args.replace("HERE", &self.path().display().to_string());
        [command]
            .into_iter()
            .chain(args.split_whitespace())
            .chain(["--password-file", &password])
            .map(str::to_owned)
            .collect()
    }

    fn keys(&self, args: &str) -> String {
        let keys = Keys::try_parse_from(self.words("keys", args)).unwrap();
        keys.command.run(self.path()).unwrap()
    }

    async fn tx(&self, args: &str) -> Result<String, Failure> {
        let args = format!("{args} --offline --chain-id {CHAIN_ID}");
        let tx = Tx::try_parse_from(self.words("tx", &args)).unwrap();
        tx.command.run(self.path()).await
    }

    async fn done(&self, args: &str) -> String {
        self.tx(args).await.unwrap_or_else(|e| panic!("{args}: {e}"))
    }

    async fn refused(&self, args: &str, text: &str) {
        let failure = self.tx(args).await.unwrap_err();
        assert!(failure.to_string().contains(text), "{args}: {failure}");
    }

    /// A file that reached this machine.
    fn receives(&self, name: &str, content: &str) {
        fs::write(self.path().join(name), content).unwrap();
    }

    fn address(&self, name: &str) -> AccAddress {
        AccAddress::from_bech32(&self.keys(&format!("show {name} -a"))).unwrap()
    }

    /// Notes the public key of a key of another machine.
    fn notes(&self, name: &str, other: &Self, key: &str) {
        let public = other.keys(&format!("show {key} -p"));
        self.keys(&format!("add {name} --pubkey {public}"));
    }
}

/// A chain on which these addresses own a million nqrn each, with numbers in their order.
fn chain(owners: &[AccAddress]) -> (tempfile::TempDir, Chain<App>) {
    let dir = tempfile::tempdir().unwrap();
    let app = App::open(Options::new(dir.path())).unwrap();
    let genesis = Genesis::new().state(|state| {
        for owner in owners {
            state.auth.add_account(owner.clone()).unwrap();
            let coins = "1000000nqrn".parse().unwrap();
            state.bank.add_balance(owner, &coins).unwrap();
        }
    });
    let mut chain = Chain::start(app, genesis);
    chain.empty_blocks(1); // until then every account has the number 0
    (dir, chain)
}

/// Executes what `tx encode` printed.
fn deliver(chain: &mut Chain<App>, encoded: &str) -> ExecTxResult {
    let tx = STANDARD.decode(encoded).unwrap();
    let check = chain.check(&tx);
    let result = chain.block([tx]).tx_results.remove(0);
    assert_eq!(check.code, result.code, "{} / {}", check.log, result.log);
    result
}

#[tokio::test]
async fn a_withdrawal_is_made_online_signed_offline_and_executed() {
    let (online, offline) = (Machine::new(), Machine::new());
    offline.keys("add hot");
    online.notes("hot", &offline, "hot");
    assert_eq!(online.address("hot"), offline.address("hot"));
    let to = quern_types::module_address("customer");
    let (_dir, mut chain) = chain(&[offline.address("hot")]);
    let send = format!("bank send {to} 5nqrn --from hot --fees 10nqrn --memo 77 --generate-only");
    let unsigned = online.done(&send).await;
    offline.receives("unsigned.json", &unsigned);
    online.receives("unsigned.json", &unsigned);

    for (sequence, mode) in ["direct", "amino-json"].into_iter().enumerate() {
        let facts = format!("--account-number 0 --sequence {sequence}");
        let sign = format!("sign HERE/unsigned.json --from hot --sign-mode {mode} {facts}");
        // the machine with the network has no secret
        online.refused(&sign, "only its public key is here").await;
        let document = format!("{sign} --output-document HERE/{mode}.json");
        assert_eq!(offline.done(&document).await, "");
        offline.refused(&document, "exists").await;
        let signed = fs::read_to_string(offline.path().join(format!("{mode}.json"))).unwrap();
        online.receives("signed.json", &signed);
        let check = format!("validate-signatures HERE/signed.json {facts}");
        let report = online.done(&check).await;
        assert!(
            report.contains(&format!("  0: {}\t\t\t[OK]", offline.address("hot"))),
            "{report}"
        );
        let wrong = format!("validate-signatures HERE/signed.json --account-number 1 --sequence {sequence}");
        online.refused(&wrong, "signatures validation failed").await;
        let encoded = online.done("encode HERE/signed.json").await;
        let result = deliver(&mut chain, &encoded);
        assert_eq!(result.code, 0, "{mode}: {}", result.log);
        assert_eq!(
            deliver(&mut chain, &encoded).code,
            32,
            "a withdrawal is not executed twice"
        );
    }
    offline.keys("add other");
    let other = "sign HERE/unsigned.json --from other -a 0 -s 0";
    offline
        .refused(other, "tx intended signer does not match the given signer")
        .await;
}

#[tokio::test]
async fn a_batch_is_signed_with_sequences_that_follow_each_other() {
    let machine = Machine::new();
    machine.keys("add hot");
    let hot = machine.address("hot");
    let (_dir, mut chain) = chain(std::slice::from_ref(&hot));
    let customers = ["one", "two", "three"].map(quern_types::module_address);
    let mut lines = String::new();
    for (customer, amount) in customers.iter().zip(5..) {
        // the SDK's order of words: the sender first
        let send = format!("bank send {hot} {customer} {amount}nqrn --fees 10nqrn --generate-only");
        lines.push_str(&machine.done(&send).await);
        lines.push('\n');
    }
    let several = customers.each_ref().map(ToString::to_string).join(" ");
    let each = format!("bank multi-send {hot} {several} 3nqrn --fees 10nqrn --generate-only");
    lines.push_str(&machine.done(&each).await);
    lines.push('\n');
    let split = format!("bank multi-send {several} 10nqrn --split --from hot --fees 10nqrn --generate-only");
    lines.push_str(&machine.done(&split).await);
    machine.receives("batch.jsonl", &lines);
    let signed = machine
        .done("sign-batch HERE/batch.jsonl --from hot -a 0 -s 0")
        .await;
    assert_eq!(signed.lines().count(), 5);
    for line in signed.lines() {
        machine.receives("one.json", line);
        let result = deliver(&mut chain, &machine.done("encode HERE/one.json").await);
        assert_eq!(result.code, 0, "{}", result.log);
    }
    for (customer, amount) in customers.iter().zip(5..) {
        assert_eq!(balance(&chain, customer), amount + 3 + 3);
    }
}

fn balance(chain: &Chain<App>, address: &AccAddress) -> u128 {
    use quern_proto::cosmos::bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse};
    let request = QueryBalanceRequest {
        address: address.to_string(),
        denom: "nqrn".into(),
    };
    let found: QueryBalanceResponse = chain
        .query("/cosmos.bank.v1beta1.Query/Balance", &request)
        .unwrap();
    found.balance.unwrap().amount.parse().unwrap()
}

#[tokio::test]
async fn two_of_three_members_sign_for_a_multisig_account_and_one_alone_cannot() {
    let members = [Machine::new(), Machine::new(), Machine::new()];
    let coordinator = Machine::new();
    for (i, member) in members.iter().enumerate() {
        member.keys("add own");
        coordinator.notes(&format!("m{i}"), member, "own");
    }
    let public = coordinator.keys("add treasury --multisig m0,m1,m2 --multisig-threshold 2 -o json");
    let shown: serde_json::Value = serde_json::from_str(&public).unwrap();
    assert_eq!(shown["type"], "multi");
    let treasury = coordinator.address("treasury");
    // the order in which members are named does not matter, unless one wants it to
    coordinator.keys("delete treasury -y");
    coordinator.keys("add treasury --multisig m2,m0,m1 --multisig-threshold 2");
    assert_eq!(coordinator.address("treasury"), treasury);
    // a member notes the account by its key
    members[0].keys(&format!(
        "add treasury --pubkey {}",
        coordinator.keys("show treasury -p")
    ));
    assert_eq!(members[0].address("treasury"), treasury);

    let (_dir, mut chain) = chain(std::slice::from_ref(&treasury));
    let to = quern_types::module_address("cold");
    let send = format!("bank send {to} 500nqrn --from treasury --fees 10nqrn --generate-only");
    let unsigned = coordinator.done(&send).await;
    coordinator.receives("unsigned.json", &unsigned);
    coordinator
        .refused(
            &format!("bank send {to} 500nqrn --from treasury --fees 10nqrn -a 0 -s 0"),
            "is a multisig account",
        )
        .await;
    for (i, member) in members.iter().enumerate() {
        member.receives("unsigned.json", &unsigned);
        let by = if i == 0 {
            "treasury".to_owned()
        } else {
            treasury.to_string()
        };
        let sign = format!("sign HERE/unsigned.json --from own --multisig {by} -a 0 -s 0");
        let signature = member.done(&sign).await;
        let parsed: serde_json::Value = serde_json::from_str(&signature).unwrap();
        let single = &parsed["signatures"][0]["data"]["single"];
        assert_eq!(single["mode"], "SIGN_MODE_LEGACY_AMINO_JSON");
        coordinator.receives(&format!("sig{i}.json"), &signature);
    }
    let join = |names: &str| {
        let files: Vec<_> = names.split(' ').map(|n| format!("HERE/{n}.json")).collect();
        format!(
            "multisign HERE/unsigned.json treasury {} -a 0 -s 0",
            files.join(" ")
        )
    };
    coordinator
        .refused(&join("sig1"), "1 of the 2 signatures that treasury needs")
        .await;
    coordinator
        .refused(&join("sig1 sig1"), "1 of the 2 signatures")
        .await;
    let late = "multisign HERE/unsigned.json treasury HERE/sig0.json HERE/sig1.json -a 0 -s 1";
    coordinator.refused(late, "couldn't verify signature").await;
    let stranger = Machine::new();
    stranger.keys("add own");
    stranger.receives("unsigned.json", &unsigned);
    let sign = format!("sign HERE/unsigned.json --from own --multisig {treasury} -a 0 -s 0");
    coordinator.receives("stranger.json", &stranger.done(&sign).await);
    coordinator
        .refused(&join("sig1 stranger"), "is no member of treasury")
        .await;

    // of three signatures two are enough, in any order, and all three are welcome
    for (sequence, names) in ["sig2 sig0", "sig0 sig1 sig2"].into_iter().enumerate() {
        if sequence > 0 {
            for (i, member) in members.iter().enumerate() {
                let sign =
                    format!("sign HERE/unsigned.json --from own --multisig {treasury} -a 0 -s {sequence}");
                coordinator.receives(&format!("sig{i}.json"), &member.done(&sign).await);
            }
        }
        let join = join(names).replace("-s 0", &format!("-s {sequence}"));
        coordinator.receives("signed.json", &coordinator.done(&join).await);
        let check = format!("validate-signatures HERE/signed.json -a 0 -s {sequence}");
        assert!(coordinator.done(&check).await.contains("[OK]"));
        let result = deliver(&mut chain, &coordinator.done("encode HERE/signed.json").await);
        assert_eq!(result.code, 0, "{}", result.log);
    }
    assert_eq!(balance(&chain, &to), 1000);
}

#[tokio::test]
async fn who_pays_the_fee_signs_after_the_sender() {
    let machine = Machine::new();
    machine.keys("add sender");
    machine.keys("add payer");
    let (sender, payer) = (machine.address("sender"), machine.address("payer"));
    let (_dir, mut chain) = chain(&[sender.clone(), payer.clone()]);
    let to = quern_types::module_address("customer");
    let send = format!("bank send {to} 5nqrn --from sender --fees 10nqrn --fee-payer {payer}");
    machine
        .refused(&format!("{send} -a 0 -s 0"), "must sign as well")
        .await;
    machine.receives("tx.json", &machine.done(&format!("{send} --generate-only")).await);
    // in another order than the chain expects: the signatures are put into place
    let first = "sign HERE/tx.json --from payer --sign-mode amino-json -a 1 -s 0";
    machine.receives("half.json", &machine.done(first).await);
    machine
        .refused(
            "validate-signatures HERE/half.json",
            "signatures validation failed",
        )
        .await;
    let second = "sign HERE/half.json --from sender -a 0 -s 0";
    machine.receives("signed.json", &machine.done(second).await);
    machine
        .refused(
            "sign HERE/signed.json --from payer -a 1 -s 0",
            "maximum 1 DIRECT signer",
        )
        .await;
    let result = deliver(&mut chain, &machine.done("encode HERE/signed.json").await);
    assert_eq!(result.code, 0, "{}", result.log);
    assert_eq!(balance(&chain, &payer), 999_990);
    assert_eq!(balance(&chain, &sender), 999_995);
}

/// What `--aux` would print if `sender` had put a message of the payer's, in the sender's favour, behind its own.
async fn with_a_message_of(payer: &AccAddress, machine: &Machine, signed: &str) -> String {
    let sender = machine.address("sender");
    let own =
        format!("bank send {payer} 1nqrn --from sender --fees 10nqrn --fee-payer {payer} --generate-only");
    let theirs = format!("bank send {payer} {sender} 900000nqrn --generate-only");
    let mut both: serde_json::Value = serde_json::from_str(&machine.done(&own).await).unwrap();
    let theirs: serde_json::Value = serde_json::from_str(&machine.done(&theirs).await).unwrap();
    let messages = both["body"]["messages"].as_array_mut().unwrap();
    messages.push(theirs["body"]["messages"][0].clone());
    machine.receives("both.json", &both.to_string());
    let sign = "sign HERE/both.json --from sender --sign-mode direct-aux -a 0 -s 0";
    machine.receives("half.json", &machine.done(sign).await);
    let half = machine.done("encode HERE/half.json").await;
    let raw = TxRaw::decode(&*STANDARD.decode(half).unwrap()).unwrap();
    let mut data: serde_json::Value = serde_json::from_str(signed).unwrap();
    data["sign_doc"]["body_bytes"] = STANDARD.encode(raw.body_bytes).into();
    data["sig"] = STANDARD.encode(&raw.signatures[0]).into();
    data.to_string()
}

#[tokio::test]
async fn one_account_signs_what_happens_and_another_pays_for_it() {
    let (machine, payers) = (Machine::new(), Machine::new());
    machine.keys("add sender");
    payers.keys("add payer");
    let (sender, payer) = (machine.address("sender"), payers.address("payer"));
    let (_dir, mut chain) = chain(&[sender.clone(), payer.clone()]);
    let to = quern_types::module_address("customer");
    let send = format!("bank send {to} 5nqrn --from sender --memo 77 -a 0 -s 0 --aux");
    machine
        .refused(&format!("{send} --sign-mode amino-json"), "covers the fee")
        .await;
    let signed = machine.done(&send).await;
    payers.receives("aux.json", &signed);
    machine.receives("aux.json", &signed);
    let pay = "aux-to-fee HERE/aux.json --fees 10nqrn";
    machine
        .refused(&format!("{pay} --from sender -a 0 -s 0"), "unauthorized")
        .await;
    let by_payer = format!("{pay} --from payer -a 1 -s 0");
    payers.refused(&format!("{by_payer} --memo 78"), "memo").await;
    let aux_payer = format!("{by_payer} --sign-mode direct-aux");
    payers.refused(&aux_payer, "unauthorized").await;
    // whoever changes what was signed finds nobody to pay for it
    let mut forged: serde_json::Value = serde_json::from_str(&signed).unwrap();
    forged["sign_doc"]["sequence"] = "1".into();
    payers.receives("forged.json", &forged.to_string());
    payers
        .refused(
            &by_payer.replace("aux.json", "forged.json"),
            "couldn't verify signature",
        )
        .await;
    // nor does who signs, beside its own, a message in the payer's name
    payers.receives("aux.json", &with_a_message_of(&payer, &machine, &signed).await);
    payers.refused(&by_payer, "act for").await;
    payers.receives("aux.json", &signed);
    for (mode, code) in [("amino-json", 0), ("direct", 32)] {
        let paid = payers.done(&format!("{by_payer} --sign-mode {mode}")).await;
        payers.receives("paid.json", &paid);
        let check = payers.done("encode HERE/paid.json").await;
        let result = deliver(&mut chain, &check);
        assert_eq!(result.code, code, "{mode}: {}", result.log);
    }
    assert_eq!(balance(&chain, &sender), 999_995);
    assert_eq!(balance(&chain, &payer), 999_990);

    // the same by a file that names who pays
    let send =
        format!("bank send {to} 5nqrn --from sender --fees 10nqrn --fee-payer {payer} --generate-only");
    machine.receives("tx.json", &machine.done(&send).await);
    let half = machine
        .done("sign HERE/tx.json --from sender --sign-mode direct-aux -a 0 -s 1")
        .await;
    payers.receives("half.json", &half);
    let whole = payers.done("sign HERE/half.json --from payer -a 1 -s 1").await;
    payers.receives("whole.json", &whole);
    let result = deliver(&mut chain, &payers.done("encode HERE/whole.json").await);
    assert_eq!(result.code, 0, "{}", result.log);
    assert_eq!(balance(&chain, &to), 10);
}

#[tokio::test]
async fn members_sign_a_batch_for_their_account() {
    let (machine, other) = (Machine::new(), Machine::new());
    machine.keys("add m0");
    other.keys("add own");
    machine.notes("m1", &other, "own");
    machine.keys("add treasury --multisig m0,m1 --multisig-threshold 2");
    let treasury = machine.address("treasury");
    let (_dir, mut chain) = chain(std::slice::from_ref(&treasury));
    let to = quern_types::module_address("cold");
    let mut lines = String::new();
    for amount in 1..=3 {
        let send = format!("bank send {to} {amount}nqrn --from treasury --fees 10nqrn --generate-only");
        lines.push_str(&machine.done(&send).await);
        lines.push('\n');
    }
    for (holder, name) in [(&machine, "m0"), (&other, "own")] {
        holder.receives("batch.jsonl", &lines);
        let sign = format!("sign-batch HERE/batch.jsonl --from {name} --multisig {treasury} -a 0 -s 0");
        machine.receives(&format!("{name}.sigs"), &holder.done(&sign).await);
    }
    let join = "multisign-batch HERE/batch.jsonl treasury HERE/m0.sigs HERE/own.sigs -a 0 -s 0";
    let joined = machine.done(join).await;
    assert_eq!(joined.lines().count(), 3);
    for line in joined.lines() {
        machine.receives("one.json", line);
        let result = deliver(&mut chain, &machine.done("encode HERE/one.json").await);
        assert_eq!(result.code, 0, "{}", result.log);
    }
    assert_eq!(balance(&chain, &to), 6);
}
