//! Full comparisons of an instance's two sides, asked for by people. One at a time for each instance; what came out of
//! the last is kept until the service ends.

use super::{Supervisor, problem};
use crate::store::Found;
use crate::verify::{Difference, Kind, Progress, Report, TableReport, VerifyPlan, VerifyRequest};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tidegate_api::{Status, TableDifference, Verification, VerificationState, VerifiedTable};
use tidegate_model::{Code, Error, Result};
use tokio::sync::Semaphore;

/// So many run at a time; more wait for their turn.
const AT_ONCE: usize = 2;

pub(super) struct Verifications {
    of: Mutex<HashMap<String, Verification>>,
    turns: Semaphore,
}

impl Default for Verifications {
    fn default() -> Self {
        Self { of: Mutex::default(), turns: Semaphore::new(AT_ONCE) }
    }
}

impl Verifications {
    /// Nothing is remembered of an instance that is gone.
    pub(super) fn forget(&self, id: &str) {
        self.of.lock().expect("no holder panics").remove(id);
    }

    /// Changes the one that there is: whoever was released meanwhile has none.
    fn change(&self, id: &str, change: impl FnOnce(&mut Verification)) {
        if let Some(now) = self.of.lock().expect("no holder panics").get_mut(id) {
            change(now);
        }
    }
}

impl Supervisor {
    /// The last comparison, or the one that is under way.
    pub(crate) fn verification(&self, id: &str) -> Verification {
        self.verifications.of.lock().expect("no holder panics").get(id).cloned().unwrap_or_default()
    }

    /// Begins one.
    pub(crate) fn verify(self: &Arc<Self>, found: &Found) -> Result<Verification> {
        if matches!(found.state.status, Status::NotConfigured | Status::Releasing | Status::Released) {
            let what = format!("{} is {}", found.spec.name, found.state.status.title());
            return Err(Error::new(Code::NotAllowed, what).with_remedy(
                "what is compared are the databases of an instance that is configured and not released",
            ));
        }
        let plan = self.verify_plan(found)?;
        let begun = Verification {
            state: VerificationState::Running,
            started_at: Some(jiff::Timestamp::now().to_string()),
            ..Verification::default()
        };
        {
            let mut of = self.verifications.of.lock().expect("no holder panics");
            let now = of.entry(found.id.clone()).or_default();
            if now.state == VerificationState::Running {
                let what = format!("{} is being compared already", found.spec.name);
                return Err(Error::new(Code::NotAllowed, what).with_remedy("wait for that to end"));
            }
            now.clone_from(&begun);
        }
        let (supervisor, id) = (self.clone(), found.id.clone());
        self.tasks.spawn(async move {
            let stopped = supervisor.stopped();
            let progress = |progress: Progress| {
                supervisor.verifications.change(&id, |now| take_in(now, progress));
            };
            let run = async {
                let _turn = supervisor.verifications.turns.acquire().await;
                plan.run(&progress).await
            };
            let report = tokio::select! {
                report = run => report,
                () = stopped.cancelled() => Err(Error::new(Code::Silent, "the service ended")),
            };
            supervisor.verifications.change(&id, |now| end(now, report));
        });
        Ok(begun)
    }

    fn verify_plan(&self, found: &Found) -> Result<VerifyPlan> {
        let [source, target] = self.ends(found)?;
        let objects = found.spec.objects.clone();
        VerifyRequest { source, target, objects, tables_parallel: None, recheck_for: None }.resolve()
    }
}

fn take_in(now: &mut Verification, progress: Progress) {
    now.rows_compared = progress.rows;
    now.rows_estimated = progress.rows_estimated;
    now.tables_done = progress.tables_done;
    now.tables_total = progress.tables;
}

fn end(now: &mut Verification, report: Result<Report>) {
    now.ended_at = Some(jiff::Timestamp::now().to_string());
    match report {
        Ok(report) => {
            now.state = VerificationState::Done;
            now.identical = Some(report.identical);
            now.rows_compared = report.tables.iter().map(|table| table.rows_source).sum();
            now.tables_total = report.tables.len() as u64;
            now.tables_done = now.tables_total;
            let definitions = report.definitions.into_iter();
            now.definitions = definitions.map(|(table, what)| format!("{table}: {what}")).collect();
            now.tables = report.tables.into_iter().map(table).collect();
        }
        Err(error) => {
            now.state = VerificationState::Failed;
            now.problem = Some(problem(&error));
        }
    }
}

fn table(report: TableReport) -> VerifiedTable {
    VerifiedTable {
        name: report.name.to_string(),
        rows_source: report.rows_source,
        rows_target: report.rows_target,
        difference_count: report.difference_count,
        at_least: report.at_least,
        differences: report.differences.into_iter().map(difference).collect(),
    }
}

fn difference(Difference { key, kind }: Difference) -> TableDifference {
    let (kind, columns) = match kind {
        Kind::Missing => ("missing", Vec::new()),
        Kind::Extra => ("extra", Vec::new()),
        Kind::Different { columns } => ("different", columns),
    };
    TableDifference { key, kind: kind.to_owned(), columns }
}
