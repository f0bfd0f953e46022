//! Requests to every route: with what is known, with one thing wrong at a time, by pages, at heights, by other methods.

use prost_reflect::{Kind, MethodDescriptor};
use quern_api::Entry;

use super::values::Known;

/// A request, for both chains.
#[derive(Clone, Debug)]
pub struct Case {
    /// The route that it is meant for.
    pub route: String,
    /// Method of HTTP.
    pub verb: &'static str,
    /// Path and query.
    pub target: String,
    /// Headers of its own.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: String,
}

impl Case {
    /// A GET.
    pub fn get(route: &str, target: String) -> Self {
        Self {
            route: route.to_owned(),
            verb: "GET",
            target,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// A POST of JSON.
    pub fn post(route: &str, body: String) -> Self {
        Self {
            route: route.to_owned(),
            verb: "POST",
            target: route.trim_start_matches("POST ").to_owned(),
            headers: vec![("Content-Type", "application/json".into())],
            body,
        }
    }

    /// What it is, for the report.
    pub fn what(&self) -> String {
        let headers: String = self
            .headers
            .iter()
            .filter(|(name, _)| *name != "Content-Type")
            .map(|(name, value)| format!(" {name}: {value}"))
            .collect();
        let body: String = self.body.chars().take(300).collect();
        format!("{} | {} {}{headers} {body}", self.route, self.verb, self.target)
    }
}

/// Fields of pagination, right and wrong.
const PAGES: [&str; 13] = [
    "pagination.limit=1",
    "pagination.limit=2&pagination.offset=1&pagination.count_total=true",
    "pagination.limit=0",
    "pagination.limit=3&pagination.reverse=true",
    "pagination.limit=-1",
    "pagination.limit=abc",
    "pagination.limit=18446744073709551615",
    "pagination.offset=1000000",
    "pagination.key=AAAA&pagination.limit=1",
    "pagination.key=!!",
    "pagination.key=AAAA&pagination.offset=1",
    "pagination.count_total=maybe",
    "pagination.nosuch=1",
];

/// Heights as clients name them, right and wrong; `now` is the last one.
fn heights(now: u64) -> Vec<String> {
    let before = now.saturating_sub(3).max(1).to_string();
    let numbers = ["0", "-1", "abc", "18446744073709551615", "9223372036854775807"];
    let mut all = vec![now.to_string(), before, (now + 1_000).to_string()];
    all.extend(numbers.map(str::to_owned));
    all
}

/// All GETs of a method's routes.
pub fn of(entry: &Entry, known: &Known) -> Vec<Case> {
    let Some(method) = descriptor(entry) else {
        return Vec::new();
    };
    let mut cases = Vec::new();
    for route in entry.routes.iter().filter(|route| route.starts_with("GET ")) {
        cases.extend(Route::new(route, &entry.service, &method).cases(known));
    }
    cases
}

fn descriptor(entry: &Entry) -> Option<MethodDescriptor> {
    let service = quern_proto::pool().get_service_by_name(&entry.service)?;
    service.methods().find(|method| method.name() == entry.method)
}

struct Route<'a> {
    route: &'a str,
    service: &'a str,
    /// Names of variables in the path, and of other fields with whether they may come again.
    variables: Vec<&'a str>,
    fields: Vec<String>,
    pages: bool,
}

impl<'a> Route<'a> {
    fn new(route: &'a str, service: &'a str, method: &MethodDescriptor) -> Self {
        let variables: Vec<&str> = route
            .split('{')
            .skip(1)
            .filter_map(|part| part.split('}').next())
            .collect();
        let input = method.input();
        let plain = |kind: &Kind| !matches!(kind, Kind::Message(_));
        let fields = input
            .fields()
            .filter(|field| plain(&field.kind()) && !variables.contains(&field.name()))
            .map(|field| field.name().to_owned())
            .collect();
        Self {
            route,
            service,
            variables,
            fields,
            pages: input.get_field_by_name("pagination").is_some(),
        }
    }

    fn target(&self, values: &[(String, String)], search: &[(String, String)]) -> String {
        let mut target = self.route.trim_start_matches("GET ").to_owned();
        for (name, value) in values {
            target = target.replace(&format!("{{{name}}}"), &escaped(value));
        }
        for (index, (name, value)) in search.iter().enumerate() {
            let sign = if index == 0 { '?' } else { '&' };
            target.push_str(&format!("{sign}{name}={}", escaped(value)));
        }
        target
    }

    fn cases(&self, known: &Known) -> Vec<Case> {
        let of = |name: &str| known.values(self.service, name);
        let first = |name: &str| (name.to_owned(), of(name).first().cloned().unwrap_or_default());
        let path: Vec<_> = self.variables.iter().map(|name| first(name)).collect();
        let mut targets = Vec::new();
        for (at, name) in self.variables.iter().enumerate() {
            for value in of(name) {
                let mut path = path.clone();
                path[at].1 = value;
                targets.push(self.target(&path, &[]));
            }
        }
        let search: Vec<_> = self.fields.iter().map(|name| first(name)).collect();
        targets.push(self.target(&path, &[]));
        targets.push(self.target(&path, &search));
        for (at, name) in self.fields.iter().enumerate() {
            for value in of(name) {
                let mut search = search.clone();
                search[at].1 = value.clone();
                targets.push(self.target(&path, &search));
                targets.push(self.target(&path, &[(name.clone(), value)]));
            }
        }
        let base = self.target(&path, &search);
        let join = if search.is_empty() { '?' } else { '&' };
        if self.pages {
            targets.extend(PAGES.iter().map(|page| format!("{base}{join}{page}")));
        }
        targets.push(format!("{base}{join}no_such_field=1"));
        targets.sort();
        targets.dedup();
        let mut cases: Vec<_> = targets
            .into_iter()
            .map(|target| Case::get(self.route, target))
            .collect();
        for height in heights(known.height) {
            let mut case = Case::get(self.route, base.clone());
            case.headers.push(("x-cosmos-block-height", height));
            cases.push(case);
        }
        for verb in ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"] {
            let mut case = Case::get(self.route, base.clone());
            case.verb = verb;
            cases.push(case);
        }
        let path = base.split('?').next().unwrap_or_default();
        cases.push(Case::get(self.route, format!("{path}/")));
        cases.push(Case::get(self.route, format!("{path}/more")));
        cases
    }
}

/// Routes that nobody has, and ways to write one that somebody has.
pub fn unknown() -> Vec<Case> {
    let targets = [
        "/cosmos",
        "/cosmos/bank/v1beta1",
        "/cosmos/bank/v1beta1/nosuch",
        "/cosmos/bank/v1beta1/balances",
        "/cosmos/bank/v1beta1/balances/",
        "//cosmos/bank/v1beta1/params",
        "/cosmos//bank/v1beta1/params",
        "/cosmos/bank/v1beta1/../v1beta1/params",
        "/COSMOS/bank/v1beta1/params",
        "/cosmos/bank/v1beta1/para%6ds",
        "/cosmos/bank/v1beta1%2Fparams",
        "/cosmos/bank/v1beta1/params%",
        "/cosmos/bank/v1beta1/%zz",
        "/cosmos/bank/v1beta1/params?",
        "/cosmos/bank/v1beta1/params?=",
        "/cosmos/bank/v1beta1/params?%zz=1",
        "/cosmos/bank/v1beta1/params?a;b",
        "/cosmos/nosuch/v1/things",
        "/nosuch",
    ];
    targets
        .into_iter()
        .map(|target| Case::get("no route", target.to_owned()))
        .collect()
}

/// A value as it stands in a path or a query.
fn escaped(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
