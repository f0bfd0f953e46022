//! Published contracts as their authors built them run unchanged: a constant-product pair that holds cw20s, NFTs, and
//! every file that the VM's own package carries.

use crate::common;

use common::{Chain, account, artifact, coin, execute_msg, vm_testdata};
use quern_proto::cosmwasm::wasm::v1::{MsgInstantiateContractResponse, MsgStoreCode, MsgStoreCodeResponse};
use quern_types::AccAddress;
use quern_wasm::errors;
use serde_json::{Value, json};

fn token(chain: &mut Chain, code: u64, symbol: &str, amount: &str) -> AccAddress {
    let init = json!({
        "name": "Token", "symbol": symbol, "decimals": 6,
        "initial_balances": [{"address": account(1).to_string(), "amount": amount}],
    });
    chain.instantiate(&account(1), code, init)
}

fn amount(chain: &Chain, token: &AccAddress, of: &AccAddress) -> u128 {
    let answer = chain
        .ask(token, json!({"balance": {"address": of.to_string()}}))
        .unwrap();
    answer["balance"].as_str().unwrap().parse().unwrap()
}

/// A pair of this chain's coin and a token, or of two tokens, with an allowance for what its maker adds.
fn pair(chain: &mut Chain, denoms: [Value; 2]) -> AccAddress {
    let share = chain.store(&account(1), artifact("wasmswap_cw20_base.wasm"));
    let code = chain.store(&account(1), artifact("wasmswap.wasm"));
    let [first, second] = denoms;
    let init = json!({
        "token1_denom": first, "token2_denom": second, "lp_token_code_id": share,
        "protocol_fee_recipient": account(9).to_string(),
        "protocol_fee_percent": "0.1", "lp_fee_percent": "0.2",
    });
    let made = chain.try_instantiate(&account(1), code, init, &[]).unwrap();
    let response = made.response::<MsgInstantiateContractResponse>();
    AccAddress::from_bech32(&response.address).unwrap()
}

fn allow(chain: &mut Chain, token: &AccAddress, spender: &AccAddress, amount: &str) {
    let allowance = json!({"increase_allowance": {"spender": spender.to_string(), "amount": amount}});
    chain.execute(&account(1), token, allowance).unwrap();
}

#[test]
fn a_constant_product_pair_takes_cw20s_swaps_them_and_gives_them_back() {
    let mut chain = Chain::new();
    let code = chain.store(&account(1), artifact("cw20_base.wasm"));
    let [a, b] = ["AAA", "BBB"].map(|symbol| token(&mut chain, code, symbol, "1000000"));
    let pair = pair(
        &mut chain,
        [json!({"cw20": a.to_string()}), json!({"cw20": b.to_string()})],
    );
    for token in [&a, &b] {
        allow(&mut chain, token, &pair, "1000000");
    }
    let add = json!({"add_liquidity": {
        "token1_amount": "100000", "min_liquidity": "100000", "max_token2": "400000", "expiration": null,
    }});
    chain.execute(&account(1), &pair, add).unwrap();
    let info = chain.ask(&pair, json!({"info": {}})).unwrap();
    assert_eq!(
        (
            &info["token1_reserve"],
            &info["token2_reserve"],
            &info["lp_token_supply"]
        ),
        (&json!("100000"), &json!("400000"), &json!("100000"))
    );
    let share = AccAddress::from_bech32(info["lp_token_address"].as_str().unwrap()).unwrap();
    assert_eq!(amount(&chain, &share, &account(1)), 100_000);

    // 0.3 % stay: 10,000 * 0.997 enter a product of 4e10.
    let bought = 400_000 * 9_970 / (100_000 + 9_970);
    let price = chain
        .ask(
            &pair,
            json!({"token1_for_token2_price": {"token1_amount": "10000"}}),
        )
        .unwrap();
    assert_eq!(price["token2_amount"], json!(bought.to_string()));
    let swap = |least: u128| {
        json!({"swap": {
            "input_token": "Token1", "input_amount": "10000", "min_output": least.to_string(), "expiration": null,
        }})
    };
    let refused = chain.execute(&account(1), &pair, swap(bought + 1)).unwrap_err();
    assert!(refused.is(&errors::EXECUTE_FAILED), "{refused}");
    assert_eq!(amount(&chain, &a, &account(1)), 900_000, "nothing moved");
    chain.execute(&account(1), &pair, swap(bought)).unwrap();
    assert_eq!(amount(&chain, &a, &account(1)), 890_000);
    assert_eq!(amount(&chain, &b, &account(1)), 600_000 + bought);
    assert_eq!(
        amount(&chain, &a, &account(9)),
        10,
        "the protocol's tenth of a percent"
    );

    allow(&mut chain, &share, &pair, "100000");
    let remove = json!({"remove_liquidity": {
        "amount": "100000", "min_token1": "1", "min_token2": "1", "expiration": null,
    }});
    chain.execute(&account(1), &pair, remove).unwrap();
    assert_eq!(amount(&chain, &a, &account(1)) + 10, 1_000_000);
    assert_eq!(amount(&chain, &b, &account(1)), 1_000_000);
    assert_eq!(amount(&chain, &share, &account(1)), 0);
}

