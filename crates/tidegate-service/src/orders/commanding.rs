//! What leads an instance from one status to another.

use super::refused;
use crate::crash;
use crate::http::{Failure, Service};
use crate::lifecycle::{Decision, Event};
use crate::store::{Moved, Store};
use tidegate_api::{Command, CommandAnswer, Takeover};
use tidegate_model::Result;

/// Asks an instance for something that needs no values.
pub(crate) async fn decide(
    service: &Service,
    by: String,
    id: String,
    command: Command,
    generation: Option<u64>,
) -> Result<CommandAnswer, Failure> {
    answer(service, by, id, command, move |store, id, by| match command {
        Command::Takeover => store.take_over(id, &Takeover { generation, ..Takeover::default() }, by),
        _ => store.decide(id, Event::Command(command), by, None, generation),
    })
    .await
}

/// Decides a command, sees to it that somebody acts on it, and answers what became of it.
pub(crate) async fn answer(
    service: &Service,
    by: String,
    id: String,
    command: Command,
    decide: impl FnOnce(&Store, &str, &str) -> Result<Moved> + Send + 'static,
) -> Result<CommandAnswer, Failure> {
    let supervisor = service.supervisor.clone();
    let moved = service
        .store
        .ask(move |store| {
            let moved = decide(store, &id, &by);
            crash::point("decided");
            // Here, because whoever asked may be gone before the answer is there.
            if let Ok(moved) = &moved {
                supervisor.wake(&moved.instance.id);
            }
            let outcome = match &moved {
                Ok(moved) => match moved.decision {
                    Decision::Move(_) => "accepted".to_owned(),
                    Decision::Already => "already".to_owned(),
                    Decision::Refuse(why) => format!("refused: {why}"),
                },
                Err(error) => error.to_string(),
            };
            store.audit_done(&by, command.name(), &id, &outcome);
            moved
        })
        .await?;
    let found = moved.instance;
    let (status, generation) = (found.state.status, found.generation);
    match moved.decision {
        Decision::Move(_) => Ok(CommandAnswer::Accepted { status, generation }),
        Decision::Already => Ok(CommandAnswer::Already { status, generation }),
        Decision::Refuse(why) => Err(refused(&found, why)),
    }
}
