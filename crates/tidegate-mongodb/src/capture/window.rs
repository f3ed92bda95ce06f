//! Schema changes that peers carry out here: between the insertion and the deletion of a peer's journal document, the
//! schema events on its names are echoes.

use crate::raw::{self, kind};
use std::collections::BTreeMap;
use tidegate_model::{Code, Error, Result};

/// The collection of the journal, in the control database.
pub(super) const JOURNAL: &str = "ddl";

/// Names by peer: `database.collection`, or `database` for all in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Windows(BTreeMap<String, Vec<String>>);

impl Windows {
    /// From the document of [`Windows::to_document`].
    pub(super) fn read(document: &[u8]) -> Result<Self> {
        let mut windows = Self::default();
        for element in raw::elements(document) {
            let element = element?;
            windows.begin(element.name, document_names(element.document().unwrap_or(raw::EMPTY))?);
        }
        Ok(windows)
    }

    /// `{<peer>: [names]}`; `None` if no schema change runs.
    pub(super) fn to_document(&self) -> Option<Vec<u8>> {
        if self.0.is_empty() {
            return None;
        }
        let mut out = raw::Builder::new();
        for (peer, names) in &self.0 {
            out.begin_array(peer);
            for name in names {
                let mut value = (name.len() as u32 + 1).to_le_bytes().to_vec();
                value.extend_from_slice(name.as_bytes());
                value.push(0);
                out.push(kind::STRING, &value);
            }
            out.end();
        }
        Some(out.finish())
    }

    /// A peer's journal document, as it was written.
    pub(super) fn journal(&mut self, peer: &str, document: &[u8]) -> Result<()> {
        let names = raw::find(document, "names")?.and_then(|names| names.document());
        let names = names.ok_or_else(|| {
            Error::new(
                Code::MalformedLog,
                format!("the journal of {peer} names no objects of its schema change"),
            )
        })?;
        self.begin(peer, document_names(names)?);
        Ok(())
    }

    fn begin(&mut self, peer: &str, names: Vec<String>) {
        self.0.insert(peer.to_owned(), names);
    }

    pub(super) fn end(&mut self, peer: &str) {
        self.0.remove(peer);
    }

    pub(super) fn cover(&self, database: &str, collection: &str) -> bool {
        let is_named = |name: &String| match name.split_once('.') {
            Some((named, rest)) => named == database && rest == collection,
            None => name == database,
        };
        self.0.values().flatten().any(is_named)
    }
}

fn document_names(array: &[u8]) -> Result<Vec<String>> {
    let name = |element: Result<raw::Element<'_>>| {
        let text = element?.text().map(str::to_owned);
        text.ok_or_else(|| Error::new(Code::MalformedLog, "a name in a journal is no text"))
    };
    raw::elements(array).map(name).collect()
}
