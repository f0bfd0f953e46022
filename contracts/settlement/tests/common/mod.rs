//! A chain in memory with the registry, settlement and a bonding contract, and hosts that keep books.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

pub mod bank;
pub mod beacon;
pub mod books;
pub mod consent;
pub mod judge;
pub mod pot;

use cosmwasm_std::{coin, Addr, Coin, StdResult};
use cw_multi_test::{
    App, AppBuilder, AppResponse, ContractWrapper, DistributionKeeper, Executor, FailingModule,
    GovFailingModule, IbcFailingModule, StakeKeeper, WasmKeeper,
};
use k256::ecdsa::signature::hazmat::PrehashSigner;
use k256::ecdsa::SigningKey;
use quern_interface::registry::{
    ExecuteMsg as Registry, HostDetails, LaunchPackage, ModelState, Offer, QueryMsg as AskRegistry,
};
use quern_interface::settlement::{
    Consent, ExecuteMsg, InstantiateMsg, Params, QueryMsg, SessionInfo, SignedBy, Totals,
};
use quern_interface::sudo::SudoMsg;
use quern_interface::{bonding as bonding_api, registry as reg};
use quern_protocol::{Amount, Bytes, Coefficients, Hash, Price, PublicKey, Signature, Voucher};
use serde::de::DeserializeOwned;

use bank::Bank;
use beacon::Beacon;

pub const DENOM: &str = "nqrn";
pub const CHAIN: &str = "quern-test-1";
pub const MODEL: &str = "quern-small";
pub const ENTRY_FEE: u128 = 500;
pub const OPEN_FEE: u128 = 1_000;
pub const RICH: u128 = 1_000_000_000_000;
pub const BOND: u128 = 1_000_000;

type Chain = App<
    Bank,
    cosmwasm_std::testing::MockApi,
    cosmwasm_std::testing::MockStorage,
    FailingModule<cosmwasm_std::Empty, cosmwasm_std::Empty, cosmwasm_std::Empty>,
    WasmKeeper<cosmwasm_std::Empty, cosmwasm_std::Empty>,
    StakeKeeper,
    DistributionKeeper,
    IbcFailingModule,
    GovFailingModule,
    Beacon,
>;

/// A host and its keys.
pub struct Host {
    pub address: Addr,
    pub warm: SigningKey,
    pub warm_address: Addr,
}

/// The chain and everybody on it.
pub struct World {
    pub app: Chain,
    pub registry: Addr,
    pub bonding: Addr,
    pub settlement: Addr,
    pub hosts: Vec<Host>,
    pub payer: Addr,
    pub router: Addr,
    pub session_key: SigningKey,
    pub real_bonding: bool,
}

pub fn params() -> Params {
    Params {
        denom: DENOM.into(),
        open_fee: Amount(OPEN_FEE),
        min_escrow: Amount(1_000),
        committee_size: 8,
        draw_delay: 8,
        max_draws: 2,
        batch_blocks: 10,
        lapse_blocks: 20,
        appeal_blocks: 30,
        max_session_blocks: 200,
        max_router_fee_bps: 2_000,
        burn_bps: 500,
        audit_bps: 200,
        fault_slash_bps: 2_000,
        restitution_bps: 5_000,
        free_demand: Amount(1 << 40),
    }
}

pub fn coefficients() -> Coefficients {
    Coefficients {
        input: 300_000,
        cached: 30_000,
        output: 1_000_000,
    }
}

pub fn model_hash() -> Hash {
    Bytes::new([9; 32])
}

pub fn price() -> Price {
    "2".parse().unwrap()
}

pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

pub fn public(key: &SigningKey) -> PublicKey {
    let point = key.verifying_key().to_encoded_point(true);
    Bytes::new(point.as_bytes().try_into().unwrap())
}

pub fn sign(key: &SigningKey, digest: &Hash) -> Signature {
    let signature: k256::ecdsa::Signature = key.sign_prehash(digest.as_ref()).unwrap();
    let signature = signature.normalize_s().unwrap_or(signature);
    Bytes::new(signature.to_bytes().into())
}

pub fn coins(amount: u128) -> Vec<Coin> {
    vec![coin(amount, DENOM)]
}

