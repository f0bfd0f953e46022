//! How JSON writes what is not text: 64-bit integers and amounts as decimal strings, bytes as base64 or
//! hexadecimal, addresses as Bech32. Each module is for serde's `with`.

use std::{fmt::Display, str::FromStr};

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// Reads a string and parses it, giving the parser's own reason.
fn parsed<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    parse(&text).map_err(D::Error::custom)
}

/// A canonical decimal: no sign for zero, no leading zeros, no blanks.
fn canonical<T: FromStr + Display>(text: &str) -> Result<T, String> {
    text.parse::<T>()
        .ok()
        .filter(|n| n.to_string() == text)
        .ok_or_else(|| format!("expected a decimal number in quotes, got {text:.40?}"))
}

/// A 64-bit integer as a decimal string.
pub(crate) mod int {
    use super::*;

    pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: FromStr + Display>(d: D) -> Result<T, D::Error> {
        parsed(d, canonical)
    }
}

/// An integer as a decimal string, or null for none.
pub(crate) mod optional_int {
    use super::*;
    use serde::Serialize;

    #[derive(Serialize, Deserialize)]
    struct Text<T: Display + FromStr>(#[serde(with = "super::int")] T);

    pub(crate) fn serialize<T, S: Serializer>(value: &Option<T>, s: S) -> Result<S::Ok, S::Error>
    where
        T: Display + FromStr + Copy,
    {
        value.map(Text).serialize(s)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T>(d: D) -> Result<Option<T>, D::Error>
    where
        T: Display + FromStr,
    {
        Ok(Option::<Text<T>>::deserialize(d)?.map(|text| text.0))
    }
}

/// Anything with `Display` and `FromStr`: denominations.
pub(crate) mod shown {
    use super::*;

    pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
        d: D,
    ) -> Result<T, D::Error> {
        parsed(d, |text| text.parse().map_err(|e: T::Err| e.to_string()))
    }
}

/// An account address of this chain.
pub(crate) mod address {
    use super::*;
    use quern_types::AccAddress;

    pub(crate) fn serialize<S: Serializer>(value: &AccAddress, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<AccAddress, D::Error> {
        parsed(d, |text| {
            AccAddress::from_bech32(text).map_err(|e| format!("{text:.100}: {e}"))
        })
    }
}

/// Several account addresses.
pub(crate) mod addresses {
    use super::*;
    use quern_types::AccAddress;

    pub(crate) fn serialize<S: Serializer>(value: &[AccAddress], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(value.iter().map(AccAddress::to_string))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<AccAddress>, D::Error> {
        Vec::<String>::deserialize(d)?
            .iter()
            .map(|text| {
                AccAddress::from_bech32(text).map_err(|e| D::Error::custom(format!("{text:.100}: {e}")))
            })
            .collect()
    }
}

/// An account address, or the empty string for none.
pub(crate) mod optional_address {
    use super::*;
    use quern_types::AccAddress;

    pub(crate) fn serialize<S: Serializer>(value: &Option<AccAddress>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&value.as_ref().map(AccAddress::to_string).unwrap_or_default())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<AccAddress>, D::Error> {
        parsed(d, |text| match text {
            "" => Ok(None),
            _ => AccAddress::from_bech32(text)
                .map(Some)
                .map_err(|e| format!("{text:.100}: {e}")),
        })
    }
}

/// Coins in the SDK's order: sorted, unique, positive.
pub(crate) mod coins {
    use super::*;
    use quern_types::{Coin, Coins};
    use serde::Serialize;

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wire {
        denom: String,
        amount: String,
    }

    pub(crate) fn serialize<S: Serializer>(value: &Coins, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(value.iter().map(|c| Wire {
            denom: c.denom.to_string(),
            amount: c.amount.to_string(),
        }))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Coins, D::Error> {
        Vec::<Wire>::deserialize(d)?
            .iter()
            .map(|c| Coin::parse(&c.denom, &c.amount))
            .collect::<quern_types::Result<Vec<_>>>()
            .and_then(Coins::try_from_sorted)
            .map_err(D::Error::custom)
    }
}

/// Bytes as standard base64.
pub(crate) mod base64 {
    use ::base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &impl AsRef<[u8]>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&STANDARD.encode(value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<Vec<u8>>>(d: D) -> Result<T, D::Error> {
        parsed(d, |text| {
            let bytes = STANDARD.decode(text).map_err(|e| format!("bad base64: {e}"))?;
            let len = bytes.len();
            T::try_from(bytes).map_err(|_| format!("unexpected length: {len} bytes"))
        })
    }
}

/// Bytes as standard base64, or null for none.
pub(crate) mod optional_base64 {
    use super::*;
    use serde::Serialize;

    #[derive(Serialize, Deserialize)]
    struct Text<T: TryFrom<Vec<u8>> + AsRef<[u8]>>(#[serde(with = "super::base64")] T);

    pub(crate) fn serialize<T, S: Serializer>(value: &Option<T>, s: S) -> Result<S::Ok, S::Error>
    where
        T: TryFrom<Vec<u8>> + AsRef<[u8]> + Clone,
    {
        value.clone().map(Text).serialize(s)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T>(d: D) -> Result<Option<T>, D::Error>
    where
        T: TryFrom<Vec<u8>> + AsRef<[u8]>,
    {
        Ok(Option::<Text<T>>::deserialize(d)?.map(|text| text.0))
    }
}

/// Bytes as upper-case hexadecimal (CometBFT's `HexBytes`).
pub(crate) mod hex_upper {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &impl AsRef<[u8]>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode_upper(value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<Vec<u8>>>(d: D) -> Result<T, D::Error> {
        parsed(d, |text| {
            let bytes = hex::decode(text).map_err(|e| format!("bad hexadecimal: {e}"))?;
            let len = bytes.len();
            T::try_from(bytes).map_err(|_| format!("unexpected length: {len} bytes"))
        })
    }
}
