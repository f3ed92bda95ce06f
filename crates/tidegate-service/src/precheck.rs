//! What is looked at before a link is started. Items are independent of each other and run side by side.

use crate::sync::SyncPlan;
use tidegate_api::{PrecheckItem, PrecheckResult};
use tidegate_model::{Error, Result, Retry};

/// An item's constant part.
struct Item {
    code: &'static str,
    title: &'static str,
    side: &'static str,
}

const CONFIGURATION: Item =
    Item { code: "CONFIGURATION", title: "The configuration can be used", side: "both" };
const SOURCE_CONNECT: Item =
    Item { code: "SOURCE_CONNECT", title: "The source takes the account", side: "source" };
const TARGET_CONNECT: Item =
    Item { code: "TARGET_CONNECT", title: "The target takes the account", side: "target" };
const SOURCE_READY: Item =
    Item { code: "SOURCE_READY", title: "The source's log, version and rights", side: "source" };
const TARGET_READY: Item =
    Item { code: "TARGET_READY", title: "The target's version, rights and state", side: "target" };
const TOPOLOGY: Item = Item {
    code: "TOPOLOGY",
    title: "The two servers and the names in the target fit together",
    side: "both",
};
const OBJECTS: Item = Item { code: "OBJECTS", title: "Something is selected", side: "source" };

/// Runs all items. A configuration that cannot be used is the one item then.
pub(crate) async fn run(plan: Result<SyncPlan>) -> Vec<PrecheckItem> {
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => return vec![judge(&CONFIGURATION, Err(error))],
    };
    let (source_connect, target_connect, source_ready, target_ready, topology, objects) = tokio::join!(
        plan.source().try_login(),
        plan.target().try_login(),
        plan.check_source(),
        plan.check_target(),
        plan.check_topology(),
        plan.check_objects(),
    );
    vec![
        judge(&CONFIGURATION, Ok(())),
        judge(&SOURCE_CONNECT, source_connect),
        judge(&TARGET_CONNECT, target_connect),
        judge(&SOURCE_READY, source_ready),
        judge(&TARGET_READY, target_ready),
        judge(&TOPOLOGY, topology),
        judge(&OBJECTS, objects),
    ]
}

fn judge(item: &Item, outcome: Result<(), Error>) -> PrecheckItem {
    let (result, error) = match outcome {
        Ok(()) => (PrecheckResult::Passed, None),
        // Nobody knows what a server would have said.
        Err(error) if error.retry() == Retry::Auto => (PrecheckResult::Unknown, Some(error)),
        Err(error) => (PrecheckResult::Failed, Some(error)),
    };
    PrecheckItem {
        code: item.code.to_owned(),
        title: item.title.to_owned(),
        side: item.side.to_owned(),
        result,
        detail: error.as_ref().map(|error| error.to_string()),
        remedy: error.as_ref().map(|error| error.remedy().to_owned()),
    }
}
