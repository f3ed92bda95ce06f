//! What the account may do, read from SHOW GRANTS.

use super::current_account;
use crate::connect::{Server, quote, understand};
use crate::definitions::words;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::collections::{BTreeMap, BTreeSet};
use tidegate_model::{Code, Error, Result, TableName};

/// Where a right is needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Server,
    Database(String),
    Table(TableName),
}

impl Scope {
    /// As a GRANT names it.
    fn sql(&self) -> String {
        match self {
            Self::Server => "*.*".to_owned(),
            Self::Database(database) => format!("{}.*", quote(database)),
            Self::Table(name) => format!("{}.{}", quote(&name.database), quote(&name.table)),
        }
    }

    fn database(&self) -> Option<&str> {
        match self {
            Self::Server => None,
            Self::Database(database) => Some(database),
            Self::Table(name) => Some(&name.database),
        }
    }
}

/// One line of SHOW GRANTS.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    revoked: bool,
    scope: Scope,
    rights: BTreeSet<String>,
}

pub(crate) struct Grants {
    account: String,
    lines: Vec<Line>,
}

impl Grants {
    pub(crate) async fn read(conn: &mut Conn, server: Server) -> Result<Self> {
        let account = current_account(conn).await?;
        let mut texts: Vec<String> = Vec::new();
        if server.is_mysql_from((8, 0, 0)) {
            let roles: Option<Option<String>> =
                conn.query_first("SELECT CURRENT_ROLE()").await.map_err(understand)?;
            let roles = roles.flatten().filter(|roles| roles != "NONE");
            let using = roles.map(|roles| format!(" FOR CURRENT_USER() USING {roles}")).unwrap_or_default();
            texts.extend(conn.query::<String, _>(format!("SHOW GRANTS{using}")).await.map_err(understand)?);
        } else {
            texts.extend(conn.query::<String, _>("SHOW GRANTS").await.map_err(understand)?);
        }
        if server.mariadb {
            let role: Option<Option<String>> =
                conn.query_first("SELECT CURRENT_ROLE()").await.map_err(understand)?;
            // Rights for everybody exist from 10.11 on.
            let others = role.flatten().map(|role| quote(&role)).into_iter().chain(["PUBLIC".to_owned()]);
            for other in others {
                texts.extend(
                    conn.query::<String, _>(format!("SHOW GRANTS FOR {other}")).await.unwrap_or_default(),
                );
            }
        }
        Ok(Self { account, lines: texts.iter().filter_map(|text| parse(text)).collect() })
    }

    pub(crate) fn has(&self, right: &str, scope: &Scope) -> bool {
        let holds = |line: &&Line| {
            let all = line.rights.contains("ALL PRIVILEGES") || line.rights.contains("ALL");
            line.rights.contains(right) || all
        };
        let revoked = |database: &str| {
            let lines = self.lines.iter().filter(|line| line.revoked);
            lines.filter(holds).any(|line| line.scope.database() == Some(database))
        };
        self.lines.iter().filter(|line| !line.revoked).filter(holds).any(|line| {
            match (&line.scope, scope.database()) {
                (Scope::Server, None) => true,
                (Scope::Server, Some(database)) => !revoked(database),
                (Scope::Database(pattern), Some(database)) => like(pattern, database),
                (Scope::Table(_), _) => line.scope == *scope,
                (Scope::Database(_), None) => false,
            }
        })
    }
}

/// The rights that are missing, each once where it is missing.
pub(crate) struct Missing<'a> {
    grants: &'a Grants,
    list: BTreeMap<Scope, Vec<&'static str>>,
}

impl<'a> Missing<'a> {
    pub(crate) fn of(grants: &'a Grants) -> Self {
        Self { grants, list: BTreeMap::new() }
    }

    pub(crate) fn need(&mut self, right: &'static str, scope: &Scope) {
        if !self.grants.has(right, scope) {
            self.lack(right, scope);
        }
    }

