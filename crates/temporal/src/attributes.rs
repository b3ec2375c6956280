//! What Temporal's own lists can be searched by: whose goal it is, and where it stands.

use std::collections::HashMap;

use temporalio_client::Connection;
use temporalio_client::tonic::Request;
use temporalio_common::protos::temporal::api::common::v1::{Payload, SearchAttributes};
use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;
use temporalio_common::protos::temporal::api::operatorservice::v1::{
    AddSearchAttributesRequest, ListSearchAttributesRequest,
};

/// Whose goal it is.
pub(crate) const TENANT: &str = "OmnihubTenant";
/// Where it stands.
pub(crate) const STATUS: &str = "OmnihubStatus";

/// Makes sure that the namespace knows the attributes; where it does not and they cannot be added, says how to.
pub(crate) async fn ensure(connection: &Connection, namespace: &str) -> Result<(), String> {
    let mut operator = connection.operator_service();
    let list = Request::new(ListSearchAttributesRequest {
        namespace: namespace.to_owned(),
    });
    let known = operator.list_search_attributes(list).await;
    let known = known.map_err(|status| unknown(namespace, status.message()))?;
    let known = known.into_inner().custom_attributes;
    let missing: HashMap<String, i32> = [TENANT, STATUS]
        .into_iter()
        .filter(|name| !known.contains_key(*name))
        .map(|name| (name.to_owned(), IndexedValueType::Keyword as i32))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let add = Request::new(AddSearchAttributesRequest {
        namespace: namespace.to_owned(),
        search_attributes: missing,
    });
    match operator.add_search_attributes(add).await {
        Ok(_) => Ok(()),
        Err(status) => Err(unknown(namespace, status.message())),
    }
}

fn unknown(namespace: &str, why: &str) -> String {
    format!(
        "goals cannot be searched by tenant and status in Temporal's lists ({why}); add the attributes: temporal \
         operator search-attribute create --namespace {namespace} --name {TENANT} --type Keyword --name {STATUS} \
         --type Keyword"
    )
}

/// The attributes of a goal that begins.
pub(crate) fn of(tenant: &str) -> SearchAttributes {
    let fields = [(TENANT, tenant), (STATUS, "accepted")];
    let fields = fields.map(|(name, value)| (name.to_owned(), keyword(value)));
    SearchAttributes {
        indexed_fields: HashMap::from(fields),
    }
}

/// A keyword as the server indexes it: never encrypted.
fn keyword(value: &str) -> Payload {
    let entry = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    Payload {
        metadata: HashMap::from([entry("encoding", "json/plain"), entry("type", "Keyword")]),
        // Names of tenants and statuses hold nothing that JSON escapes.
        data: format!("\"{value}\"").into_bytes(),
        ..Payload::default()
    }
}