/// What a session is asked for with.
#[derive(Clone)]
pub struct Ask {
    pub model: &'static str,
    pub escrow: u128,
    pub fee_bps: u32,
    pub with_router: bool,
    pub signed_by: SignedBy,
    pub blocks: u64,
    pub max_price: Price,
    pub consent: Option<Consent>,
    pub max_fee: Option<u128>,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            model: MODEL,
            escrow: 1_000_000,
            fee_bps: 1_000,
            with_router: true,
            signed_by: SignedBy::Payer,
            blocks: 100,
            max_price: "5".parse().unwrap(),
            consent: None,
            max_fee: None,
        }
    }
}

impl World {
    /// A chain with hosts of these capacities.
    pub fn new(capacities: &[u64]) -> Self {
        Self::with(capacities, params())
    }

    pub fn with(capacities: &[u64], params: Params) -> Self {
        Self::build(capacities, params, false, &[])
    }

    /// The same with the real bonding contract.
    pub fn with_bonding(capacities: &[u64]) -> Self {
        Self::build(capacities, params(), true, &[])
    }

    /// The same with one more judge, of settlement and of bonding.
    pub fn with_judge(capacities: &[u64], params: Params, judge: &Addr) -> Self {
        Self::build(capacities, params, true, std::slice::from_ref(judge))
    }

    fn build(capacities: &[u64], params: Params, real: bool, judges: &[Addr]) -> Self {
        // as in genesis, every address is known before the contracts are: addresses follow from the order
        let nobody = [(); 3].map(|()| name("nobody"));
        let known = deploy(&mut chain(), &nobody, &params, real, judges);
        let mut app = chain();
        assert_eq!(deploy(&mut app, &known, &params, real, judges), known);
        let [registry, bonding, settlement] = known;
        let mut world = Self {
            app,
            registry,
            bonding,
            settlement,
            hosts: Vec::new(),
            payer: name("payer"),
            router: name("router"),
            session_key: key(200),
            real_bonding: real,
        };
        for capacity in capacities {
            world.join(*capacity);
        }
        world
    }

    /// A host registers, bonds and serves.
    pub fn join(&mut self, capacity: u64) {
        let n = self.hosts.len() as u8;
        let (address, warm) = (name(&format!("host{n}")), key(n + 1));
        let details = HostDetails {
            moniker: format!("host {n}"),
            endpoint: format!("https://h{n}.example:8443"),
            transport_key: Bytes::new([n + 1; 32]),
            consensus_key: Bytes::new([n + 1; 32]),
            beacon_anchor: None,
            warm_key: public(&warm),
            payout: None,
            offers: vec![Offer {
                model: MODEL.into(),
                capacity,
                profile: "cpu".into(),
            }],
        };
        let registry = self.registry.clone();
        self.app
            .execute_contract(
                address.clone(),
                registry.clone(),
                &Registry::RegisterHost(details),
                &coins(ENTRY_FEE),
            )
            .unwrap();
        if self.real_bonding {
            let host = address.to_string();
            let (bonding, bond) = (self.bonding.clone(), bonding_api::ExecuteMsg::Bond { host });
            self.app
                .execute_contract(address.clone(), bonding, &bond, &coins(BOND))
                .unwrap();
        } else {
            let bond = Registry::SetBond {
                host: address.to_string(),
                bond: Amount(BOND),
            };
            self.app
                .execute_contract(self.bonding.clone(), registry, &bond, &[])
                .unwrap();
        }
        let host: reg::HostInfo = self.ask_registry(&AskRegistry::Host {
            host: address.to_string(),
        });
        self.hosts.push(Host {
            address,
            warm,
            warm_address: Addr::unchecked(host.warm_key.address),
        });
    }

    pub fn height(&self) -> u64 {
        self.app.block_info().height
    }

    /// Ends a block as the application does.
    pub fn block(&mut self) {
        self.app
            .wasm_sudo(self.settlement.clone(), &SudoMsg::EndBlock {})
            .unwrap();
        self.app.update_block(|block| block.height += 1);
    }

    /// Ends blocks until `height` is under way.
    pub fn until(&mut self, height: u64) {
        while self.height() < height {
            self.block();
        }
    }

    pub fn execute(&mut self, sender: &Addr, msg: &ExecuteMsg, funds: &[Coin]) -> StdResult<AppResponse> {
        self.app
            .execute_contract(sender.clone(), self.settlement.clone(), msg, funds)
    }