#[test]
fn a_pair_of_coins_and_a_cw20_pays_out_both() {
    let mut chain = Chain::new();
    let code = chain.store(&account(1), artifact("cw20_base.wasm"));
    let token = token(&mut chain, code, "AAA", "1000000");
    let pair = pair(
        &mut chain,
        [json!({"native": "nqrn"}), json!({"cw20": token.to_string()})],
    );
    allow(&mut chain, &token, &pair, "1000000");
    chain.fund(&account(1), "150000nqrn");
    let mut add = execute_msg(
        &account(1),
        &pair,
        json!({"add_liquidity": {
            "token1_amount": "100000", "min_liquidity": "1", "max_token2": "100000", "expiration": null,
        }}),
    );
    assert!(chain.deliver(&add).is_err(), "without the coins");
    add.funds = vec![coin(100_000, "nqrn")];
    chain.deliver(&add).unwrap();
    assert_eq!(chain.balance(&pair, "nqrn"), 100_000);
    let mut swap = execute_msg(
        &account(1),
        &pair,
        json!({"swap_and_send_to": {
            "input_token": "Token1", "input_amount": "50000", "recipient": account(2).to_string(),
            "min_token": "1", "expiration": null,
        }}),
    );
    swap.funds = vec![coin(50_000, "nqrn")];
    chain.deliver(&swap).unwrap();
    let bought = 100_000 * 49_850 / (100_000 + 49_850);
    assert_eq!(amount(&chain, &token, &account(2)), bought);
    assert_eq!(chain.balance(&account(9), "nqrn"), 50);
    let back = json!({"increase_allowance": {"spender": pair.to_string(), "amount": "1000"}});
    chain.execute(&account(2), &token, back).unwrap();
    let swap = json!({"swap": {
        "input_token": "Token2", "input_amount": "1000", "min_output": "1", "expiration": null,
    }});
    chain.execute(&account(2), &pair, swap).unwrap();
    assert!(chain.balance(&account(2), "nqrn") > 0);
}

