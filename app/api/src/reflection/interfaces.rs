use std::collections::{BTreeMap, BTreeSet};

use crate::Messages;

/// Name of the interface of messages in transactions.
pub(super) const MSG: &str = "cosmos.base.v1beta1.Msg";

/// Which messages stand behind which interface of an `Any`.
#[derive(Debug, Default)]
pub(crate) struct Interfaces(BTreeMap<String, BTreeSet<String>>);

impl Interfaces {
    /// From the descriptors' `cosmos_proto.implements_interface`, and the messages that the chain executes.
    pub(crate) fn of(messages: &Messages) -> Self {
        let pool = quern_proto::pool();
        let mut all = Self::default();
        if let Some(extension) = pool.get_extension_by_name("cosmos_proto.implements_interface") {
            for message in pool.all_messages() {
                let options = message.options();
                let names = options.get_extension(&extension);
                for name in names
                    .as_list()
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|name| name.as_str())
                {
                    all.0
                        .entry(name.to_owned())
                        .or_default()
                        .insert(message.full_name().to_owned());
                }
            }
        }
        let requests = pool
            .services()
            .filter(|service| service.name() == "Msg")
            .flat_map(|service| {
                service
                    .methods()
                    .map(|method| method.input().full_name().to_owned())
                    .collect::<Vec<_>>()
            });
        let executed = requests.filter(|name| messages.executes(&format!("/{name}")));
        all.0.insert(MSG.to_owned(), executed.collect());
        all
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Full names of an interface's messages.
    pub(super) fn implementations(&self, interface: &str) -> impl Iterator<Item = &str> {
        self.0.get(interface).into_iter().flatten().map(String::as_str)
    }
}
