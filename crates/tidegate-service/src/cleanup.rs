//! What is to be removed so that nothing of ours can reach the databases any more.

use crate::endpoint::Endpoint;
use crate::sync::SyncPlan;
use std::net::UdpSocket;
use tidegate_api::{Cleanup, CleanupStep};
use tidegate_model::{Error, InstanceName};

/// Lists what is to be removed. `shared` says of a user whether another instance may need its account.
pub(crate) async fn list(plan: &SyncPlan, shared: &(dyn Fn(&str) -> bool + Sync)) -> Cleanup {
    let mut steps = Vec::new();
    // The target's state first: it takes the account that is dropped after it.
    steps.extend(of_server(plan.target(), &plan.links(), shared).await);
    steps.extend(of_server(plan.source(), &[], shared).await);
    for end in [plan.source(), plan.target()] {
        steps.push(of_network(end));
    }
    Cleanup { steps }
}

/// The same, and carries out what can be carried out in the databases.
pub(crate) async fn apply(plan: &SyncPlan, shared: &(dyn Fn(&str) -> bool + Sync)) -> Cleanup {
    let mut cleanup = list(plan, shared).await;
    for step in cleanup.steps.iter_mut().filter(|step| !step.statements.is_empty()) {
        let end = if step.side == plan.source().side().to_string() { plan.source() } else { plan.target() };
        let done = end.ask(end.run_statements(&plan.links(), &step.statements)).await;
        step.done = Some(done.is_ok());
        step.failed = done.err().map(|error| error.to_string());
    }
    cleanup
}

async fn of_server(
    end: &Endpoint,
    target_of: &[InstanceName],
    shared: &(dyn Fn(&str) -> bool + Sync),
) -> Vec<CleanupStep> {
    let step = |what: String, statements: Vec<String>| CleanupStep {
        side: end.side().to_string(),
        what,
        statements,
        done: None,
        failed: None,
    };
    match end.ask(end.remains(target_of)).await {
        Ok(remains) => {
            let kept = shared(&end.user());
            let is_account = |what: &str| what.starts_with("the account");
            let steps = remains.into_iter().map(|remain| {
                if kept && is_account(&remain.what) {
                    return step(
                        format!("{}: another instance has one of this name, so it stays", remain.what),
                        Vec::new(),
                    );
                }
                step(remain.what, remain.statements)
            });
            steps.collect()
        }
        Err(error) => vec![unasked(end, &error, step)],
    }
}

fn unasked(end: &Endpoint, error: &Error, step: impl Fn(String, Vec<String>) -> CleanupStep) -> CleanupStep {
    let what = format!(
        "{} cannot be asked ({error}): if it is reachable for others, drop the account {} there, and the schema \
         tidegate if it is the target",
        end.address(),
        end.account()
    );
    step(what, Vec::new())
}

fn of_network(end: &Endpoint) -> CleanupStep {
    let address = end.address();
    let from = local_address(&address).map_or_else(String::new, |from| format!(" ({from})"));
    CleanupStep {
        side: end.side().to_string(),
        what: format!(
            "in front of {address}: remove this server's address{from} from allow-lists and firewalls, and allow-list \
             entries and security groups whose names contain dts, DTS or tidegate"
        ),
        statements: Vec::new(),
        done: None,
        failed: None,
    }
}

/// The address from which this machine reaches `address`. Nothing is sent.
fn local_address(address: &str) -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect(address).ok()?;
    socket.local_addr().ok().map(|from| from.ip().to_string())
}
