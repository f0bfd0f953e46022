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
