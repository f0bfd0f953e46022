//! A host's inference worker as a library: `quern-worker` is a thin program on top of it.
//!
//! Who builds another program on it, to see what a network does with a worker that is not honest, starts it through
//! [`ServeOptions`]; `quern-worker` itself only ever serves with the default ones.

mod audit;
mod checkpoint;
mod embed;
mod generate;
mod http;
mod logits;
mod memory;
mod metrics;
mod model;
mod models;
mod package;
mod paid;
mod proof;
mod remote;
mod run;
mod scheduler;
mod serve;

pub use audit::judge::{Case, Found, Honest, Judge};
pub use logits::LogitsCommand;
pub use model::ModelArgs;
pub use package::fetch::FetchModel;
pub use package::manifest::{ModelHash, model_hash};
pub use paid::config::Keys;
pub use remote::{Attach, CheckRemote};
pub use run::Run;
pub use serve::{Serve, ServeOptions};
