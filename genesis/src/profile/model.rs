//! A model in the file that a chain begins with.

use quern_interface::{audits::Calibration, registry::LaunchPackage};
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
}

impl TryFrom<Value> for LaunchModel {
    type Error = serde_json::Error;

    /// The other members are the launch package's, which refuses those that it does not know.
    fn try_from(mut entry: Value) -> Result<Self, Self::Error> {
        let mut take = |name: &str| entry.as_object_mut()?.remove(name);
        let calibration = take("calibration").unwrap_or_default();
        Ok(Self {
            calibration: serde_json::from_value(calibration)?,
            package: serde_json::from_value(entry)?,
        })
    }
}
