//! A deployment as a target.

use crate::connect::Endpoint;
use crate::definitions::server;
use crate::footprint::Footprints;
use crate::knowledge::Knowledge;
use crate::loader::{CollectionLoader, Places, RowsBefore, is_filled};
use crate::turn::Turn;
use crate::writer::LaneWriter;
use crate::{check, definitions, put_off, source, state};
use bson::doc;
use bson::oid::ObjectId;
use mongodb::Client;
use std::sync::{Arc, Mutex};
use tidegate_model::{
    Code, Definition, Error, FootprintReader, Fut, InstanceName, LinkState, Loader, Permit, Permits, Phase,
    Reselection, Result, Selection, Table, TableName, Target, Writer,
};

/// A deployment that is written.
pub struct MongoTarget {
    endpoint: Endpoint,
    instance: InstanceName,
    selection: Selection,
    knowledge: Arc<Knowledge>,
    places: Places,
    /// What the link's state has in its turn: one of these, whichever was written.
    turns: Mutex<Vec<ObjectId>>,
}

impl MongoTarget {
    pub fn new(endpoint: Endpoint, instance: InstanceName, selection: Selection) -> Self {
        let knowledge = Arc::new(Knowledge::new(selection.clone(), instance.clone()));
        Self { endpoint, instance, selection, knowledge, places: Places::default(), turns: Mutex::default() }
    }

    /// What is to be in the link's state from now on, for it to be this one's turn.
    fn new_turn(&self) -> ObjectId {
        let turn = ObjectId::new();
        self.turns.lock().expect("no holder panics").push(turn);
        turn
    }

    /// Whoever has neither begun the link nor taken it over works beside its runs.
    async fn turn(&self, client: &Client) -> Result<Turn> {
        let turns = self.turns.lock().expect("no holder panics").clone();
        if turns.is_empty() {
            return Turn::current(client, &self.instance).await;
        }
        Ok(Turn::new(client.clone(), self.instance.clone(), turns))
    }

    async fn open_loader(&self, table: &Table) -> Result<CollectionLoader> {
        let name = self.selection.map(&table.name.database, &table.name.table);
        let known = self.knowledge.current();
        let missing = || Error::new(Code::MissingTable, format!("{name} is not in the target"));
        let target = known.collections.get(&name).cloned().ok_or_else(missing)?;
        let rows_before = match self.selection.keeps_rows() {
            true if known.kept.contains(&table.name) => RowsBefore::Kept,
            true => RowsBefore::MayBe,
            false => RowsBefore::None,
        };
        let client = self.endpoint.client().await?;
        CollectionLoader::open(&client, &self.instance, table.name.clone(), target, rows_before, &self.places)
            .await
    }

    async fn end_earlier(&self) -> Result<()> {
        let client = self.endpoint.client().await?;
        // It never came as far as to have a state.
        if state::selection(&client, &self.instance).await?.is_none() {
            return Ok(());
        }
        match state::take_over(&client, &self.instance, self.new_turn()).await {
            // Without the right to write nothing of it is committed.
            Err(error) if error.code() == Code::NotItsTurn => Ok(()),
            settled => settled.map(|_| ()),
        }
    }

    /// The selection that the link was begun with, if it is another than now: under that, other collections bear the names.
    async fn other_selection(&self, client: &Client) -> Result<Option<String>> {
        let begun_with = state::selection(client, &self.instance).await?;
        Ok(begun_with.filter(|begun_with| *begun_with != self.selection.fingerprint()))
    }

    /// An earlier run was forgetting the link and was killed at it.
    async fn end_reset(&self, client: &Client) -> Result<()> {
        if let Some(begun_with) = self.other_selection(client).await? {
            let now = self.selection.fingerprint();
            let what = format!(
                "it was begun with {begun_with}, now it is {now}, and its collections are being dropped"
            );
            let remedy = "run once more with the selection and the renames that it had";
            return Err(Error::new(Code::SelectionChanged, what).with_remedy(remedy));
        }
        self.start_over(client).await
    }

    /// Drops what this link made and copied, then forgets the link: in this order, so that it can be repeated.
    /// Nothing is dropped under another selection.
    async fn start_over(&self, client: &Client) -> Result<()> {
        if self.other_selection(client).await?.is_some() {
            return state::forget(client, &self.instance, &[]).await;
        }
        let before = self.turns.lock().expect("no holder panics").clone();
        state::begin_reset(client, &self.instance, &before, self.new_turn()).await?;
        let turn = self.turn(client).await?;
        let kept = state::kept_tables(client, &self.instance).await?;
        for progress in state::read_copied(client, &self.instance).await? {
            let name = self.selection.map(&progress.table.database, &progress.table.table);
            // Documents in a collection whose copy was not begun are somebody else's.
            if kept.contains(&progress.table) || !progress.is_begun() && is_filled(client, &name).await? {
                continue;
            }
            drop_collection(client, &turn, &name).await?;
        }
        state::forget(client, &self.instance, &turn.tokens).await
    }
}

