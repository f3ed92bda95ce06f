//! What a link leaves in a server, and how it is removed.

use crate::connect::{Endpoint, question_setup, quote_text, understand};
use crate::{check, journal};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tidegate_model::{InstanceName, Result};

/// One thing that is left, with the statements that remove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remain {
    pub what: String,
    pub statements: Vec<String>,
}

impl Endpoint {
    /// What the link has left here: of a target its state, of every server the account.
    pub async fn remains(&self, target_of: Option<&InstanceName>) -> Result<Vec<Remain>> {
        let mut conn = self.connect(&question_setup()).await?;
        let mut remains = Vec::new();
        if let Some(instance) = target_of {
            remains.extend(state(&mut conn, instance).await?);
        }
        let account = check::current_account(&mut conn).await?;
        remains.push(Remain {
            what: format!("the account {account} and its rights"),
            statements: vec![format!("DROP USER {account}")],
        });
        Ok(remains)
    }

    /// Runs statements one after the other, up to the first that fails.
    pub async fn run_statements(&self, statements: &[String]) -> Result<()> {
        let mut conn = self.connect(&question_setup()).await?;
        for statement in statements {
            conn.query_drop(statement.as_str()).await.map_err(understand)?;
        }
        Ok(())
    }
}

/// Our schema, or our rows in it if other links have theirs there too.
async fn state(conn: &mut Conn, instance: &InstanceName) -> Result<Option<Remain>> {
    let there: Option<u8> = conn
        .query_first(
            "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'tidegate' AND TABLE_NAME = 'link'",
        )
        .await
        .map_err(understand)?;
    if there.is_none() {
        return Ok(None);
    }
    let name = quote_text(instance.as_str());
    let question = format!("SELECT COUNT(*), SUM(instance = {name}) FROM tidegate.link");
    let (all, own): (u64, Option<u64>) =
        conn.query_first(question).await.map_err(understand)?.unwrap_or_default();
    let own = own.unwrap_or(0);
    if all == own {
        let statements = vec!["DROP DATABASE tidegate".to_owned()];
        return Ok(Some(Remain { what: "the schema tidegate".to_owned(), statements }));
    }
    if own == 0 {
        return Ok(None);
    }
    let tables = ["xa", "ddl", "copy", "checkpoint", "link"];
    let rows = tables.map(|table| format!("DELETE FROM tidegate.{table} WHERE instance = {name}"));
    let tokens = journal::Token::new(instance).drop_statement();
    let what = format!("rows in the schema tidegate, which {} more link(s) use", all - own);
    Ok(Some(Remain { what, statements: rows.into_iter().chain([tokens]).collect() }))
}
