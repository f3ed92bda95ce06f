//! What a link leaves in a server, and how it is removed.

use crate::connect::{Endpoint, question_setup, quote_text, understand};
use crate::{check, fence, journal};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tidegate_model::{Code, Error, InstanceName, Remain, Result};

const DROP_SCHEMA: &str = "DROP DATABASE tidegate";

impl Endpoint {
    /// What the links have left here: of a target their state, of every server the account. For a source, name none.
    pub(crate) async fn find_remains(&self, target_of: &[InstanceName]) -> Result<Vec<Remain>> {
        let mut conn = self.connect(&question_setup()).await?;
        let mut remains = Vec::new();
        if !target_of.is_empty() {
            for link in target_of {
                let what = "applications are kept out".to_owned();
                let statements = fence::removal(&mut conn, link).await?;
                remains.extend((!statements.is_empty()).then_some(Remain { what, statements }));
            }
            remains.extend(state(&mut conn, target_of).await?);
        }
        remains.push(account(&mut conn).await?);
        Ok(remains)
    }

    /// Runs statements one after the other, up to the first that fails. Our schema stays if another link than `own` has
    /// come into it meanwhile.
    pub(crate) async fn remove(&self, own: &[InstanceName], statements: &[String]) -> Result<()> {
        let mut conn = self.connect(&question_setup()).await?;
        for statement in statements {
            if statement == DROP_SCHEMA {
                refuse_if_needed(&mut conn, own).await?;
            }
            conn.query_drop(statement.as_str()).await.map_err(understand)?;
        }
        Ok(())
    }
}

/// The account that we are logged in with. One that can give rights to others is a person's, and not ours to drop.
async fn account(conn: &mut Conn) -> Result<Remain> {
    let account = check::current_account(conn).await?;
    let grants: Vec<String> = conn.query("SHOW GRANTS").await.map_err(understand)?;
    if grants.iter().any(|grant| grant.contains(" ON *.* ") && grant.contains("WITH GRANT OPTION")) {
        let what =
            format!("the account {account} administers this server, so it stays; give a link one of its own");
        return Ok(Remain { what, statements: Vec::new() });
    }
    let statements = vec![format!("DROP USER {account}")];
    Ok(Remain { what: format!("the account {account} and its rights"), statements })
}

async fn refuse_if_needed(conn: &mut Conn, own: &[InstanceName]) -> Result<()> {
    let question =
        format!("SELECT instance FROM tidegate.link WHERE instance NOT IN ({}) LIMIT 1", listed(own));
    let other: Option<String> = conn.query_first(question).await.map_err(understand)?;
    match other {
        None => Ok(()),
        Some(other) => {
            Err(Error::new(Code::NotAllowed, format!("the link {other} uses the schema tidegate")))
        }
    }
}

/// Our schema, or our rows in it if other links have theirs there too.
async fn state(conn: &mut Conn, own: &[InstanceName]) -> Result<Option<Remain>> {
    let there: Option<u8> = conn
        .query_first(
            "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'tidegate' AND TABLE_NAME = 'link'",
        )
        .await
        .map_err(understand)?;
    if there.is_none() {
        return Ok(None);
    }
    let names = listed(own);
    let tokens = own.iter().map(|name| journal::Token::new(name).drop_statement());
    let question = format!("SELECT COUNT(*), SUM(instance IN ({names})) FROM tidegate.link");
    let (all, own): (u64, Option<u64>) =
        conn.query_first(question).await.map_err(understand)?.unwrap_or_default();
    let own = own.unwrap_or(0);
    if all == own {
        let statements = vec![DROP_SCHEMA.to_owned()];
        return Ok(Some(Remain { what: "the schema tidegate".to_owned(), statements }));
    }
    if own == 0 {
        return Ok(None);
    }
    let tables = ["xa", "ddl", "kept", "copy", "checkpoint", "permit", "fence", "policy", "conflict", "link"];
    let rows = tables.map(|table| format!("DELETE FROM tidegate.{table} WHERE instance IN ({names})"));
    let what = format!("rows in the schema tidegate, which {} more link(s) use", all - own);
    Ok(Some(Remain { what, statements: rows.into_iter().chain(tokens).collect() }))
}

fn listed(names: &[InstanceName]) -> String {
    names.iter().map(|name| quote_text(name.as_str())).collect::<Vec<_>>().join(", ")
}
