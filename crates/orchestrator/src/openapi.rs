//! The contract as OpenAPI 3.1, made of the routes' own descriptions; the committed `openapi.json` is compared with it.

use api::problem::Problem;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::routes::{
    approvals, audit, emergency, events, goals, health, openapi, plans, playbooks, steps, tools,
};

/// What all routes are described by.
#[derive(OpenApi)]
#[openapi(
    info(title = "OmniHub", description = "Goals in plain words, carried out durably, with proof.", license(name = "Apache-2.0")),
    paths(
        goals::submit, goals::list, goals::show, goals::cancel, goals::pause, goals::resume, goals::retry,
        events::list, steps::settle,
        approvals::list, approvals::show, approvals::decide,
        tools::list, playbooks::list, plans::check,
        audit::list, audit::show, audit::export,
        emergency::list, emergency::set,
        health::health, health::live, health::ready, health::metrics, openapi::document,
    ),
    components(schemas(Problem, api::plans::PlanCheck)),
    modifiers(&Common),
    security(("bearer" = [])),
)]
struct Contract;

/// What every operation has: the bearer token, and problems for whatever goes wrong.
struct Common;

impl Modify for Common {
    fn modify(&self, contract: &mut utoipa::openapi::OpenApi) {
        let components = contract.components.get_or_insert_default();
        components.add_security_scheme(
            "bearer",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        );
        for path in contract.paths.paths.values_mut() {
            let operations = [&mut path.get, &mut path.post, &mut path.put];
            for operation in operations.into_iter().flatten() {
                operation
                    .responses
                    .responses
                    .insert("default".to_owned(), problem());
            }
        }
    }
}

fn problem() -> RefOr<utoipa::openapi::Response> {
    let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
    let response = ResponseBuilder::new().description("What went wrong (RFC 9457)");
    RefOr::T(response.content(api::problem::MEDIA_TYPE, content).build())
}

/// The contract; as pretty JSON with a newline at its end it is `openapi.json`.
pub fn document() -> utoipa::openapi::OpenApi {
    Contract::openapi()
}
