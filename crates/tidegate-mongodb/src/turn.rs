//! Whose turn it is to change definitions. They are changed outside of transactions, so no checkpoint keeps out a run that
//! slept while another has taken over: each command is sent only after a look at whose turn it is, and applies to the
//! collection that was looked at before that and to none that came in its place.

use crate::catalog::Collection;
use crate::definitions::server::{self, Refused, number};
use crate::state;
use bson::Document;
use bson::oid::ObjectId;
use mongodb::Client;
use tidegate_model::{Code, Error, InstanceName, Result};

/// Somebody else's turn has come.
pub(crate) fn lost(instance: &InstanceName) -> Error {
    let what = format!("another run of {instance} has taken over: it changes the definitions now");
    Error::new(Code::CheckpointChanged, what)
}

/// The turn of one run, or of one operation beside the runs.
#[derive(Clone)]
pub(crate) struct Turn {
    /// Of the deployment that the link writes to.
    pub(crate) client: Client,
    pub(crate) instance: InstanceName,
    /// What the link's state has as long as nobody else's turn has come: one of these, whichever was written.
    pub(crate) tokens: Vec<ObjectId>,
}

impl Turn {
    pub(crate) fn new(client: Client, instance: InstanceName, tokens: Vec<ObjectId>) -> Self {
        Self { client, instance, tokens }
    }

    /// Whoever's it is: for operations beside the runs, which end when a run begins.
    pub(crate) async fn current(client: &Client, instance: &InstanceName) -> Result<Self> {
        let token = state::turn(client, instance).await?;
        Ok(Self::new(client.clone(), instance.clone(), token.into_iter().collect()))
    }

    pub(crate) async fn demand(&self) -> Result<()> {
        let is_ours = match state::turn(&self.client, &self.instance).await? {
            Some(token) => self.tokens.contains(&token),
            None => self.tokens.is_empty(),
        };
        if is_ours { Ok(()) } else { Err(lost(&self.instance)) }
    }

    /// Runs a command that changes definitions in `client`'s deployment, the link's target or its source. `only`: the
    /// collection that it is about, looked at before.
    pub(crate) async fn change(
        &self,
        client: &Client,
        database: &str,
        command: Document,
        only: Option<&Collection>,
    ) -> Result<Document, Refused> {
        self.demand().await?;
        let Some((only, identity)) = only.and_then(|only| Some((only, only.identity()?))) else {
            return server::change(client, database, command).await;
        };
        let mut bound = command.clone();
        bound.insert("collectionUUID", identity);
        match server::change(client, database, bound).await {
            // Before 6.0 commands name collections only.
            Err(refused) if refused.is_about_the_option("collectionUUID") => {
                server::change(client, database, command).await
            }
            Err(refused) if refused.number == number::COLLECTION_UUID_MISMATCH => {
                self.demand().await?;
                let what = format!("{} was made anew by somebody else at this moment", only.name);
                Err(Refused { error: Error::new(Code::TargetBusy, what), ..refused })
            }
            changed => changed,
        }
    }
}
