use http::Method;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};

use super::template::Template;

/// Where a request's body goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// It is not read.
    None,
    /// It is the whole request message.
    Whole,
    /// It is one field of the request message.
    Field(String),
}

/// A REST route of a gRPC method.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) verb: Method,
    pub(crate) template: Template,
    pub(crate) body: Body,
    pub(crate) method: MethodDescriptor,
    /// gRPC path of the method.
    pub(crate) path: String,
}

/// Every route that the descriptors annotate, words before variables where both fit.
#[derive(Debug)]
pub(crate) struct Routes {
    routes: Vec<Route>,
}

impl Routes {
    pub(crate) fn of(pool: &DescriptorPool) -> Self {
        let mut routes = Vec::new();
        let annotation = pool.get_extension_by_name("google.api.http");
        for method in pool
            .services()
            .flat_map(|service| service.methods().collect::<Vec<_>>())
        {
            let options = method.options();
            let rule = annotation
                .as_ref()
                .filter(|annotation| options.has_extension(annotation));
            let Some(rule) = rule.map(|annotation| options.get_extension(annotation)) else {
                continue;
            };
            let Some(rule) = rule.as_message() else { continue };
            routes.extend(route(&method, rule));
            let more = rule.get_field_by_name("additional_bindings");
            let more = more.as_ref().and_then(|more| more.as_list()).unwrap_or_default();
            routes.extend(more.iter().filter_map(|rule| route(&method, rule.as_message()?)));
        }
        // Of two routes of one shape the later one counts, as in grpc-gateway.
        routes.reverse();
        routes.sort_by(|one, other| one.key().cmp(&other.key()));
        routes.dedup_by(|later, kept| later.key() == kept.key());
        Self { routes }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// The route of a request and its variables' values.
    pub(crate) fn find(&self, verb: &Method, path: &[&str]) -> Option<(&Route, Vec<(&str, String)>)> {
        let mut fitting = self.routes.iter().filter(|route| route.verb == verb);
        fitting.find_map(|route| Some((route, route.template.matches(path)?)))
    }
}

impl Route {
    fn key(&self) -> (Vec<(u8, &str)>, &str) {
        (self.template.shape(), self.verb.as_str())
    }
}

fn route(method: &MethodDescriptor, rule: &DynamicMessage) -> Option<Route> {
    let text = |name| {
        let value = rule.get_field_by_name(name)?;
        value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let verbs = [
        ("get", Method::GET),
        ("post", Method::POST),
        ("put", Method::PUT),
        ("delete", Method::DELETE),
        ("patch", Method::PATCH),
    ];
    let (verb, template) = verbs
        .into_iter()
        .find_map(|(name, verb)| Some((verb, text(name)?)))?;
    let Some(template) = Template::parse(&template) else {
        tracing::warn!(template, "a REST route has a form that is not served");
        return None;
    };
    Some(Route {
        verb,
        template,
        body: match text("body").as_deref() {
            None => Body::None,
            Some("*") => Body::Whole,
            Some(field) => Body::Field(field.to_owned()),
        },
        path: format!("/{}/{}", method.parent_service().full_name(), method.name()),
        method: method.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::{Body, Method, Routes};

    #[test]
    fn words_win_over_variables_and_slashes_stay_in_denoms() {
        let routes = Routes::of(quern_proto::pool());
        for (path, method) in [
            ("cosmos/base/tendermint/v1beta1/blocks/latest", "GetLatestBlock"),
            ("cosmos/base/tendermint/v1beta1/blocks/5", "GetBlockByHeight"),
            ("cosmos/bank/v1beta1/denoms_metadata/factory/a/b", "DenomMetadata"),
            ("cosmos/tx/v1beta1/txs/block/5", "GetBlockWithTxs"),
            ("cosmos/tx/v1beta1/txs/AB", "GetTx"),
            ("cosmos/gov/v1/params/tallying", "Params"),
            ("cosmos/auth/v1beta1/bech32/quern1x", "AddressStringToBytes"),
        ] {
            let parts: Vec<_> = path.split('/').collect();
            let (route, _) = routes.find(&Method::GET, &parts).unwrap();
            assert_eq!(route.method.name(), method, "{path}");
        }
        let parts = ["cosmos", "tx", "v1beta1", "txs"];
        let (route, _) = routes.find(&Method::POST, &parts).unwrap();
        assert_eq!((route.method.name(), &route.body), ("BroadcastTx", &Body::Whole));
        assert!(routes.find(&Method::PUT, &parts).is_none());
        assert!(routes.iter().count() > 200, "{}", routes.iter().count());
    }
}