    /// Does what must succeed.
    pub fn must(&mut self, sender: &Addr, msg: &ExecuteMsg) -> AppResponse {
        self.execute(sender, msg, &[]).unwrap()
    }

    /// Fails with the error's stable name.
    pub fn refuse(&mut self, sender: &Addr, msg: &ExecuteMsg, error: &str) {
        let found = self.execute(sender, msg, &[]).unwrap_err().to_string();
        assert!(found.contains(&format!("{error}:")), "{found}");
    }

    /// Does what must succeed at the registry.
    pub fn at_registry(&mut self, sender: &Addr, msg: &Registry, funds: &[Coin]) {
        let registry = self.registry.clone();
        self.app
            .execute_contract(sender.clone(), registry, msg, funds)
            .unwrap();
    }

    pub fn ask<T: DeserializeOwned>(&self, question: &QueryMsg) -> T {
        let wrap = self.app.wrap();
        wrap.query_wasm_smart(&self.settlement, question).unwrap()
    }

    pub fn ask_registry<T: DeserializeOwned>(&self, question: &AskRegistry) -> T {
        let wrap = self.app.wrap();
        wrap.query_wasm_smart(&self.registry, question).unwrap()
    }

    pub fn session(&self, session: u64) -> SessionInfo {
        self.ask(&QueryMsg::Session { session })
    }

    pub fn balance(&self, who: &Addr) -> u128 {
        let coin = self.app.wrap().query_balance(who, DENOM).unwrap();
        cosmwasm_std::Uint128::try_from(coin.amount).unwrap().u128()
    }

    /// All coins that there are.
    pub fn supply(&self) -> u128 {
        let coin = self.app.wrap().query_supply(DENOM).unwrap();
        cosmwasm_std::Uint128::try_from(coin.amount).unwrap().u128()
    }

    /// Asks for a session; answers its id.
    pub fn try_open(&mut self, ask: &Ask) -> StdResult<u64> {
        let payer = self.payer.clone();
        let msg = ExecuteMsg::OpenSession {
            model: ask.model.into(),
            max_price: ask.max_price,
            router: ask.with_router.then(|| self.router.to_string()),
            router_fee_bps: ask.fee_bps,
            session_key: public(&self.session_key),
            agent: Some(name("agent").to_string()),
            signed_by: ask.signed_by,
            blocks: ask.blocks,
            consent: ask.consent.clone(),
            max_fee: ask.max_fee.map(Amount),
        };
        let sent = coins(ask.escrow + ask.max_fee.unwrap_or(OPEN_FEE));
        let answer = self.execute(&payer, &msg, &sent)?;
        let mut attributes = answer.events.iter().flat_map(|event| &event.attributes);
        let id = attributes.find(|attribute| attribute.key == "session").unwrap();
        Ok(id.value.parse().unwrap())
    }

    /// Opens a session and waits for its committee.
    pub fn open(&mut self, ask: &Ask) -> u64 {
        let id = self.try_open(ask).unwrap();
        let drawn_at = self.session(id).drawn_at;
        self.until(drawn_at + 1);
        assert!(self.session(id).beacon.is_some());
        id
    }

    /// Index of a host among [`World::hosts`] by its seat in a committee.
    pub fn at_seat(&self, session: u64, seat: usize) -> usize {
        let host = self.session(session).committee[seat].host.clone();
        self.hosts
            .iter()
            .position(|h| h.address.as_str() == host)
            .unwrap()
    }

    /// A voucher of now.
    pub fn voucher(&self, session: u64, host: usize, nonce: u64, cap: u128) -> Voucher {
        Voucher {
            session,
            host: self.hosts[host].address.to_string(),
            nonce,
            height: self.height(),
            ceiling: Amount(cap),
            cap: Amount(cap),
            salt_commitment: quern_protocol::salt_commitment(CHAIN, session, nonce, &books::SALT),
        }
    }

    pub fn sign_voucher(&self, voucher: &Voucher) -> Signature {
        sign(&self.session_key, &voucher.digest(CHAIN))
    }

    pub fn totals(&self) -> Totals {
        self.ask(&QueryMsg::Totals {})
    }

    /// The contract's coins are what its sums say.
    pub fn reconcile(&self) {
        let totals = self.totals();
        let sums = totals.escrowed.0 + totals.router_bonds.0 + totals.restitution_held.0 + totals.unclaimed.0;
        assert_eq!(self.balance(&self.settlement), sums, "{totals:?}");
    }
}

