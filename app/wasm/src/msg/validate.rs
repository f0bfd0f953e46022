//! Checks that need no state (wasmd `x/wasm/types/tx.go`, `validation.go`).

use quern_proto::{cosmos::base::v1beta1::Coin as ProtoCoin, cosmwasm::wasm::v1::AccessConfig};
use quern_types::{AccAddress, Coin, Coins, Error, Result, coins_fault, errors as sdk, is_beyond_supply};

use super::Msg;
use crate::{access, errors, json, limits};

pub(super) fn validate(msg: &Msg) -> Result<()> {
    match msg {
        Msg::StoreCode(m) => {
            AccAddress::parse(&m.sender)?;
            code(&m.wasm_byte_code)?;
            permission(m.instantiate_permission.as_ref())
        }
        Msg::Instantiate(m) => {
            address(&m.sender, "sender")?;
            code_id(m.code_id)?;
            instantiation(&m.label, &m.funds, &m.admin, &m.msg)
        }
        Msg::Instantiate2(m) => {
            address(&m.sender, "sender")?;
            code_id(m.code_id)?;
            instantiation(&m.label, &m.funds, &m.admin, &m.msg)?;
            salt(&m.salt).map_err(|e| e.wrap("salt"))
        }
        Msg::Execute(m) => {
            address(&m.sender, "sender")?;
            address(&m.contract, "contract")?;
            check_funds(&m.funds)?;
            payload(&m.msg)
        }
        Msg::Migrate(m) => {
            code_id(m.code_id)?;
            address(&m.sender, "sender")?;
            address(&m.contract, "contract")?;
            payload(&m.msg)
        }
        Msg::UpdateAdmin(m) => {
            address(&m.sender, "sender")?;
            address(&m.contract, "contract")?;
            address(&m.new_admin, "new admin")?;
            if m.sender.eq_ignore_ascii_case(&m.new_admin) {
                return Err(errors::INVALID.wrap("new admin is the same as the old"));
            }
            Ok(())
        }
        Msg::ClearAdmin(m) => {
            address(&m.sender, "sender")?;
            address(&m.contract, "contract").map(drop)
        }
        Msg::UpdateInstantiateConfig(m) => {
            address(&m.sender, "sender")?;
            code_id(m.code_id)?;
            if m.new_instantiate_permission.is_none() {
                return Err(sdk::INVALID_REQUEST.wrap("instantiate permission is required"));
            }
            permission(m.new_instantiate_permission.as_ref())
        }
        Msg::UpdateContractLabel(m) => {
            address(&m.sender, "sender")?;
            label(&m.new_label).map_err(|e| e.wrap("label"))?;
            address(&m.contract, "contract").map(drop)
        }
        other => validate_governance(other),
    }
}

fn validate_governance(msg: &Msg) -> Result<()> {
    match msg {
        Msg::UpdateParams(m) => {
            address(&m.authority, "authority")?;
            access::validate_params(&m.params.clone().unwrap_or_default())
        }
        Msg::Sudo(m) => {
            address(&m.authority, "authority")?;
            address(&m.contract, "contract")?;
            payload(&m.msg)
        }
        Msg::PinCodes(m) => {
            address(&m.authority, "authority")?;
            code_ids(&m.code_ids)
        }
        Msg::UnpinCodes(m) => {
            address(&m.authority, "authority")?;
            code_ids(&m.code_ids)
        }
        Msg::StoreAndInstantiate(m) => {
            address(&m.authority, "authority")?;
            instantiation(&m.label, &m.funds, &m.admin, &m.msg)?;
            code(&m.wasm_byte_code)?;
            permission(m.instantiate_permission.as_ref())
        }
        Msg::StoreAndMigrate(m) => {
            address(&m.authority, "authority")?;
            address(&m.contract, "contract")?;
            payload(&m.msg)?;
            code(&m.wasm_byte_code)?;
            permission(m.instantiate_permission.as_ref())
        }
        Msg::AddUploaders(m) => {
            address(&m.authority, "authority")?;
            access::validate_addresses(&m.addresses)
        }
        Msg::RemoveUploaders(m) => {
            address(&m.authority, "authority")?;
            access::validate_addresses(&m.addresses)
        }
        _ => Ok(()),
    }
}

pub(super) fn address(text: &str, field: &'static str) -> Result<AccAddress> {
    AccAddress::parse(text).map_err(|e| e.wrap(field))
}

