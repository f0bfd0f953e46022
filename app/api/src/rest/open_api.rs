//! The OpenAPI document, from the same descriptors as the routes.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::query::parameters;
use super::routes::{Body, Route, Routes};
use super::schema::{Schemas, parameter};
use crate::json::named;

/// The document of the routes whose methods are served.
pub(super) fn document(routes: &Routes, served: &BTreeSet<String>) -> Bytes {
    let mut schemas = Schemas::default();
    let mut paths: Map<String, Value> = Map::new();
    let mut names = BTreeSet::new();
    for route in routes.iter().filter(|route| served.contains(&route.path)) {
        let mut operation = operation(route, &mut schemas);
        let mut name = route.method.full_name().to_owned();
        while !names.insert(name.clone()) {
            name.push('2');
        }
        operation.insert("operationId".to_owned(), name.into());
        let path = paths
            .entry(route.template.open_api())
            .or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.verb.as_str().to_lowercase(), operation.into());
        }
    }
    let mut all = schemas.into_json();
    if let Some(all) = all.as_object_mut() {
        let status = json!({
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {"type": "integer", "description": "gRPC status code"},
                "message": {"type": "string"},
                "details": {"type": "array", "items": {}},
            },
        });
        all.insert("Failure".to_owned(), status);
    }
    let document = json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Quern node",
            "description": "Queries and transactions over REST, in the JSON of the Cosmos SDK's gateway. \
                The header x-cosmos-block-height asks for a past height.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "paths": paths,
        "components": {"schemas": all},
    });
    document.to_string().into()
}

fn operation(route: &Route, schemas: &mut Schemas) -> Map<String, Value> {
    let input = route.method.input();
    let in_path: Vec<&str> = route.template.variables().collect();
    let mut listed: Vec<Value> = in_path
        .iter()
        .map(|name| {
            let schema = named(&input, name).map_or(json!({"type": "string"}), |field| parameter(&field));
            json!({"name": name, "in": "path", "required": true, "schema": schema})
        })
        .collect();
    if route.body != Body::Whole {
        for (name, field) in parameters(&input, 0) {
            if in_path.contains(&name.as_str()) {
                continue;
            }
            let single = parameter(&field);
            let schema = if field.descriptor.is_list() {
                json!({"type": "array", "items": single})
            } else {
                single
            };
            listed.push(json!({"name": name, "in": "query", "schema": schema}));
        }
    }
    let mut operation = Map::new();
    let service = route.method.parent_service().full_name().to_owned();
    operation.insert("tags".to_owned(), json!([service]));
    operation.insert("summary".to_owned(), route.method.name().into());
    operation.insert("parameters".to_owned(), listed.into());
    if route.body != Body::None {
        let schema = schemas.message(&input);
        let content = json!({"application/json": {"schema": schema}});
        operation.insert(
            "requestBody".to_owned(),
            json!({"required": true, "content": content}),
        );
    }
    let answer = schemas.message(&route.method.output());
    let failure = json!({"$ref": "#/components/schemas/Failure"});
    let responses = json!({
        "200": {"description": "The answer.", "content": {"application/json": {"schema": answer}}},
        "default": {"description": "A failure.", "content": {"application/json": {"schema": failure}}},
    });
    operation.insert("responses".to_owned(), responses);
    operation
}
