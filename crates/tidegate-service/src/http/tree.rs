//! What a source has to choose from.

use super::auth::Caller;
use super::extract::Body;
use super::{Failure, Service};
use crate::endpoint::{EndpointUrl, Secret, Side};
use crate::objects;
use crate::store::Role;
use axum::Json;
use axum::extract::State;
use tidegate_api::{TreeColumn, TreeRequest, TreeTable};
use tidegate_model::Result;

/// The tables of a server, by name, and which of them a choice selects.
#[utoipa::path(
    post,
    path = "/api/v1/tree",
    request_body = TreeRequest,
    responses((status = 200, description = "The tables", body = Vec<TreeTable>), Failure),
)]
pub(super) async fn tree(
    State(service): State<Service>,
    caller: Caller,
    Body(TreeRequest { endpoint, database, objects }): Body<TreeRequest>,
) -> Result<Json<Vec<TreeTable>>, Failure> {
    caller.need(Role::Operator)?;
    let selection = objects::read(&objects)?;
    let endpoint = EndpointUrl {
        url: endpoint.url,
        password: endpoint.password.map(Secret::new),
        password_in_url: false,
        gate: Some(service.supervisor.gate()),
    };
    let endpoint = endpoint.read(Side::Source)?;
    let found = endpoint.ask(endpoint.tree(database.as_deref())).await?;
    let tables = found.into_iter().map(|table| {
        let (database, name) = (table.name.database, table.name.table);
        let selected = selection.selects(&database, &name);
        let (has_key, columns) = match table.detail {
            Some((has_key, columns)) => (Some(has_key), Some(columns)),
            None => (None, None),
        };
        let column = |(name, data_type)| TreeColumn { name, data_type };
        TreeTable {
            target: selected.then(|| selection.map(&database, &name).to_string()),
            selected,
            database,
            name,
            rows_estimated: table.rows_estimated,
            bytes_estimated: table.bytes_estimated,
            has_key,
            columns: columns.map(|columns| columns.into_iter().map(column).collect()),
        }
    });
    Ok(Json(tables.collect()))
}
