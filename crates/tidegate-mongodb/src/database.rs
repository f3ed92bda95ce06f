//! All that a deployment is asked beside the run of a link.

use crate::compare::MongoComparable;
use crate::connect::Endpoint;
use crate::fence::MongoFence;
use crate::source::MongoSource;
use crate::target::MongoTarget;
use crate::{before, check, put_off};
use std::any::Any;
use std::sync::Arc;
use tidegate_model::{
    Code, Comparable, Database, Decision, Error, Fence, Finding, FoundConflict, FoundTable, Fut,
    InstanceName, Policy, Position, Raised, Remain, Result, Selection, Source, Target, Written,
};

/// The other end, if it is of this engine.
fn same_engine(other: &dyn Database) -> Result<&Endpoint> {
    let found = (other as &dyn Any).downcast_ref::<Endpoint>();
    found.ok_or_else(|| Error::new(Code::UnsupportedEngine, "source and target are of two engines"))
}

impl Database for Endpoint {
    fn engine(&self) -> &'static str {
        "MongoDB"
    }

    fn has_password(&self) -> bool {
        self.password.is_some()
    }

    fn user(&self) -> String {
        self.user.clone().unwrap_or_default()
    }

    fn account(&self) -> String {
        match &self.user {
            Some(user) => format!("{user}@{self}"),
            None => self.to_string(),
        }
    }

    fn address(&self) -> String {
        // Members of a set are the same in whatever order they are written.
        let mut hosts: Vec<String> =
            self.hosts.iter().map(|(host, port)| format!("{host}:{port}").to_lowercase()).collect();
        hosts.sort();
        hosts.join(",")
    }

    fn identity(&self) -> Fut<'_, String> {
        Box::pin(async {
            let nothing = Selection::default();
            MongoSource::new(self.clone(), nothing, &[]).identity().await
        })
    }

    fn server(&self) -> Fut<'_, String> {
        Box::pin(self.version_text())
    }

    fn tree<'a>(&'a self, database: Option<&'a str>) -> Fut<'a, Vec<FoundTable>> {
        Box::pin(self.find_tables(database))
    }

    fn remains<'a>(&'a self, target_of: &'a [InstanceName]) -> Fut<'a, Vec<Remain>> {
        Box::pin(self.find_remains(target_of))
    }

    fn run_statements<'a>(&'a self, own: &'a [InstanceName], statements: &'a [String]) -> Fut<'a, ()> {
        Box::pin(self.remove(own, statements))
    }

    fn look<'a>(&'a self, target: &'a dyn Database, selection: &'a Selection) -> Fut<'a, Vec<Finding>> {
        Box::pin(async move { Ok(check::look(self, same_engine(target)?, selection).await) })
    }

    /// A change stream's reader needs no number.
    fn written_by_others<'a>(
        &'a self,
        _: u32,
        selection: &'a Selection,
        links: &'a [InstanceName],
        from: Option<&'a Position>,
    ) -> Fut<'a, Written> {
        Box::pin(before::written_by_others(self, selection, links, from))
    }

    fn conflicts<'a>(&'a self, link: &'a InstanceName, settled: bool) -> Fut<'a, Vec<FoundConflict>> {
        Box::pin(self.noted_conflicts(link, settled))
    }

    fn decide_conflicts<'a>(
        &'a self,
        link: &'a InstanceName,
        place: Option<(u64, u32)>,
        decision: Decision,
        by: &'a str,
    ) -> Fut<'a, u64> {
        Box::pin(self.decide(link, place, decision, by))
    }

    fn policy<'a>(&'a self, link: &'a InstanceName) -> Fut<'a, Policy> {
        Box::pin(self.read_policy(link))
    }

    fn put_policy<'a>(&'a self, link: &'a InstanceName, policy: Policy) -> Fut<'a, ()> {
        Box::pin(self.write_policy(link, policy))
    }

    fn check_marks<'a>(&'a self, selection: &'a Selection) -> Fut<'a, ()> {
        Box::pin(async {
            // The server takes no marked writes to them.
            check::refuse_capped(&self.client().await?, selection).await?;
            check::check_marks(self).await
        })
    }

    fn hand_over<'a>(
        &'a self,
        target: &'a dyn Database,
        link: &'a InstanceName,
        selection: &'a Selection,
    ) -> Fut<'a, Raised> {
        Box::pin(async move {
            let (here, there) = (self.client().await?, same_engine(target)?.client().await?);
            put_off::hand_over(&here, &there, link, selection).await
        })
    }

    fn read_rules(&self, selection: &Selection) -> Result<()> {
        check::read_rules(selection)
    }

    fn check_rules<'a>(&'a self, selection: &'a Selection) -> Fut<'a, ()> {
        Box::pin(std::future::ready(check::check_rules(self, selection)))
    }

    fn source(&self, _: u32, selection: &Selection, peers: &[InstanceName]) -> Arc<dyn Source> {
        Arc::new(MongoSource::new(self.clone(), selection.clone(), peers))
    }

    fn target(&self, instance: &InstanceName, selection: &Selection) -> Arc<dyn Target> {
        Arc::new(MongoTarget::new(self.clone(), instance.clone(), selection.clone()))
    }

    fn fence(&self, instance: &InstanceName, selection: &Selection) -> Arc<dyn Fence> {
        Arc::new(MongoFence::new(self.clone(), instance.clone(), selection.clone()))
    }

    fn comparable(&self) -> Arc<dyn Comparable> {
        Arc::new(MongoComparable::new(self.clone()))
    }
}
