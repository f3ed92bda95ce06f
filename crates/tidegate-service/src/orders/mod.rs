//! What is asked of the service. Whichever edge it comes through, it is decided here: `http` and `rpc` only read requests
//! and write answers.

pub(crate) mod changing;
pub(crate) mod commanding;
pub(crate) mod connecting;
pub(crate) mod making;
pub(crate) mod prechecking;
pub(crate) mod reversing;

use crate::http::{Failure, Service};
use crate::lifecycle::allowed;
use crate::store::{Found, Store};
use tidegate_model::{Code, Error, Result};

/// Calls the store and writes down who asked for what, and what became of it.
pub(crate) async fn audited<T: Send + 'static>(
    service: &Service,
    by: String,
    action: &'static str,
    object: String,
    call: impl FnOnce(&Store, &str) -> Result<T> + Send + 'static,
) -> Result<T> {
    service
        .store
        .ask(move |store| {
            let done = call(store, &by);
            let outcome = done.as_ref().err().map_or("accepted".to_owned(), ToString::to_string);
            store.audit_done(&by, action, &object, &outcome);
            done
        })
        .await
}

/// What the instance does not allow now, and what it does.
pub(crate) fn refused(found: &Found, why: &str) -> Failure {
    let instead = allowed(found.spec.kind, found.state);
    let names: Vec<&str> = instead.iter().map(|command| command.name()).collect();
    let what = format!("{} is {}: {why}", found.spec.name, found.state.status.title());
    let remedy = match names.as_slice() {
        [] => "nothing is left to be done with it".to_owned(),
        names => format!("allowed now: {}", names.join(", ")),
    };
    Failure::instead(Error::new(Code::NotAllowed, what).with_remedy(remedy), instead)
}

pub(crate) async fn find(service: &Service, id: String) -> Result<Found> {
    service.store.ask(move |store| store.find(&id)).await
}
