use tendermint_proto::v0_38::abci::ResponseQuery;

/// The application, as far as queries need it. Called from several threads at once.
pub trait Queries: Send + Sync + 'static {
    /// Answers one query as ABCI's `Query` does; `height` 0 asks for the latest state.
    fn query(&self, path: &str, data: &[u8], height: u64) -> ResponseQuery;
}

impl<F> Queries for F
where
    F: Fn(&str, &[u8], u64) -> ResponseQuery + Send + Sync + 'static,
{
    fn query(&self, path: &str, data: &[u8], height: u64) -> ResponseQuery {
        self(path, data, height)
    }
}