/// Checks that coins are sorted, distinct and positive.
fn check_funds(coins: &[ProtoCoin]) -> Result<()> {
    let texts = coins.iter().map(|c| (c.denom.as_str(), c.amount.as_str()));
    coins_fault(texts).map_or(Ok(()), |fault| Err(Error::unregistered(fault).wrap("funds")))
}

/// Reads coins that [`check_funds`] passed. Nobody has what 128 bits do not hold.
pub(super) fn funds(coins: &[ProtoCoin]) -> Result<Coins> {
    if let Some(coin) = coins.iter().find(|coin| is_beyond_supply(&coin.amount)) {
        let text = format!("no balance reaches {}{}", coin.amount, coin.denom);
        return Err(sdk::INSUFFICIENT_FUNDS.wrap(text));
    }
    let parsed = coins.iter().map(|c| Coin::parse(&c.denom, &c.amount));
    let parsed = parsed.collect::<Result<_>>().and_then(Coins::try_from_sorted);
    parsed.map_err(|e| e.wrap("funds"))
}

fn instantiation(text: &str, coins: &[ProtoCoin], admin: &str, msg: &[u8]) -> Result<()> {
    label(text).map_err(|e| e.wrap("label"))?;
    check_funds(coins)?;
    if !admin.is_empty() {
        address(admin, "admin")?;
    }
    payload(msg)
}

fn code_id(id: u64) -> Result<()> {
    if id == 0 {
        return Err(sdk::INVALID_REQUEST.wrap("code id is required"));
    }
    Ok(())
}

fn code_ids(ids: &[u64]) -> Result<()> {
    if ids.is_empty() {
        return Err(sdk::INVALID_REQUEST.wrap("empty code ids"));
    }
    if ids.len() > limits::CODE_IDS {
        let text = format!("total number of code ids is greater than {}", limits::CODE_IDS);
        return Err(sdk::INVALID_REQUEST.wrap(text));
    }
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    if distinct.len() != ids.len() {
        return Err(sdk::INVALID_REQUEST.wrap("duplicate code ids"));
    }
    Ok(())
}

fn code(bytes: &[u8]) -> Result<()> {
    check_code(bytes, limits::WASM_BYTES).map_err(|e| sdk::INVALID_REQUEST.wrap(format!("code bytes {e}")))
}

/// Checks the size of a code.
pub(crate) fn check_code(bytes: &[u8], most: usize) -> Result<()> {
    if bytes.is_empty() {
        return Err(errors::EMPTY.wrap("is required"));
    }
    if bytes.len() > most {
        return Err(errors::LIMIT.wrap(format!("cannot be longer than {most} bytes")));
    }
    Ok(())
}

fn permission(config: Option<&AccessConfig>) -> Result<()> {
    config.map_or(Ok(()), |c| {
        access::validate(c).map_err(|e| e.wrap("instantiate permission"))
    })
}

pub(super) fn payload(msg: &[u8]) -> Result<()> {
    if json::is_valid(msg) {
        return Ok(());
    }
    Err(Error::from(&errors::INVALID).wrap("payload msg"))
}

fn salt(salt: &[u8]) -> Result<()> {
    match salt.len() {
        0 => Err(errors::EMPTY.wrap("is required")),
        1..=limits::SALT_BYTES => Ok(()),
        _ => Err(errors::LIMIT.wrap(format!("cannot be longer than {} characters", limits::SALT_BYTES))),
    }
}

/// Checks a label: present, bounded, trimmed, printable.
pub(crate) fn label(text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(errors::EMPTY.wrap("is required"));
    }
    if text.len() > limits::LABEL_BYTES {
        return Err(errors::LIMIT.wrap(format!(
            "cannot be longer than {} characters",
            limits::LABEL_BYTES
        )));
    }
    if text != text.trim() {
        return Err(errors::INVALID.wrap("label must not start/end with whitespaces"));
    }
    if !text.chars().all(is_printable) {
        return Err(errors::INVALID.wrap("label must have printable characters only"));
    }
    Ok(())
}

