//! What an operator tells of its models beside what is known of them: prices in US dollars above all, which OpenRouter
//! asks for and no chain knows.

pub(crate) mod paid;

use anyhow::{Context, bail};
use quern_inference_api::listing::{Listing, ModelList, Pricing, Told};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Digits that a price may have before and after its point.
const DIGITS: usize = 18;

/// By model id.
#[derive(Debug, Default)]
pub(crate) struct Listings(BTreeMap<String, Listing>);

impl Listings {
    /// Reads a file: a JSON object from model ids to fields of `/v1/models`.
    ///
    /// # Errors
    /// When it is unreadable, or a field is unknown, wrong, or not an operator's to tell.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no listing", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let models: BTreeMap<String, Value> = serde_json::from_str(text)?;
        let mut all = BTreeMap::new();
        for (id, fields) in models {
            let listing = one(&fields).with_context(|| format!("model `{id}`"))?;
            all.insert(id, listing);
        }
        Ok(Self(all))
    }

    /// The same models, with what the operator tells of them.
    pub(crate) fn complete(&self, mut models: ModelList) -> ModelList {
        for model in &mut models.data {
            if let Some(told) = self.0.get(&model.id) {
                model.listing = std::mem::take(&mut model.listing).with(told);
            }
        }
        models
    }
}

fn one(fields: &Value) -> anyhow::Result<Listing> {
    let listing: Listing = serde_json::from_value(fields.clone())?;
    // What does not come back was not understood, or said nothing.
    let back = serde_json::to_value(&listing)?;
    let told = fields.as_object().context("its fields must be a JSON object")?;
    if let Some(name) = told.keys().find(|name| back.get(name).is_none()) {
        bail!("`{name}` is unknown or empty");
    }
    if listing.trust_tier.is_some() {
        bail!("`trust_tier` follows from what a host can prove");
    }
    if listing.chain_price.is_some() {
        bail!("`chain_price` is the chain's to tell");
    }
    check(&listing.told)?;
    let Some(pricing) = &listing.pricing else {
        return Ok(listing);
    };
    let Pricing {
        prompt,
        completion,
        image,
        request,
        input_cache_read,
    } = pricing;
    for price in [prompt, completion, image, request]
        .into_iter()
        .chain(input_cache_read)
    {
        if !is_price(price) {
            bail!("the price {price:?} must be US dollars as decimal text, like \"0.0000002\"");
        }
    }
    if listing.is_free == Some(true) && !pricing.is_nothing() {
        bail!("`is_free` is true beside prices");
    }
    Ok(listing)
}

/// Whether OpenRouter would take what is told, where its rules are narrower than a type.
fn check(told: &Told) -> anyhow::Result<()> {
    let Told {
        deprecation_date,
        discount_to_user,
        capacity_tpm,
        openrouter,
        datacenters,
        ..
    } = told;
    if let Some(date) = deprecation_date
        && !is_date(date)
    {
        bail!("`deprecation_date` must be like 2030-01-31 or 2030-01-31T15:00:00Z");
    }
    if let Some(part) = discount_to_user
        && !part.as_f64().is_some_and(|part| part < 1.0)
    {
        bail!("`discount_to_user` must be below 1");
    }
    if capacity_tpm == &Some(0) {
        bail!("`capacity_tpm` must be above 0");
    }
    if openrouter.as_ref().is_some_and(|known| !known.slug.contains('/')) {
        bail!("`openrouter.slug` must be like author/model");
    }
    let is_country = |code: &str| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if let Some(other) = datacenters.iter().find(|place| !is_country(&place.country_code)) {
        bail!(
            "`country_code` {:?} must be two capital letters",
            other.country_code
        );
    }
    Ok(())
}

/// Whether a text is a day, or an hour of one in UTC.
fn is_date(text: &str) -> bool {
    let (day, hour) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let like = |text: &str, form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(byte, form)| {
                if form == b'0' {
                    byte.is_ascii_digit()
                } else {
                    byte == form
                }
            })
    };
    like(day, "0000-00-00") && like(hour, "00:00:00Z") && hour.get(2..) == Some(":00:00Z")
}

