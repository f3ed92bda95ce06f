//! What is looked at before a link is started: the adapter's findings, and what only the service knows.

use crate::sync::SyncPlan;
use std::collections::BTreeMap;
use std::time::Duration;
use tidegate_api::{Kind, PrecheckItem, PrecheckResult};
use tidegate_model::{Code, Error, Finding, FindingSide, Result, Retry};

/// Items that only a link with a copy needs.
const OF_A_COPY: [&str; 3] = ["TARGET_OBJECTS", "TARGET_TRIGGERS", "LOCAL_INFILE"];
const WITHIN: Duration = Duration::from_secs(60);

/// Looks at everything, side by side. A configuration that cannot be used is the one item then.
/// Items in `skips` are passed over for the reason given, unless they block.
pub(crate) async fn run(
    kind: Kind,
    plan: Result<SyncPlan>,
    skips: &BTreeMap<String, String>,
) -> Vec<PrecheckItem> {
    let mut items = look(kind, plan).await;
    for item in items.iter_mut().filter(|item| item.result == PrecheckResult::Warning) {
        if let Some(reason) = skips.get(&item.code) {
            item.result = PrecheckResult::Skipped;
            item.detail =
                Some(format!("{}; passed over: {reason}", item.detail.as_deref().unwrap_or_default()));
        }
    }
    items
}

async fn look(kind: Kind, plan: Result<SyncPlan>) -> Vec<PrecheckItem> {
    let ours = |item, title, outcome| Finding { item, title, side: FindingSide::Both, blocks: true, outcome };
    let configuration = |outcome| ours("CONFIGURATION", "The configuration can be used", outcome);
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => return vec![judge(configuration(Err(error)))],
    };
    let looked = async {
        let (mut findings, topology) = tokio::join!(plan.look(), plan.check_topology());
        if kind == Kind::Reverse {
            // What it would write to is full of rows, and is meant to be.
            findings.retain(|finding| !OF_A_COPY.contains(&finding.item));
            findings.extend(plan.look_at_way_back().await);
        }
        (findings, topology)
    };
    let Ok((findings, topology)) = tokio::time::timeout(WITHIN, looked).await else {
        let what = format!("a server took the connection and did not answer for {} s", WITHIN.as_secs());
        let silent = ours("ANSWERS", "Both servers answer in time", Err(Error::new(Code::Silent, what)));
        return vec![judge(configuration(Ok(()))), judge(silent)];
    };
    let topology = ours("TOPOLOGY", "The two servers and the names in the target fit together", topology);
    let title = "The change log has room to grow";
    let room = Finding { blocks: false, ..ours("LOG_DISK", title, log_disk(&plan)) };
    [configuration(Ok(()))].into_iter().chain(findings).chain([topology, room]).map(judge).collect()
}

/// A full disk stops the link; its own limit only lets the source's log wait.
fn log_disk(plan: &SyncPlan) -> Result<()> {
    let near = plan.folder().ancestors().find(|folder| folder.exists());
    let near = near.ok_or_else(|| Error::new(Code::BadSetting, "the change log's folder has no disk"))?;
    let disk = rustix::fs::statvfs(near).map_err(|error| {
        Error::new(Code::BadSetting, format!("{}: the disk's room cannot be asked: {error}", near.display()))
    })?;
    let (free, limit) = (disk.f_bavail.saturating_mul(disk.f_frsize), plan.log_bytes_max());
    if free >= limit {
        return Ok(());
    }
    let (free, limit) = (free >> 20, limit >> 20);
    let what = format!("the change log may grow to {limit} MiB, and its disk has {free} MiB left");
    let remedy = format!("make room in {}, or give the log a limit below that (--log-limit)", near.display());
    Err(Error::new(Code::ChangeLogFull, what).with_remedy(remedy))
}

fn judge(finding: Finding) -> PrecheckItem {
    let error = finding.outcome.err();
    let result = match &error {
        None => PrecheckResult::Passed,
        // Nobody knows what a server would have said.
        Some(error) if error.retry() == Retry::Auto => PrecheckResult::Unknown,
        Some(_) if finding.blocks => PrecheckResult::Failed,
        Some(_) => PrecheckResult::Warning,
    };
    let side = match finding.side {
        FindingSide::Source => "source",
        FindingSide::Target => "target",
        FindingSide::Both => "both",
    };
    PrecheckItem {
        code: finding.item.to_owned(),
        title: finding.title.to_owned(),
        side: side.to_owned(),
        result,
        blocks: finding.blocks,
        detail: error.as_ref().map(|error| error.message().to_owned()),
        remedy: error.as_ref().map(|error| error.remedy().to_owned()),
    }
}
