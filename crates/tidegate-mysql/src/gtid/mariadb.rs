//! MariaDB's position: the last transaction of each replication domain.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::decimal;

/// For each domain the server that wrote its last transaction, and that transaction's sequence number.
/// Within a domain everything before is implied. Text form as in `gtid_slave_pos`: `0-1-100,1-2-7`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MariadbPosition {
    domains: BTreeMap<u32, (u32, u64)>,
}

impl MariadbPosition {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Replaces the domain's entry; a lower number than before is taken as well, as the server does when
    /// the master of a domain has changed without strict mode.
    pub(crate) fn advance(&mut self, domain: u32, server: u32, seq: u64) {
        self.domains.insert(domain, (server, seq));
    }

    /// True if the position is at this number of the domain or past it.
    pub(crate) fn covers(&self, domain: u32, seq: u64) -> bool {
        self.domains.get(&domain).is_some_and(|&(_, reached)| reached >= seq)
    }

    /// True if every entry of `other` is covered.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        other.iter().all(|(domain, _, seq)| self.covers(domain, seq))
    }

    /// Server and sequence number of a domain.
    pub(crate) fn get(&self, domain: u32) -> Option<(u32, u64)> {
        self.domains.get(&domain).copied()
    }

    /// `(domain, server, seq)` in the order of domains.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u32, u64)> + '_ {
        self.domains.iter().map(|(&domain, &(server, seq))| (domain, server, seq))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }
}

impl fmt::Display for MariadbPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (domain, server, seq)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{domain}-{server}-{seq}")?;
        }
        Ok(())
    }
}

impl FromStr for MariadbPosition {
    type Err = String;

    /// # Errors
    /// An entry is not `domain-server-sequence`, or a domain comes twice (as in `gtid_binlog_state`, which
    /// is something else). Empty text is the empty position.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut position = Self::new();
        if text.trim().is_empty() {
            return Ok(position);
        }
        for part in text.split(',') {
            let (domain, server, seq) = entry(part.trim())
                .ok_or_else(|| format!("{:?} is not domain-server-sequence", part.trim()))?;
            if position.domains.insert(domain, (server, seq)).is_some() {
                return Err(format!("domain {domain} comes twice in {text:?}"));
            }
        }
        Ok(position)
    }
}

fn entry(text: &str) -> Option<(u32, u32, u64)> {
    let mut parts = text.split('-');
    let found = (decimal(parts.next()?)?, decimal(parts.next()?)?, decimal(parts.next()?)?);
    parts.next().is_none().then_some(found)
}
