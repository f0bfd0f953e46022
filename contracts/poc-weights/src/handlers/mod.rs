//! What each message does.

mod commit;
mod governance;
mod judge;

pub use commit::commit;
pub use governance::{check_params, put_models, set_models, update_params};
pub use judge::judge;

use crate::state::{Account, Record};

/// Takes a host's record for a model out of its account, or makes one.
fn take_record(account: &mut Account, model: &str) -> Record {
    let found = account.models.iter().position(|record| record.model == model);
    found
        .map(|index| account.models.remove(index))
        .unwrap_or_else(|| Record {
            model: model.to_owned(),
            generation: 0,
            work: Vec::new(),
            judged: Vec::new(),
        })
}
