//! The right to write, of a link that is one of a pair.

use super::{find, id_of, insert_command, integer, move_versions, unsigned, update_command};
use crate::session::{self, WriteSession};
use bson::doc;
use bson::oid::ObjectId;
use mongodb::Client;
use tidegate_model::{Code, Error, InstanceName, Permit, Result};

pub(crate) async fn read(client: &Client, instance: &InstanceName) -> Result<Option<Permit>> {
    let found = find(client, "permit", doc! { "_id": id_of(instance) }).await?.pop();
    Ok(found.map(|found| Permit {
        held: found.get_bool("held").unwrap_or_default(),
        epoch: unsigned(&found, "epoch"),
    }))
}

/// Changes the permit, and with it every version: whoever has the right after this begins with taking over.
pub(crate) async fn change(
    client: &Client,
    instance: &InstanceName,
    before: Option<Permit>,
    held: bool,
) -> Result<Permit> {
    let after = Permit { held, epoch: before.map_or(0, |permit| permit.epoch) + 1 };
    // Who writes already goes on: it had the right before there was a permit.
    let moves = before.is_some() || !held;
    if moves {
        session::end_earlier(client, instance).await?;
    }
    let mut session = WriteSession::open(client, instance, "permit".to_owned()).await?;
    session.begin().await?;
    let is_changed = match before {
        None => {
            let is_there = !session.find_control("permit", doc! { "_id": id_of(instance) }).await?.is_empty();
            let fresh = doc! { "_id": id_of(instance), "held": held, "epoch": after.epoch as i64 };
            !is_there && session.control(&insert_command("permit", fresh)).await? == 1
        }
        Some(before) => {
            let filter = doc! { "_id": id_of(instance), "epoch": before.epoch as i64 };
            let change = doc! { "$set": { "held": held, "epoch": after.epoch as i64 } };
            session.control(&update_command("permit", filter, change, false)).await? == 1
        }
    };
    if !is_changed {
        session.abort().await;
        let what = format!("somebody else has changed who may write for {instance} at this moment");
        return Err(Error::new(Code::GenerationChanged, what));
    }
    if moves {
        // Nobody's, until somebody takes over.
        move_versions(&mut session, instance, ObjectId::new()).await?;
    }
    session.commit().await.map(|()| after)
}

/// Refuses a link that has a permit and does not hold it. The permit is written to, so that none changes it meanwhile.
pub(super) async fn demand(session: &mut WriteSession, instance: &InstanceName) -> Result<()> {
    let filter = doc! { "_id": id_of(instance), "held": true };
    let touched = update_command("permit", filter, doc! { "$inc": { "asked": 1_i64 } }, false);
    if session.control(&touched).await? == 1 {
        return Ok(());
    }
    let found = session.find_control("permit", doc! { "_id": id_of(instance) }).await?;
    if found.first().is_some_and(|found| integer(found, "epoch") > 0) {
        session.abort().await;
        return Err(refused(instance));
    }
    Ok(())
}

fn refused(instance: &InstanceName) -> Error {
    Error::new(
        Code::NotItsTurn,
        format!("the target says that {instance} may not write: the other direction may"),
    )
}