/// Whether a text is a decimal number without sign or exponent.
fn is_price(text: &str) -> bool {
    let digits =
        |part: &str| (1..=DIGITS).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part),
        None => digits(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_inference_api::listing::Model;

    fn models() -> ModelList {
        let model = |id: &str| Model {
            id: id.into(),
            object: "model".into(),
            created: 1,
            owned_by: "quern".into(),
            context_length: 512,
            listing: Listing::decoder(512, false),
        };
        ModelList::new(vec![model("told"), model("untold")])
    }

    #[test]
    fn what_is_told_of_a_model_counts_and_the_rest_stays() {
        let text = r#"{"told": {"name": "A Model", "pricing": {"prompt": "0.0000001", "completion": "2"}}}"#;
        let completed = Listings::parse(text).unwrap().complete(models());
        let (told, untold) = (&completed.data[0].listing, &completed.data[1].listing);
        assert_eq!(told.name.as_deref(), Some("A Model"));
        let pricing = told.pricing.as_ref().unwrap();
        assert_eq!(
            (pricing.prompt.as_str(), pricing.image.as_str()),
            ("0.0000001", "0")
        );
        assert_eq!(told.supported_features, untold.supported_features);
        assert_eq!(told.trust_tier, untold.trust_tier);
        assert_eq!((untold.name.as_deref(), &untold.pricing), (Some("untold"), &None));
    }

    #[test]
    fn a_field_that_would_be_dropped_or_a_price_that_is_none_is_refused_at_the_start() {
        for (fields, word) in [
            (r#"{"wizardry": "x"}"#, "wizardry"),
            (r#"{"name": 5}"#, "string"),
            (r#"{"trust_tier": "seeded"}"#, "trust_tier"),
            (
                r#"{"chain_price": {"denom": "nqrn", "prompt": "1", "completion": "1", "height": 1}}"#,
                "chain_price",
            ),
            (r#"{"pricing": {"prompt": "1"}}"#, "completion"),
            (
                r#"{"pricing": {"prompt": "1", "completion": "1", "audio": "1"}}"#,
                "audio",
            ),
            (r#"{"pricing": {"prompt": "-1", "completion": "1"}}"#, "-1"),
            (r#"{"pricing": {"prompt": "1e-7", "completion": "1"}}"#, "1e-7"),
            (r#"{"pricing": {"prompt": ".5", "completion": "1"}}"#, ".5"),
            (
                r#"{"pricing": {"prompt": "1", "completion": "1", "input_cache_read": "no"}}"#,
                "no",
            ),
            (
                r#"{"is_free": true, "pricing": {"prompt": "1", "completion": "1"}}"#,
                "is_free",
            ),
            ("[]", "object"),
            (r#"{"deprecation_date": "soon"}"#, "deprecation_date"),
            (
                r#"{"deprecation_date": "2030-01-31T15:30:00Z"}"#,
                "deprecation_date",
            ),
            (r#"{"discount_to_user": 1}"#, "discount_to_user"),
            (r#"{"discount_to_user": "0.1"}"#, "number"),
            (r#"{"capacity_tpm": 0}"#, "capacity_tpm"),
            (r#"{"openrouter": {"slug": "small"}}"#, "slug"),
            (r#"{"datacenters": [{"country_code": "xx"}]}"#, "country_code"),
            (
                r#"{"datacenters": [{"country_code": "DE", "city": "x"}]}"#,
                "city",
            ),
            (r#"{"compliance": {"soc": true}}"#, "soc"),
        ] {
            let refused = Listings::parse(&format!("{{\"m\": {fields}}}")).unwrap_err();
            let words = format!("{refused:#}");
            assert!(words.contains(word) || word == "object", "{fields}: {words}");
        }
    }
}