#[test]
fn an_nft_is_minted_approved_sent_and_burnt() {
    let mut chain = Chain::new();
    let code = chain.store(&account(1), artifact("cw721_base.wasm"));
    let init = json!({"name": "Looms", "symbol": "LOOM", "minter": account(1).to_string()});
    let nfts = chain.instantiate(&account(1), code, init);
    let mint = json!({"mint": {"token_id": "one", "owner": account(2).to_string(), "token_uri": "https://example.com/1", "extension": null}});
    assert!(
        chain.execute(&account(2), &nfts, mint.clone()).is_err(),
        "no minter"
    );
    let minted = chain.execute(&account(1), &nfts, mint.clone()).unwrap();
    assert_eq!(minted.event("wasm").get("action"), Some("mint"));
    assert!(chain.execute(&account(1), &nfts, mint).is_err(), "once");
    let owner = |chain: &Chain| {
        chain
            .ask(&nfts, json!({"owner_of": {"token_id": "one"}}))
            .unwrap()["owner"]
            .clone()
    };
    assert_eq!(owner(&chain), json!(account(2).to_string()));

    let transfer =
        |to: u8| json!({"transfer_nft": {"recipient": account(to).to_string(), "token_id": "one"}});
    assert!(
        chain.execute(&account(3), &nfts, transfer(3)).is_err(),
        "not approved"
    );
    let approve =
        json!({"approve": {"spender": account(3).to_string(), "token_id": "one", "expires": {"never": {}}}});
    chain.execute(&account(2), &nfts, approve).unwrap();
    chain.execute(&account(3), &nfts, transfer(4)).unwrap();
    assert_eq!(owner(&chain), json!(account(4).to_string()));
    let burn = json!({"burn": {"token_id": "one"}});
    assert!(
        chain.execute(&account(3), &nfts, burn.clone()).is_err(),
        "the approval went with the token"
    );
    chain.execute(&account(4), &nfts, burn).unwrap();
    assert_eq!(
        chain.ask(&nfts, json!({"num_tokens": {}})).unwrap(),
        json!({"count": 0})
    );
    assert!(
        chain
            .ask(&nfts, json!({"owner_of": {"token_id": "one"}}))
            .is_err()
    );
}

/// Stores a file as the VM's package carries it.
fn store(chain: &mut Chain, name: &str) -> quern_types::Result<u64> {
    let msg = MsgStoreCode {
        sender: account(1).to_string(),
        wasm_byte_code: vm_testdata(name),
        instantiate_permission: None,
    };
    let done = chain.deliver(&msg)?;
    Ok(done.response::<MsgStoreCodeResponse>().code_id)
}

#[test]
fn every_generation_that_the_virtual_machine_takes_runs_and_older_ones_are_refused() {
    let mut chain = Chain::new();
    for name in [
        "hackatom_1.0.wasm",
        "hackatom_1.2.wasm",
        "hackatom_1.3.wasm",
        "hackatom.wasm",
    ] {
        let code = store(&mut chain, name).unwrap_or_else(|e| panic!("{name}: {e}"));
        let init = json!({"verifier": account(2).to_string(), "beneficiary": account(3).to_string()});
        let contract = chain.instantiate(&account(1), code, init);
        let before = chain.balance(&account(3), "nqrn");
        chain.fund(&contract, "70nqrn");
        let release = match name {
            "hackatom.wasm" => json!({"release": {"denom": "nqrn"}}),
            _ => json!({"release": {}}),
        };
        assert!(
            chain.execute(&account(1), &contract, release.clone()).is_err(),
            "{name}: no verifier"
        );
        chain
            .execute(&account(2), &contract, release)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(chain.balance(&account(3), "nqrn"), before + 70, "{name}");
    }
    for name in [
        "floaty_1.0.wasm",
        "floaty_1.2.wasm",
        "floaty_2.0.wasm",
        "cyberpunk_rust170.wasm",
        "cyberpunk.wasm",
        "empty.wasm",
    ] {
        store(&mut chain, name).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    // Interfaces before cosmwasm 1.0.
    for name in [
        "hackatom_0.7.wasm",
        "hackatom_0.8.wasm",
        "hackatom_0.9.wasm",
        "hackatom_0.10.wasm",
        "hackatom_0.11.wasm",
        "hackatom_0.12.wasm",
        "hackatom_0.14.wasm",
        "hackatom_0.15.wasm",
        "hackatom_0.16.wasm",
        "ibc_reflect_0.14.wasm",
        "corrupted.wasm",
    ] {
        match store(&mut chain, name) {
            Ok(_) => panic!("{name} was stored"),
            Err(error) => assert!(error.is(&errors::CREATE_FAILED), "{name}: {error}"),
        }
    }
    // IBC entry points wait for IBC; what has them is stored all the same.
    for name in [
        "ibc_reflect_1.0.wasm",
        "ibc_reflect_1.2.wasm",
        "ibc_reflect.wasm",
        "ibc2.wasm",
        "ibc_callbacks.wasm",
    ] {
        store(&mut chain, name).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}