    /// Any of the rights will do; `smallest` is the one to ask for.
    pub(crate) fn need_one(&mut self, others: &[(&'static str, Scope)], smallest: (&'static str, Scope)) {
        if !others.iter().any(|(right, scope)| self.grants.has(right, scope)) {
            self.need(smallest.0, &smallest.1);
        }
    }

    /// What was found to be missing by trying.
    pub(crate) fn lack(&mut self, right: &'static str, scope: &Scope) {
        let rights = self.list.entry(scope.clone()).or_default();
        if !rights.contains(&right) {
            rights.push(right);
        }
    }

    /// One error with everything that is missing and the statements that give it.
    pub(crate) fn into_result(self) -> Result<()> {
        if self.list.is_empty() {
            return Ok(());
        }
        let each = |form: &dyn Fn(&Scope, &str) -> String, joint: &str| {
            let texts = self.list.iter().map(|(scope, rights)| form(scope, &rights.join(", ")));
            texts.collect::<Vec<_>>().join(joint)
        };
        let account = &self.grants.account;
        let what = each(&|scope, rights| format!("{rights} on {}", scope.sql()), "; ");
        let remedy = each(&|scope, rights| format!("GRANT {rights} ON {} TO {account}", scope.sql()), "; ");
        Err(Error::new(Code::MissingGrant, format!("the account {account} lacks {what}")).with_remedy(remedy))
    }
}

/// `GRANT a, b ON x.y TO …`; `None` for what is no right on databases (roles, proxies, routines) and for rights on single
/// columns.
fn parse(text: &str) -> Option<Line> {
    let found = words(text);
    let revoked = found.first()?.is("REVOKE");
    let mut rights = BTreeSet::new();
    let mut right: Vec<String> = Vec::new();
    let (mut depth, mut columns) = (0, false);
    let mut at = 1;
    loop {
        let word = found.get(at)?;
        let ends = depth == 0 && (word.is(",") || word.is("ON"));
        if ends && !columns && !right.is_empty() {
            rights.insert(right.join(" "));
        }
        if ends {
            right.clear();
            columns = false;
        } else if word.is("(") {
            (depth, columns) = (depth + 1, true);
        } else if word.is(")") {
            depth -= 1;
        } else if depth == 0 {
            right.push(word.text.to_ascii_uppercase());
        }
        at += 1;
        if ends && word.is("ON") {
            break;
        }
    }
    at += usize::from(found.get(at)?.is("TABLE"));
    let part = |at: usize| found.get(at).map(|word| word.name().unwrap_or_else(|| word.text.to_owned()));
    if !found.get(at + 1)?.is(".") {
        return None;
    }
    let scope = match (part(at)?, part(at + 2)?) {
        (database, table) if database == "*" && table == "*" => Scope::Server,
        (database, table) if table == "*" && !found.get(at + 2)?.is_quoted() => Scope::Database(database),
        (database, table) => Scope::Table(TableName::new(database, table)),
    };
    Some(Line { revoked, scope, rights })
}

/// `%`, `_` and `\` as in the names of databases in grants.
fn like(pattern: &str, name: &str) -> bool {
    fn fits(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], rest) => rest.is_empty(),
            (['%', after @ ..], _) => (0..=name.len()).any(|skip| fits(after, &name[skip..])),
            (['\\', literal, after @ ..], [first, rest @ ..]) => literal == first && fits(after, rest),
            (['_', after @ ..], [_, rest @ ..]) => fits(after, rest),
            ([literal, after @ ..], [first, rest @ ..]) => literal == first && fits(after, rest),
            (_, []) => false,
        }
    }
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // With partial revokes MySQL takes the name as it is written.
    pattern == name || fits(&pattern, &name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(lines: &[&str]) -> Grants {
        Grants { account: "'u'@'%'".to_owned(), lines: lines.iter().filter_map(|line| parse(line)).collect() }
    }

    fn database(name: &str) -> Scope {
        Scope::Database(name.to_owned())
    }

    #[test]
    fn rights_are_found_where_they_are() {
        let some = grants(&[
            "GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*94'",
            "GRANT SELECT, REPLICATION SLAVE,BINLOG_ADMIN ON *.* TO `u`@`%` WITH GRANT OPTION",
            "GRANT ALL PRIVILEGES ON `a\\_b`.* TO `u`@`%`",
            "GRANT INSERT ON `x%`.* TO `u`@`%`",
            "GRANT DELETE (`a`, `b`), UPDATE ON `d`.`t``.*` TO `u`@`%`",
            "GRANT EXECUTE ON PROCEDURE `d`.`p` TO `u`@`%`",
            "GRANT `role`@`%` TO `u`@`%`",
            "GRANT PROXY ON ''@'%' TO 'root'@'localhost'",
            "REVOKE SELECT ON `secret`.* FROM `u`@`%`",
        ]);
        let table = |name: &str| Scope::Table(TableName::new("d", name));
        for (right, scope, expected) in [
            ("SELECT", Scope::Server, true),
            ("REPLICATION SLAVE", Scope::Server, true),
            ("BINLOG_ADMIN", Scope::Server, true),
            ("SELECT", database("any"), true),
            ("SELECT", database("secret"), false),
            ("EVENT", database("a_b"), true),
            ("EVENT", database("axb"), false),
            ("INSERT", database("xyz"), true),
            ("INSERT", Scope::Server, false),
            ("UPDATE", table("t`.*"), true),
            ("DELETE", table("t`.*"), false),
            ("UPDATE", database("d"), false),
            ("EXECUTE", database("d"), false),
        ] {
            assert_eq!(some.has(right, &scope), expected, "{right} on {scope:?}");
        }
    }

    #[test]
    fn what_is_missing_is_said_at_once() {
        let some = grants(&["GRANT SELECT ON `d`.* TO `u`@`%`"]);
        let mut missing = Missing::of(&some);
        for (right, scope) in
            [("SELECT", database("d")), ("EVENT", database("d")), ("TRIGGER", database("d"))]
        {
            missing.need(right, &scope);
        }
        missing.need("REPLICATION SLAVE", &Scope::Server);
        let error = missing.into_result().unwrap_err();
        assert_eq!(
            error.message(),
            "the account 'u'@'%' lacks REPLICATION SLAVE on *.*; EVENT, TRIGGER on `d`.*"
        );
        let remedy = "GRANT REPLICATION SLAVE ON *.* TO 'u'@'%'; GRANT EVENT, TRIGGER ON `d`.* TO 'u'@'%'";
        assert_eq!(error.remedy(), remedy);
        assert!(Missing::of(&some).into_result().is_ok());
    }
}