async fn drop_collection(client: &Client, turn: &Turn, name: &TableName) -> Result<()> {
    let found = server::existing(client, std::slice::from_ref(name)).await?;
    let Some(found) = found.get(name) else { return Ok(()) };
    let command = doc! { "drop": name.table.as_str() };
    match turn.change(client, &name.database, command, Some(found)).await.map_err(Error::from) {
        Err(error) if error.code() == Code::MissingTable => Ok(()),
        dropped => dropped.map(|_| ()).map_err(|error| error.context(name)),
    }
}

impl Permits for MongoTarget {
    fn permit(&self) -> Fut<'_, Option<Permit>> {
        Box::pin(async { state::permit::read(&self.endpoint.client().await?, &self.instance).await })
    }

    fn change_permit(&self, before: Option<Permit>, held: bool) -> Fut<'_, Permit> {
        Box::pin(async move {
            let client = self.endpoint.client().await?;
            state::prepare(&client).await?;
            state::permit::change(&client, &self.instance, before, held).await
        })
    }
}

impl Target for MongoTarget {
    fn check(&self) -> Fut<'_, ()> {
        Box::pin(async {
            let client = self.endpoint.client().await?;
            check::check_target(&client, &self.endpoint, &self.selection).await
        })
    }

    fn identity(&self) -> Fut<'_, String> {
        Box::pin(async { source::deployment_id(&self.endpoint.client().await?).await })
    }

    fn prepare(&self) -> Fut<'_, ()> {
        Box::pin(async {
            let client = self.endpoint.client().await?;
            state::prepare(&client).await?;
            if state::is_resetting(&client, &self.instance).await? {
                self.end_reset(&client).await?;
            }
            Ok(())
        })
    }

    fn state(&self) -> Fut<'_, Option<LinkState>> {
        Box::pin(async { state::read(&self.endpoint.client().await?, &self.instance).await })
    }

    fn take_over(&self) -> Fut<'_, Option<LinkState>> {
        Box::pin(async {
            state::take_over(&self.endpoint.client().await?, &self.instance, self.new_turn()).await
        })
    }

    fn end_earlier_run(&self) -> Fut<'_, ()> {
        Box::pin(self.end_earlier())
    }

    fn begin<'a>(&'a self, state: &'a LinkState) -> Fut<'a, ()> {
        Box::pin(async {
            state::begin(&self.endpoint.client().await?, &self.instance, state, self.new_turn()).await
        })
    }

    fn reselect<'a>(&'a self, change: Reselection<'a>) -> Fut<'a, ()> {
        Box::pin(async move {
            let before = self.selection.fingerprint();
            state::reselect(&self.endpoint.client().await?, &self.instance, &before, change).await
        })
    }

    fn enter<'a>(&'a self, phase: Phase) -> Fut<'a, ()> {
        Box::pin(async move { state::enter(&self.endpoint.client().await?, &self.instance, phase).await })
    }

    fn reset(&self) -> Fut<'_, ()> {
        Box::pin(async { self.start_over(&self.endpoint.client().await?).await })
    }

    fn define<'a>(&'a self, definitions: &'a [Definition], selection: &'a Selection) -> Fut<'a, Vec<String>> {
        Box::pin(async move {
            let turn = self.turn(&self.endpoint.client().await?).await?;
            definitions::make(&turn, definitions, selection).await
        })
    }

    fn settle(&self) -> Fut<'_, ()> {
        Box::pin(async {
            let client = self.endpoint.client().await?;
            put_off::settle(&self.turn(&client).await?).await?;
            self.knowledge.end_overlap(&client).await
        })
    }

    fn learn<'a>(&'a self, _selection: &'a Selection) -> Fut<'a, ()> {
        Box::pin(async { self.knowledge.begin_overlap(&self.endpoint.client().await?).await })
    }

    fn loader<'a>(&'a self, table: &'a Table, _selection: &'a Selection) -> Fut<'a, Box<dyn Loader>> {
        Box::pin(async { Ok(Box::new(self.open_loader(table).await?) as Box<dyn Loader>) })
    }

    fn writer(&self, lane: u16) -> Fut<'_, Box<dyn Writer>> {
        Box::pin(async move {
            let turn = self.turn(&self.endpoint.client().await?).await?;
            let writer = LaneWriter::open(turn, lane, self.knowledge.clone()).await?;
            Ok(Box::new(writer) as Box<dyn Writer>)
        })
    }

    fn footprints(&self) -> Box<dyn FootprintReader> {
        Box::new(Footprints::new(self.knowledge.clone()))
    }
}
