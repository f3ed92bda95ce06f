//! A full comparison: what `tidegate verify` asks for, and how it runs.

use crate::endpoint::{Endpoint, EndpointUrl, Side};
use crate::objects;
use std::sync::Arc;
use std::time::Duration;
use tidegate_api::Objects;
use tidegate_engine::verify::{self, Options, Recheck};
use tidegate_model::{Code, Comparable, Error, Result, Selection};

pub use tidegate_engine::verify::{Difference, Kind, Progress, Report, TableReport};

pub const TABLES_PARALLEL_DEFAULT: u16 = 2;
pub const TABLES_PARALLEL_MAX: u16 = 64;
pub const RECHECK_FOR_DEFAULT: Duration = Duration::from_secs(5);
/// Between two looks at a row that differs.
const RECHECK_WAIT: Duration = Duration::from_millis(500);

/// What a person asks for.
#[derive(Clone)]
pub struct VerifyRequest {
    pub source: EndpointUrl,
    pub target: EndpointUrl,
    pub objects: Objects,
    pub tables_parallel: Option<u16>,
    /// How long a row that differs may take to become the same: longer than the lag of a link that runs.
    pub recheck_for: Option<Duration>,
}

/// A request with everything decided.
#[derive(Clone, Debug)]
pub struct VerifyPlan {
    source: Endpoint,
    target: Endpoint,
    renames: bool,
    options: Options,
}

impl VerifyRequest {
    /// Decides everything that can be decided without asking a server.
    pub fn resolve(&self) -> Result<VerifyPlan> {
        let source = self.source.read(Side::Source)?;
        let target = self.target.read(Side::Target)?;
        source.refuse_other_engine(&target)?;
        let selection = objects::read(&self.objects)?;
        source.read_rules(&selection)?;
        let workers = self.tables_parallel.unwrap_or(TABLES_PARALLEL_DEFAULT);
        if workers == 0 || workers > TABLES_PARALLEL_MAX {
            let what = format!("--tables-parallel: {workers} is not within 1 to {TABLES_PARALLEL_MAX}");
            return Err(Error::new(Code::BadSetting, what));
        }
        let recheck = recheck(self.recheck_for.unwrap_or(RECHECK_FOR_DEFAULT));
        let options = Options { selection, workers: usize::from(workers), recheck };
        Ok(VerifyPlan { source, target, renames: !self.objects.rename.is_empty(), options })
    }
}

fn recheck(window: Duration) -> Recheck {
    let times = window.as_millis().div_ceil(RECHECK_WAIT.as_millis());
    Recheck { times: u32::try_from(times).unwrap_or(u32::MAX), wait: RECHECK_WAIT }
}

impl VerifyPlan {
    pub fn source(&self) -> &Endpoint {
        &self.source
    }

    pub fn target(&self) -> &Endpoint {
        &self.target
    }

    /// Compares. Differences are in the report; an error means that there is no verdict.
    pub async fn run(self, progress: &(dyn Fn(Progress) + Sync)) -> Result<Report> {
        let source_identity = self.source.identity().await?;
        let target_identity = self.target.identity().await?;
        if source_identity == target_identity && !self.renames {
            let (source, target) = (self.source.address(), self.target.address());
            let what = format!(
                "{source} and {target} are one server, and nothing is renamed: all would be identical"
            );
            return Err(Error::new(Code::SameServer, what));
        }
        verify::run(self.source.comparable(), self.target.comparable(), self.options, progress).await
    }
}

/// Compares what does not change, row by row.
pub(crate) async fn compare_now(
    source: Arc<dyn Comparable>,
    target: Arc<dyn Comparable>,
    selection: Selection,
) -> Result<Report> {
    let options = Options {
        selection,
        workers: usize::from(TABLES_PARALLEL_DEFAULT),
        recheck: Recheck { times: 0, wait: RECHECK_WAIT },
    };
    verify::run(source, target, options, &|_| {}).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_cover_the_window() {
        for (window, times) in [(0, 0), (1, 1), (500, 1), (501, 2), (5000, 10)] {
            assert_eq!(recheck(Duration::from_millis(window)).times, times, "{window} ms");
        }
        assert_eq!(recheck(Duration::MAX).times, u32::MAX);
    }

    #[test]
    fn refused_requests_name_the_field() {
        let end = |url: &str| EndpointUrl {
            url: url.to_owned(),
            password: None,
            password_in_url: false,
            gate: None,
        };
        let request = |tables_parallel| VerifyRequest {
            source: end("mysql://u@h/"),
            target: end("mysql://u@h/"),
            objects: Objects::default(),
            tables_parallel,
            recheck_for: None,
        };
        assert_eq!(request(None).resolve().unwrap().options.workers, 2);
        for bad in [0, 65] {
            assert!(request(Some(bad)).resolve().unwrap_err().message().starts_with("--tables-parallel: "));
        }
    }
}
