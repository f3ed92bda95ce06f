//! One table of one side, read over a connection that is made anew when it breaks.

use crate::retry::Backoff;
use std::sync::Arc;
use std::time::Duration;
use tidegate_model::{
    Comparable, Error, FoundRow, Layout, Result, Retry, RowReader, RowSink, Rows, TableName,
};

/// How long a side may be away before the comparison is given up.
const RETRY_WINDOW: Duration = Duration::from_secs(60);

/// A sink that can forget what it has taken in, because the scan begins anew.
pub(super) trait Restart: RowSink {
    fn restart(&mut self);
}

#[derive(Clone)]
pub(super) struct Opener {
    comparable: Arc<dyn Comparable>,
    table: TableName,
    layout: Arc<Layout>,
}

pub(super) struct Side {
    opener: Opener,
    reader: Option<Box<dyn RowReader>>,
}

impl Side {
    pub(super) fn new(comparable: Arc<dyn Comparable>, table: TableName, layout: Arc<Layout>) -> Self {
        Self { opener: Opener { comparable, table, layout }, reader: None }
    }

    /// Another reader of the same table.
    pub(super) fn another(&self) -> Self {
        Self { opener: self.opener.clone(), reader: None }
    }

    pub(super) fn layout(&self) -> &Arc<Layout> {
        &self.opener.layout
    }

    pub(super) async fn page(
        &mut self,
        after: Option<&[u8]>,
        upto: Option<&[u8]>,
        rows: &mut Rows,
    ) -> Result<bool> {
        let mut backoff = Backoff::new(RETRY_WINDOW);
        loop {
            let outcome = match self.reader().await {
                Ok(reader) => reader.page(after, upto, rows).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(more) => return Ok(more),
                Err(error) => self.wait(error, &mut backoff).await?,
            }
        }
    }

    pub(super) async fn scan<S: Restart>(&mut self, sink: &mut S) -> Result<()> {
        let mut backoff = Backoff::new(RETRY_WINDOW);
        loop {
            sink.restart();
            let outcome = match self.reader().await {
                Ok(reader) => reader.scan(sink).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => return Ok(()),
                Err(error) => self.wait(error, &mut backoff).await?,
            }
        }
    }

    pub(super) async fn lookup(&mut self, keys: &[Vec<u8>]) -> Result<Vec<FoundRow>> {
        let mut backoff = Backoff::new(RETRY_WINDOW);
        loop {
            let outcome = match self.reader().await {
                Ok(reader) => reader.lookup(keys).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(found) => return Ok(found),
                Err(error) => self.wait(error, &mut backoff).await?,
            }
        }
    }

    pub(super) async fn describe(&mut self, key: &[u8]) -> Result<String> {
        Ok(self.reader().await?.describe(key))
    }

    async fn reader(&mut self) -> Result<&mut Box<dyn RowReader>> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => self.opener.comparable.open(&self.opener.table, &self.opener.layout).await?,
        };
        Ok(self.reader.insert(reader))
    }

    /// After a passing error: waits, for a new reader.
    async fn wait(&mut self, error: Error, backoff: &mut Backoff) -> Result<()> {
        self.reader = None;
        let error = error.context(format!("compare {}", self.opener.table));
        if error.retry() == Retry::Auto { backoff.wait(&error).await } else { Err(error) }
    }
}
