//! A chain of bank and wasm alone, in memory, with the module's own router between them.

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, LazyLock, Weak},
};

use prost::{Message, Name};
use quern_context::{AnyMsg, BlockFacts, Cx, GasMeter, Mode, MsgOutput, Router, TxFacts};
use quern_genesis::WasmGenesis;
use quern_proto::{
    cosmos::base::v1beta1::Coin as ProtoCoin,
    cosmwasm::wasm::v1::{
        MsgExecuteContract, MsgExecuteContractResponse, MsgInstantiateContract,
        MsgInstantiateContractResponse, MsgStoreCode, MsgStoreCodeResponse, QuerySmartContractStateRequest,
        QuerySmartContractStateResponse,
    },
};
use quern_store::{Branch, Snapshot};
use quern_types::{AccAddress, Coins, Event, Result, Timestamp, errors as sdk};
use quern_wasm::{Msg, Options, Wasm};
use serde_json::Value;

/// Hands messages and queries to the two modules.
pub struct TestRouter {
    wasm: Wasm,
    me: Weak<TestRouter>,
}

impl TestRouter {
    pub fn over(wasm: Wasm) -> Arc<dyn Router> {
        Arc::new_cyclic(|me| Self { wasm, me: me.clone() })
    }

    fn own(&self) -> Arc<dyn Router> {
        self.me.upgrade().expect("the router is alive while it runs")
    }
}

impl Router for TestRouter {
    fn signers(&self, msg: &AnyMsg) -> Result<Vec<AccAddress>> {
        if let Some(msg) = Msg::decode(&msg.type_url, &msg.value) {
            return msg?.signers();
        }
        match quern_bank::Msg::decode(&msg.type_url, &msg.value) {
            Some(msg) => msg?.signers(),
            None => Err(sdk::UNPACK_ANY.wrap(msg.type_url.clone())),
        }
    }

    fn execute(&self, cx: &Cx, msg: &AnyMsg) -> Result<MsgOutput> {
        if let Some(msg) = Msg::decode(&msg.type_url, &msg.value) {
            return self.wasm.execute(cx, &self.own(), msg?);
        }
        match quern_bank::Msg::decode(&msg.type_url, &msg.value) {
            Some(msg) => msg?.execute(cx),
            None => Err(sdk::UNKNOWN_REQUEST.wrap(msg.type_url.clone())),
        }
    }

    fn query(&self, cx: &Cx, path: &str, request: &[u8]) -> Result<Vec<u8>> {
        if path == "/quern.beacon.v1.Query/Beacon" {
            // the same at every height
            return Ok([&[0x0a, 32][..], &[7; 32]].concat());
        }
        quern_bank::query(cx, path, request)
            .or_else(|| self.wasm.query(cx, &self.own(), path, request))
            .unwrap_or_else(|| Err(sdk::UNKNOWN_REQUEST.wrap(path.to_owned())))
    }
}

/// What a transaction left.
#[derive(Debug)]
pub struct Done {
    pub output: MsgOutput,
    pub events: Vec<Event>,
    pub gas: u64,
}

impl Done {
    pub fn response<M: Message + Default>(&self) -> M {
        M::decode(self.output.response.value.as_slice()).unwrap()
    }

    pub fn types(&self) -> Vec<&str> {
        self.events.iter().map(|e| e.ty.as_str()).collect()
    }

    pub fn event(&self, ty: &str) -> &Event {
        self.events
            .iter()
            .find(|e| e.ty == ty)
            .unwrap_or_else(|| panic!("no event {ty} among {:?}", self.types()))
    }

    /// Data of an execute.
    pub fn data(&self) -> Vec<u8> {
        self.response::<MsgExecuteContractResponse>().data
    }
}

pub struct Chain {
    pub wasm: Wasm,
    pub router: Arc<dyn Router>,
    pub cx: Cx,
    pub dir: Arc<tempfile::TempDir>,
    next_tx: u32,
}

/// Enough for every honest transaction here.
pub const GAS: u64 = 50_000_000;

impl Chain {
    pub fn new() -> Self {
        Self::with(Options::new, |_| {})
    }