/// Go's `unicode.IsPrint`: what Rust's debug form leaves as it is, marks included.
fn is_printable(c: char) -> bool {
    let text = format!("x{c}"); // a mark is escaped only at the start of a text
    let escaped = text.escape_debug().skip(1).collect::<String>();
    !(escaped.starts_with("\\u{") || matches!(c, '\0' | '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use quern_proto::cosmwasm::wasm::v1::{MsgExecuteContract, MsgPinCodes, MsgStoreCode, MsgUpdateAdmin};

    use super::*;

    fn account(byte: u8) -> String {
        AccAddress::from_bytes(vec![byte; 20]).unwrap().to_string()
    }

    #[test]
    fn labels_are_printable_trimmed_and_bounded() {
        for good in [
            "x",
            "a b",
            "Z\u{fc}rich",
            "e\u{301}",
            "\u{4e16}",
            "back\\slash \"q\" 'q'",
        ] {
            assert!(label(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " x",
            "x\u{a0}",
            "a\tb",
            "a\u{200b}b",
            "a\u{7f}b",
            "\u{e000}",
            "a\u{2003}b",
        ] {
            assert!(label(bad).is_err(), "{bad:?}");
        }
        assert!(label(&"x".repeat(129)).unwrap_err().is(&errors::LIMIT));
    }

    #[test]
    fn an_execute_with_bad_addresses_funds_or_json_is_refused() {
        let coin = |denom: &str, amount: &str| ProtoCoin {
            denom: denom.into(),
            amount: amount.into(),
        };
        let good = MsgExecuteContract {
            sender: account(1),
            contract: account(2),
            msg: b"{}".to_vec(),
            funds: vec![coin("aaa", "1"), coin("bbb", "2")],
        };
        assert!(Msg::Execute(good.clone()).validate().is_ok());
        let refused = |msg: MsgExecuteContract| format!("{:?}", Msg::Execute(msg).validate().unwrap_err());
        let with = |funds: Vec<ProtoCoin>| {
            refused(MsgExecuteContract {
                funds,
                ..good.clone()
            })
        };
        let to = |contract: &str| {
            let contract = contract.to_owned();
            refused(MsgExecuteContract {
                contract,
                ..good.clone()
            })
        };
        // wasmd registers none of these
        for (found, expected) in [
            (
                to(""),
                "undefined/1 contract: empty address string is not allowed",
            ),
            (
                to(&good.contract.replacen("quern1", "qUern1", 1)),
                "undefined/1 contract: decoding bech32 failed: string not all lowercase or all uppercase",
            ),
            (
                with(vec![coin("bbb", "1"), coin("aaa", "1")]),
                "undefined/1 funds: denomination aaa is not sorted",
            ),
            (
                with(vec![coin("aaa", "0")]),
                "undefined/1 funds: coin 0aaa amount is not positive",
            ),
            (
                with(vec![coin("9bad", "1")]),
                "undefined/1 funds: invalid denom: 9bad",
            ),
        ] {
            assert_eq!(found, expected);
        }
        for msg in [&b"{"[..], b""] {
            let msg = msg.to_vec();
            assert_eq!(
                refused(MsgExecuteContract { msg, ..good.clone() }),
                "wasm/14 payload msg: invalid"
            );
        }
        // more than there can be passes here, and fails like any coins that the sender lacks
        let huge = vec![coin("nqrn", "340282366920938463463374607431768211456")];
        let msg = MsgExecuteContract {
            funds: huge.clone(),
            ..good
        };
        assert!(Msg::Execute(msg).validate().is_ok());
        assert!(funds(&huge).unwrap_err().is(&sdk::INSUFFICIENT_FUNDS));
    }

    #[test]
    fn an_oversized_code_is_refused_before_it_is_read() {
        let msg = MsgStoreCode {
            sender: account(1),
            wasm_byte_code: vec![0; limits::WASM_BYTES + 1],
            instantiate_permission: None,
        };
        let error = Msg::StoreCode(msg).validate().unwrap_err();
        assert!(error.is(&sdk::INVALID_REQUEST));
        assert!(error.to_string().contains("cannot be longer than 819200 bytes"));
    }

    #[test]
    fn pin_lists_are_bounded_and_distinct() {
        let with = |code_ids: Vec<u64>| {
            Msg::PinCodes(MsgPinCodes {
                authority: account(1),
                code_ids,
            })
            .validate()
            .is_ok()
        };
        assert!(with((1..=50).collect()));
        assert!(!with(vec![]) && !with((1..=51).collect()) && !with(vec![1, 1]));
    }

    #[test]
    fn a_new_admin_in_another_case_is_still_the_old_one() {
        let msg = MsgUpdateAdmin {
            sender: account(1),
            new_admin: account(1).to_uppercase(),
            contract: account(2),
        };
        assert!(Msg::UpdateAdmin(msg).validate().unwrap_err().is(&errors::INVALID));
    }
}
