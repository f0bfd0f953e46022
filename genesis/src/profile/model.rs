//! A model in the file that a chain begins with.

use quern_interface::{audits::Calibration, poc_weights::ProofModel, registry::LaunchPackage};
use quern_protocol::ProofShape;
use serde::Deserialize;
use serde_json::Value;

/// A launch package and what the other contracts need to know of the model beside it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct LaunchModel {
    /// What the registry begins with.
    pub package: LaunchPackage,
    /// What the audits begin with: the file's `calibration`. Nobody audits a model without.
    pub calibration: Option<Calibration>,
    /// What proof of compute begins with: the file's `proof`. Nobody proves a model without.
    pub proof: Option<LaunchProof>,
}

/// How a model is proven.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchProof {
    /// Token ids that prompts are drawn from, from 0.
    pub vocabulary: u32,
    /// Lengths of requests.
    pub shapes: Vec<ProofShape>,
    /// What one token's work of this model counts, in millionths.
    pub coefficient: u32,
}

impl LaunchModel {
    /// Calibrations by model.
    pub fn calibrations(models: &[Self]) -> Vec<(String, Calibration)> {
        let calibrated = models.iter().filter_map(|model| {
            let calibration = model.calibration.clone()?;
            Some((model.package.id.clone(), calibration))
        });
        calibrated.collect()
    }

    /// Models that are proven.
    pub fn proofs(models: &[Self]) -> Vec<ProofModel> {
        let proven = models.iter().filter_map(|model| {
            let proof = model.proof.clone()?;
            Some(ProofModel {
                model: model.package.id.clone(),
                vocabulary: proof.vocabulary,
                shapes: proof.shapes,
                coefficient: proof.coefficient,
            })
        });
        proven.collect()
    }
}

impl TryFrom<Value> for LaunchModel {
    type Error = serde_json::Error;

    /// The other members are the launch package's, which refuses those that it does not know.
    fn try_from(mut entry: Value) -> Result<Self, Self::Error> {
        let mut take = |name: &str| entry.as_object_mut()?.remove(name);
        let calibration = take("calibration").unwrap_or_default();
        let proof = take("proof").unwrap_or_default();
        Ok(Self {
            proof: serde_json::from_value(proof)?,
            calibration: serde_json::from_value(calibration)?,
            package: serde_json::from_value(entry)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GenesisError, profile::ProfileName};
    use serde_json::json;

    fn entry(id: &str) -> Value {
        json!({
            "id": id, "hash": "BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=", "context": 512, "precision": "fp32",
            "sampler": 1, "price": "2", "coefficients": {"input": 300_000, "cached": 30_000, "output": 1_000_000},
            "profiles": ["cpu"], "state": "live",
        })
    }

    fn calibrated(id: &str) -> LaunchModel {
        let mut entry = entry(id);
        entry["calibration"] = json!({
            "clip": 1_000_000, "tolerance": 100, "margin_bound": 16_000_000, "null": 300, "buckets": [],
        });
        serde_json::from_value(entry).unwrap()
    }

    #[test]
    fn a_models_calibration_stands_beside_its_launch_package_and_may_be_absent() {
        assert_eq!(calibrated("a").calibration.unwrap().tolerance, 100);
        let plain: LaunchModel = serde_json::from_value(entry("a")).unwrap();
        assert_eq!((plain.calibration, plain.proof), (None, None));
        let mut misspelt = entry("a");
        misspelt["calibrations"] = json!([]);
        assert!(serde_json::from_value::<LaunchModel>(misspelt).is_err());
    }

    #[test]
    fn each_of_several_models_keeps_its_own_price_and_proof() {
        let model = |id: &str, price: &str, coefficient: u32| -> LaunchModel {
            let mut entry = entry(id);
            entry["price"] = json!(price);
            entry["proof"] = json!({"vocabulary": 9, "shapes": [], "coefficient": coefficient});
            serde_json::from_value(entry).unwrap()
        };
        let models = vec![model("small", "10", 1_000_000), model("large", "20.5", 7_000_000)];
        let code = |_: &str| Ok::<_, GenesisError>(vec![0]);
        let system = ProfileName::Localnet.profile().system(models, code).unwrap();
        let init = |name: &str| &system.contracts.iter().find(|of| of.name == name).unwrap().init;
        let launched = |n: usize| {
            let model = &init("registry")["models"][n];
            let proof = &init("poc-weights")["models"][n];
            assert_eq!(model["id"], proof["model"]);
            (
                model["id"].clone(),
                model["price"].clone(),
                proof["coefficient"].clone(),
            )
        };
        assert_eq!(launched(0), (json!("small"), json!("10"), json!(1_000_000)));
        assert_eq!(launched(1), (json!("large"), json!("20.5"), json!(7_000_000)));
    }

    #[test]
    fn a_chain_begins_with_a_process_for_each_calibrated_model_and_one_over_all() {
        let models: Vec<LaunchModel> = (0..5).map(|n| calibrated(&format!("model-{n}"))).collect();
        let code = |_: &str| Ok::<_, GenesisError>(vec![0]);
        let system = ProfileName::Localnet.profile().system(models, code).unwrap();
        let audits = system.contracts.iter().find(|of| of.name == "audits").unwrap();
        assert_eq!(audits.init["params"]["evidence"]["processes"], 6);
        assert_eq!(audits.init["calibrations"].as_array().unwrap().len(), 5);
    }
}
