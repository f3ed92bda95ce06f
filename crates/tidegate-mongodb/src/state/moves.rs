//! Changes of a link's state that are one transaction over several documents.

use super::copied::{id_of_table, move_copies, parts_of, read_copied_in, table_of, whole_of};
use super::{
    TURN, bytes, delete_command, fields_of, id_of, in_words, insert_command, lane_of, of_instance, permit,
    read, update_all_command, update_command,
};
use crate::session::{self, WriteSession};
use bson::doc;
use bson::oid::ObjectId;
use mongodb::Client;
use tidegate_model::{
    Code, Error, InstanceName, LaneCheckpoint, LinkState, Reselection, Result, Seq, TableName,
};

/// Moves every version on and answers the state after that. What an earlier run has under way is ended; if it is being
/// committed at this moment, this is refused as busy.
pub(crate) async fn take_over(
    client: &Client,
    instance: &InstanceName,
    turn: ObjectId,
) -> Result<Option<LinkState>> {
    session::end_earlier(client, instance).await?;
    let mut session = WriteSession::open(client, instance, "take over".to_owned()).await?;
    session.begin().await?;
    permit::demand(&mut session, instance).await?;
    move_versions(&mut session, instance, turn).await?;
    session.commit().await?;
    read(client, instance).await
}

/// After this, who has written before finds another version than it left, and who has changed definitions another turn.
pub(crate) async fn move_versions(
    session: &mut WriteSession,
    instance: &InstanceName,
    turn: ObjectId,
) -> Result<()> {
    let whose = doc! { "$set": { TURN: turn } };
    session.control(&update_command("link", doc! { "_id": id_of(instance) }, whose, false)).await?;
    let change = doc! { "$inc": { "version": 1_i64 } };
    session.control(&update_all_command("checkpoint", of_instance(instance), change)).await?;
    move_copies(session, instance).await
}

/// Writes the documents of a new link.
pub(crate) async fn begin(
    client: &Client,
    instance: &InstanceName,
    state: &LinkState,
    turn: ObjectId,
) -> Result<()> {
    let (phase, until) = in_words(state.phase);
    let mut session = WriteSession::open(client, instance, "begin".to_owned()).await?;
    session.begin().await?;
    let link = doc! {
        "_id": id_of(instance),
        "phase": phase,
        "until": until,
        "start": state.start.as_str(),
        "source": state.source.as_str(),
        "selection": state.selection.as_str(),
        "resetting": false,
        TURN: turn,
    };
    session.control(&insert_command("link", link)).await?;
    for lane in &state.lanes {
        let mut fields =
            doc! { "_id": { "instance": instance.as_str(), "lane": i32::from(lane.lane) }, "version": 0_i64 };
        let start = LaneCheckpoint { done: Default::default(), ..lane.clone() };
        fields.extend(fields_of(&start));
        session.control(&insert_command("checkpoint", fields)).await?;
    }
    session.commit().await
}

/// Forgets the link, as long as it is one of these turns, where any is given.
pub(crate) async fn forget(client: &Client, instance: &InstanceName, turns: &[ObjectId]) -> Result<()> {
    let mut session = WriteSession::open(client, instance, "forget".to_owned()).await?;
    session.begin().await?;
    if !turns.is_empty() {
        let others = doc! { "_id": id_of(instance), TURN: { "$nin": turns } };
        if !session.find_control("link", others).await?.is_empty() {
            session.abort().await;
            return Err(crate::turn::lost(instance));
        }
    }
    for collection in super::COLLECTIONS {
        session.control(&delete_command(collection, of_instance(instance))).await?;
    }
    session.commit().await
}

/// Gives a link that rests another selection, and what another one has copied.
pub(crate) async fn reselect(
    client: &Client,
    instance: &InstanceName,
    before: &str,
    change: Reselection<'_>,
) -> Result<()> {
    let mut session = WriteSession::open(client, instance, "reselect".to_owned()).await?;
    session.begin().await?;
    match reselect_in(&mut session, instance, before, change).await {
        Ok(()) => session.commit().await,
        Err(error) => {
            session.abort().await;
            Err(error)
        }
    }
}

async fn reselect_in(
    session: &mut WriteSession,
    instance: &InstanceName,
    before: &str,
    change: Reselection<'_>,
) -> Result<()> {
    // Nobody else moves either of them from here on.
    for one in [Some(instance), change.joined].into_iter().flatten() {
        let moved = doc! { "$inc": { "version": 1_i64 } };
        session.control(&update_all_command("checkpoint", of_instance(one), moved)).await?;
    }
    for lane in session.find_control("checkpoint", of_instance(instance)).await? {
        let lane = lane_of(&lane)?;
        if lane.low.seq.max(lane.done.last().unwrap_or(Seq(0))) > change.at.seq {
            let what = "somebody else has applied more than is known here";
            return Err(Error::new(Code::CheckpointChanged, what));
        }
    }
    for copied in read_copied_in(session, instance).await? {
        if !change.selection.selects(&copied.table.database, &copied.table.table) {
            forget_copy(session, instance, &copied.table).await?;
        }
    }
    if let Some(joined) = change.joined {
        join(session, instance, joined).await?;
    }
    let rests = doc! { "$set": {
        "low_seq": change.at.seq.0 as i64,
        "low_position": change.at.position.as_str(),
        "done": bytes(Vec::new()),
    } };
    session.control(&update_all_command("checkpoint", of_instance(instance), rests)).await?;
    let filter = doc! { "_id": id_of(instance), "selection": before };
    let selected = doc! { "$set": { "selection": change.selection.fingerprint() } };
    if session.control(&update_command("link", filter, selected, false)).await? != 1 {
        let what = "somebody else has given the link another selection";
        return Err(Error::new(Code::SelectionChanged, what));
    }
    Ok(())
}

/// What is put off of it stays: its indexes are as they were made, and whoever adds it again records what they become.
async fn forget_copy(session: &mut WriteSession, instance: &InstanceName, table: &TableName) -> Result<()> {
    for collection in ["copy", "kept"] {
        let filter = doc! { "_id": id_of_table(instance, table) };
        session.control(&delete_command(collection, filter)).await?;
    }
    session.control(&delete_command("copy_part", parts_of(instance, table))).await.map(|_| ())
}

/// What `joined` has copied belongs to the instance from now on; `joined` is forgotten. An `_id` cannot be changed.
async fn join(session: &mut WriteSession, instance: &InstanceName, joined: &InstanceName) -> Result<()> {
    for copied in read_copied_in(session, joined).await? {
        session
            .control(&delete_command("copy", doc! { "_id": id_of_table(instance, &copied.table) }))
            .await?;
        session.control(&insert_command("copy", whole_of(instance, &copied))).await?;
    }
    for kept in session.find_control("kept", of_instance(joined)).await? {
        let filter = doc! { "_id": id_of_table(instance, &table_of(&kept)) };
        session.control(&update_command("kept", filter, doc! { "$set": { "kept": true } }, true)).await?;
    }
    for mut put_off in session.find_control("put_off", of_instance(joined)).await? {
        if let Ok(id) = put_off.get_document_mut("_id") {
            id.insert("instance", instance.as_str());
            // It was selected before.
            session.control(&delete_command("put_off", doc! { "_id": id.clone() })).await?;
        }
        session.control(&insert_command("put_off", put_off)).await?;
    }
    for collection in ["copy", "copy_part", "kept", "put_off", "ddl", "checkpoint", "link"] {
        session.control(&delete_command(collection, of_instance(joined))).await?;
    }
    Ok(())
}
