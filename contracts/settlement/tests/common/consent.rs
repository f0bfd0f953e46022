//! A registered router that signs consents with its transport key.

use ed25519_zebra::SigningKey;
use quern_interface::registry::{ExecuteMsg, RouterDetails};
use quern_interface::settlement::Consent;
use quern_protocol::{Amount, Bytes, RouterConsent};

use super::{key, name, public, World, CHAIN, MODEL};

fn transport() -> SigningKey {
    SigningKey::from([77; 32])
}

/// The router registers.
pub fn register(world: &mut World) {
    let public: [u8; 32] = ed25519_zebra::VerificationKey::from(&transport()).into();
    let details = RouterDetails {
        moniker: "router".into(),
        endpoint: "https://router.example".into(),
        transport_key: Bytes::new(public),
        fee_bps: 1_000,
    };
    let router = world.router.clone();
    world.at_registry(&router, &ExecuteMsg::RegisterRouter(details), &[]);
}

/// What the router signs for the usual session, changed in one point.
pub fn given(nonce: u64, change: impl Fn(&mut RouterConsent)) -> Consent {
    let mut statement = RouterConsent {
        router: name("router").into(),
        payer: name("payer").into(),
        model: MODEL.into(),
        session_key: public(&key(200)),
        escrow: Amount(1_000_000),
        router_fee_bps: 1_000,
        blocks: 100,
        nonce,
        expires: 900,
    };
    change(&mut statement);
    let signature = transport().sign(statement.digest(CHAIN).as_ref());
    Consent {
        nonce: statement.nonce,
        expires: statement.expires,
        signature: Bytes::new(signature.into()),
    }
}