    pub fn with(options: impl Fn(PathBuf) -> Options, change: impl FnOnce(&mut WasmGenesis)) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let wasm = Wasm::open(options(dir.path().to_owned())).unwrap();
        let mut genesis = WasmGenesis::default();
        change(&mut genesis);
        let block = BlockFacts {
            chain_id: "quern-test-1".into(),
            height: 12,
            time: Timestamp {
                seconds: 1_700_000_000,
                nanos: 5,
            },
            proposer: vec![],
        };
        let branch = Branch::new(Snapshot::in_memory(0, BTreeMap::new()));
        let cx = Cx::new(branch, Arc::new(block), Mode::Genesis);
        wasm.init_genesis(&cx, &genesis).unwrap();
        let mut cx = cx;
        cx.mode = Mode::Finalize;
        Self {
            router: TestRouter::over(wasm.clone()),
            wasm,
            cx,
            dir,
            next_tx: 0,
        }
    }

    /// Gives coins out of nothing.
    pub fn fund(&self, to: &AccAddress, coins: &str) {
        quern_bank::mint(&self.cx, to, &coins.parse::<Coins>().unwrap()).unwrap();
        self.cx.events.take();
    }

    pub fn balance(&self, of: &AccAddress, denom: &str) -> u128 {
        quern_bank::balance(&self.cx, of, &denom.parse().unwrap()).unwrap()
    }

    /// The context of a new transaction.
    pub fn tx(&mut self, gas: u64) -> Cx {
        let index = self.next_tx;
        self.next_tx += 1;
        self.cx
            .fork()
            .with_tx(TxFacts { index, hash: [7; 32] })
            .with_gas(GasMeter::limited(gas))
    }

    /// Runs one message as a transaction.
    pub fn deliver<M: Message + Name>(&mut self, msg: &M) -> Result<Done> {
        self.deliver_with(GAS, msg).0
    }

    /// The same under a gas limit; also returns the gas used, failed or not.
    pub fn deliver_with<M: Message + Name>(&mut self, gas: u64, msg: &M) -> (Result<Done>, u64) {
        let any = AnyMsg {
            type_url: quern_proto::type_url::<M>(),
            value: msg.encode_to_vec(),
        };
        let cx = self.tx(gas);
        let result = self.router.execute(&cx, &any);
        let used = cx.gas.consumed();
        let done = result.map(|output| Done {
            output,
            events: cx.merge(),
            gas: used,
        });
        (done, used)
    }

    pub fn store(&mut self, sender: &AccAddress, code: Vec<u8>) -> u64 {
        let msg = MsgStoreCode {
            sender: sender.to_string(),
            wasm_byte_code: code,
            instantiate_permission: None,
        };
        self.deliver(&msg)
            .unwrap()
            .response::<MsgStoreCodeResponse>()
            .code_id
    }

    pub fn instantiate(&mut self, sender: &AccAddress, code_id: u64, msg: Value) -> AccAddress {
        let done = self.try_instantiate(sender, code_id, msg, &[]).unwrap();
        let response = done.response::<MsgInstantiateContractResponse>();
        AccAddress::from_bech32(&response.address).unwrap()
    }

    pub fn try_instantiate(
        &mut self,
        sender: &AccAddress,
        code_id: u64,
        msg: Value,
        funds: &[ProtoCoin],
    ) -> Result<Done> {
        self.deliver(&MsgInstantiateContract {
            sender: sender.to_string(),
            admin: sender.to_string(),
            code_id,
            label: "test".into(),
            msg: msg.to_string().into_bytes(),
            funds: funds.to_vec(),
        })
    }

    pub fn execute(&mut self, sender: &AccAddress, contract: &AccAddress, msg: Value) -> Result<Done> {
        self.deliver(&execute_msg(sender, contract, msg))
    }

    /// The answer of a smart query, as JSON.
    pub fn ask(&self, contract: &AccAddress, msg: Value) -> Result<Value> {
        let request = QuerySmartContractStateRequest {
            address: contract.to_string(),
            query_data: msg.to_string().into_bytes(),
        };
        let path = "/cosmwasm.wasm.v1.Query/SmartContractState";
        let mut cx = self.cx.fork();
        cx.mode = Mode::Query;
        let bytes = self.router.query(&cx, path, &request.encode_to_vec())?;
        let response = QuerySmartContractStateResponse::decode(bytes.as_slice()).unwrap();
        Ok(serde_json::from_slice(&response.data).unwrap())
    }

    /// Any query of the module.
    pub fn query<Q: Message, A: Message + Default>(&self, method: &str, request: Q) -> Result<A> {
        let path = format!("/cosmwasm.wasm.v1.Query/{method}");
        let bytes = self
            .router
            .query(&self.cx.fork(), &path, &request.encode_to_vec())?;
        Ok(A::decode(bytes.as_slice()).unwrap())
    }

    /// A chain with the probe instantiated by account 1.
    pub fn with_probe() -> (Self, AccAddress) {
        let mut chain = Self::new();
        let code = chain.store(&account(1), probe());
        let contract = chain.instantiate(&account(1), code, serde_json::json!({}));
        (chain, contract)
    }
}

pub fn execute_msg(sender: &AccAddress, contract: &AccAddress, msg: Value) -> MsgExecuteContract {
    MsgExecuteContract {
        sender: sender.to_string(),
        contract: contract.to_string(),
        msg: msg.to_string().into_bytes(),
        funds: vec![],
    }
}

pub fn account(byte: u8) -> AccAddress {
    AccAddress::from_bytes(vec![byte; 20]).unwrap()
}

pub fn coin(amount: u128, denom: &str) -> ProtoCoin {
    ProtoCoin {
        denom: denom.into(),
        amount: amount.to_string(),
    }
}

pub fn base64(bytes: &[u8]) -> String {
    cosmwasm_std::Binary::from(bytes).to_base64()
}

/// A message to a contract, as a contract writes it.
pub fn wasm_execute(contract: &AccAddress, msg: &Value) -> Value {
    serde_json::json!({ "wasm": { "execute": {
        "contract_addr": contract.to_string(),
        "msg": base64(msg.to_string().as_bytes()),
        "funds": [],
    } } })
}

/// A submessage, as a contract writes it.
pub fn sub(id: u64, msg: Value, reply_on: &str) -> Value {
    serde_json::json!({ "id": id, "msg": msg, "gas_limit": null, "reply_on": reply_on, "payload": "" })
}

pub fn probe() -> Vec<u8> {
    artifact("probe.wasm")
}

/// A contract built by `make contracts`.
pub fn artifact(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../contracts/artifacts")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; run `make contracts` first", path.display()))
}

/// A contract that the VM's own package carries for its tests.
pub fn vm_testdata(name: &str) -> Vec<u8> {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(vm_package);
    std::fs::read(FOLDER.join("testdata").join(name)).unwrap()
}

/// Where cargo unpacked the VM.
fn vm_package() -> PathBuf {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = std::process::Command::new(cargo)
        // One platform: the packages of others may never have been downloaded.
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|p| p["name"] == "cosmwasm-vm").unwrap();
    let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().to_owned()
}
