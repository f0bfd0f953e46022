//! The file that tells Cosmovisor which binary a stopped node needs.

use quern_types::{Error, Result};
use serde_json::json;

use crate::Plan;

/// Content of [`crate::INFO_FILE`], as the SDK writes a plan.
///
/// # Errors
/// None in practice: every field has a JSON form.
pub fn info_json(plan: &Plan) -> Result<Vec<u8>> {
    let json = json!({
        "name": plan.name,
        "time": quern_proto::time::ZERO.to_string(),
        "height": plan.height,
        "info": plan.info,
    });
    serde_json::to_vec(&json).map_err(Error::halt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_what_cosmovisor_reads() {
        let plan = Plan {
            name: "v2".into(),
            height: 12,
            info: r#"{"binaries":{}}"#.into(),
            ..Plan::default()
        };
        let json: serde_json::Value = serde_json::from_slice(&info_json(&plan).unwrap()).unwrap();
        let expected = json!({
            "name": "v2", "time": "0001-01-01T00:00:00Z", "height": 12, "info": "{\"binaries\":{}}",
        });
        assert_eq!(json, expected);
    }
}
