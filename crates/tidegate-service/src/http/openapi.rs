//! The OpenAPI document: made from the routes themselves, committed as docs/openapi.json, compared by a test.

use super::{Failure, routes};
use std::collections::BTreeMap;
use tidegate_api::Problem;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi, ToSchema};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tidegate",
        description = "Instances that keep a target database in step with a source. Times are RFC 3339; every error \
                       is a problem (RFC 9457) with a code, what happened, and what to do.",
    ),
    components(schemas(Problem)),
    modifiers(&Token),
    security(("token" = [])),
)]
pub(super) struct Document;

/// A session's token or an API key.
struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        document
            .components
            .get_or_insert_default()
            .security_schemes
            .insert("token".to_owned(), RefOr::T(SecurityScheme::Http(bearer)));
    }
}

impl IntoResponses for Failure {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let problem = |what: &str| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
            let response = ResponseBuilder::new().description(what);
            RefOr::T(response.content("application/problem+json", content).build())
        };
        BTreeMap::from([
            ("4XX".to_owned(), problem("It was not done, for a reason on the side of who asks")),
            ("5XX".to_owned(), problem("It was not done, for a reason on the side of the service")),
        ])
    }
}

/// The document, as it is committed.
pub fn document() -> String {
    let mut document = routes().into_openapi();
    for (path, item) in &mut document.paths.paths {
        let methods = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in methods {
            if let Some(operation) = operation {
                operation.operation_id = Some(operation_id(method, path));
            }
        }
    }
    let mut text = document.to_pretty_json().expect("a document made of plain types is JSON");
    text.push('\n');
    text
}

/// By the address: functions in different modules have the same names, and these must all differ.
fn operation_id(method: &str, path: &str) -> String {
    let words =
        path.split(['/', '{', '}', '.']).filter(|word| !word.is_empty() && *word != "api" && *word != "v1");
    words.fold(method.to_owned(), |id, word| format!("{id}_{word}"))
}
