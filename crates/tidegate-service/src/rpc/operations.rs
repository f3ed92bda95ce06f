//! Every operation that is answered, and who may ask for it.

use super::answer::Refusal;
use super::asked::Asked;
use super::{
    configure, connection, describe, instances, lifecycle, modify, monitor, precheck, reverse, steps, tags,
};
use crate::store::Role;
use serde_json::Value;
use tidegate_api::Command;

/// What looks only, by how its name begins.
const READS: [&str; 4] = ["Describe", "List", "Summary", "Count"];
/// From earlier versions of the API, which clients of this one use, too.
const OLD: [&str; 2] = ["DeleteSynchronizationJob", "DeleteMigrationJob"];

pub(super) fn is_old(action: &str) -> bool {
    OLD.contains(&action)
}

fn role(action: &str) -> Role {
    match action {
        // It lets the service knock at doors.
        "DescribeConnectionStatus" => Role::Operator,
        _ if only_looks(action) => Role::Viewer,
        _ => Role::Operator,
    }
}

pub(super) fn only_looks(action: &str) -> bool {
    READS.iter().any(|read| action.starts_with(read))
}

pub(super) async fn run(asked: &Asked, action: &str) -> Result<Value, Refusal> {
    asked.may(role(action))?;
    match action {
        "CreateDtsInstance" => instances::create(asked).await,
        "DescribeDtsInstances" => instances::list(asked).await,
        "DescribeDtsInstanceDetail" => instances::detail(asked).await,
        "ConfigureDtsJob" => Box::pin(configure::configure(asked)).await,
        "StartDtsJob" => lifecycle::start(asked).await,
        "SuspendDtsJob" => lifecycle::command(asked, Command::Pause).await,
        "StopDtsJob" => lifecycle::command(asked, Command::Terminate).await,
        "ResetDtsJob" => lifecycle::reset(asked).await,
        "DeleteDtsJob" => lifecycle::delete(asked).await,
        "StartDtsJobs" | "SuspendDtsJobs" | "StopDtsJobs" | "DeleteDtsJobs" => {
            lifecycle::several(asked, action).await
        }
        "DeleteSynchronizationJob" => lifecycle::delete_old(asked, "SynchronizationJobId").await,
        "DeleteMigrationJob" => lifecycle::delete_old(asked, "MigrationJobId").await,
        "CreateReverseDtsJob" => Box::pin(reverse::create(asked)).await,
        "StartReverseWriter" => reverse::start_writer(asked).await,
        "ModifyDtsJob" => Box::pin(modify::objects(asked)).await,
        "ModifyDtsJobName" => modify::name(asked).await,
        "ModifyDtsJobPassword" => modify::password(asked).await,
        "ModifyDtsJobEndpoint" => Box::pin(modify::endpoint(asked)).await,
        "ModifyJobStepCheckpoint" => modify::checkpoint(asked).await,
        "DescribeDtsJobs" => describe::list(asked).await,
        "DescribeDtsJobDetail" => describe::detail(asked).await,
        "DescribeDtsJobConfig" => describe::config(asked).await,
        "CountJobByCondition" => describe::count(asked).await,
        "DescribePreCheckStatus" => precheck::status(asked).await,
        "SkipPreCheck" => precheck::skip(asked).await,
        "ShieldPrecheck" => precheck::shield(asked).await,
        "ListJobStep" => steps::list(asked).await,
        "SummaryJobDetail" => steps::summary(asked).await,
        "DescribeDtsServiceLog" => monitor::log(asked).await,
        "DescribeMetricList" => monitor::metrics(asked).await,
        "CreateJobMonitorRule" => monitor::put_rule(asked).await,
        "DescribeJobMonitorRule" => monitor::rules(asked).await,
        "DescribeConnectionStatus" => Box::pin(connection::status(asked)).await,
        "DescribeDTSIP" => connection::addresses(asked),
        "TagResources" => tags::tag(asked).await,
        "UntagResources" => tags::untag(asked).await,
        "ListTagResources" => tags::list(asked).await,
        _ => {
            let why = "Specified api is not found, please check your url and method.";
            Err(Refusal::new(404, "InvalidApi.NotFound", why))
        }
    }
}