pub fn name(name: &str) -> Addr {
    cosmwasm_std::testing::MockApi::default().addr_make(name)
}

fn chain() -> Chain {
    let mut app = AppBuilder::new()
        .with_bank(Bank::default())
        .with_stargate(Beacon)
        .build(|router, _, storage| {
            for rich in ["payer", "router", "stranger", "gov", "module"] {
                router.bank.give(storage, &name(rich), RICH);
            }
            for n in 0..16 {
                let host = name(&format!("host{n}"));
                router.bank.give(storage, &host, BOND + ENTRY_FEE * 10);
            }
        });
    app.update_block(|block| {
        block.height = 100;
        block.chain_id = CHAIN.into();
    });
    app
}

fn deploy(app: &mut Chain, known: &[Addr; 3], params: &Params, real: bool, judges: &[Addr]) -> [Addr; 3] {
    let others = || judges.iter().map(Addr::to_string);
    let gov = name("gov");
    let registry = app.store_code(Box::new(ContractWrapper::new(
        registry::contract::execute,
        registry::contract::instantiate,
        registry::contract::query,
    )));
    let bonding = if real {
        app.store_code(Box::new(ContractWrapper::new(
            bonding::contract::execute,
            bonding::contract::instantiate,
            bonding::contract::query,
        )))
    } else {
        app.store_code(Box::new(ContractWrapper::new(
            judge::execute,
            judge::instantiate,
            judge::query,
        )))
    };
    let settlement = app.store_code(Box::new(
        ContractWrapper::new(
            settlement::contract::execute,
            settlement::contract::instantiate,
            settlement::contract::query,
        )
        .with_sudo(settlement::contract::sudo)
        .with_reply(settlement::contract::reply)
        .with_migrate(settlement::contract::migrate),
    ));
    let first = reg::InstantiateMsg {
        authority: gov.to_string(),
        bonding: known[1].to_string(),
        judges: vec![known[2].to_string()],
        params: reg::Params {
            denom: DENOM.into(),
            entry_fee: Amount(ENTRY_FEE),
            bond_per_capacity: Amount(1),
            max_offers: 8,
            requalify_blocks: 10,
            maintenance_credit: 20,
            maintenance_window: 100,
        },
        models: vec![LaunchPackage {
            id: MODEL.into(),
            hash: model_hash(),
            context: 4096,
            precision: "fp32".into(),
            sampler: 1,
            rendering: 1,
            grammar: 1,
            price: price(),
            coefficients: coefficients(),
            profiles: vec!["cpu".into()],
            state: ModelState::Live,
        }],
    };
    let third = InstantiateMsg {
        authority: gov.to_string(),
        registry: known[0].to_string(),
        bonding: known[1].to_string(),
        price_source: known[0].to_string(),
        audits: None,
        judges: others().chain([name("judge").to_string()]).collect(),
        params: params.clone(),
    };
    let admin = Some(gov.to_string());
    let registry = app
        .instantiate_contract(registry, gov.clone(), &first, &[], "registry", admin.clone())
        .unwrap();
    let bonding = if real {
        let second = bonding_api::InstantiateMsg {
            authority: gov.to_string(),
            registry: known[0].to_string(),
            judges: others().chain([known[2].to_string()]).collect(),
            rewards: None,
            params: bonding_params(),
        };
        app.instantiate_contract(bonding, gov.clone(), &second, &[], "bonding", None)
    } else {
        let coins = coins(RICH / 2);
        app.instantiate_contract(
            bonding,
            gov.clone(),
            &cosmwasm_std::Empty {},
            &coins,
            "bonding",
            None,
        )
    };
    let bonding = bonding.unwrap();
    let settlement = app
        .instantiate_contract(settlement, gov, &third, &[], "settlement", admin)
        .unwrap();
    [registry, bonding, settlement]
}

fn bonding_params() -> bonding_api::Params {
    bonding_api::Params {
        denom: DENOM.into(),
        unbonding_blocks: 100,
        bucket_blocks: 10,
        freeze_blocks: 20,
        max_freeze_blocks: 40,
        min_operator_bps: 1_000,
        min_validator_bond: Amount(1_000),
        max_validators: 100,
        max_power_bps: 3_000,
        double_sign_bps: 500,
        commission_rise_bps: 100,
    }
}
