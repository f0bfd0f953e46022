//! Engines of others: `attach` serves one, `check-remote` compares one with a model at hand.

mod attach;
mod check;
mod prompts;

pub use attach::Attach;
pub use check::CheckRemote;

use anyhow::Context;
use quern_engine_remote::RemoteConfig;

/// Environment variable that holds the key which an engine asks for.
const KEY: &str = "QUERN_ENGINE_KEY";

/// Which engine.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EngineArgs {
    /// Address of the engine, such as http://127.0.0.1:8000. If it asks for a key, put that into QUERN_ENGINE_KEY.
    #[arg(long, value_name = "URL")]
    engine: String,
    /// Id of the model there; may be left out where the engine lists one only.
    #[arg(long, value_name = "ID")]
    engine_model: Option<String>,
}

impl EngineArgs {
    fn config(&self) -> anyhow::Result<RemoteConfig> {
        let mut config = RemoteConfig::new(&self.engine)?;
        config.model = self.engine_model.clone();
        config.api_key = match std::env::var(KEY) {
            Ok(key) => Some(key),
            Err(std::env::VarError::NotPresent) => None,
            Err(error) => return Err(error).with_context(|| format!("{KEY} cannot be read")),
        };
        Ok(config)
    }
}
