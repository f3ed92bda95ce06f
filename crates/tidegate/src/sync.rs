//! `tidegate sync`: one link in the foreground.

use crate::args::SyncArgs;
use crate::failure::EXIT_INTERRUPTED;
use crate::signals::{Asked, Signals};
use crate::view::{self, Sample, Sampler, View};
use crate::{figures, login};
use indicatif::MultiProgress;
use std::process::ExitCode;
use std::sync::Arc;
use tidegate_service::folder::Surroundings;
use tidegate_service::sync::SyncRequest;
use tidegate_service::{Code, Error, Outcome, Progress, Result};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const GO_ON: &str = "to go on, run the same command again";

pub(crate) async fn run(args: SyncArgs, bars: MultiProgress) -> Result<ExitCode> {
    let (source, target) = args.ends.endpoints().await?;
    let request = SyncRequest {
        source,
        target,
        objects: args.objects.given()?,
        name: args.link.name,
        data_dir: args.link.data_dir,
        lanes: args.link.lanes,
        copy_workers: args.link.copy_workers,
        log_bytes_max: args.link.log_limit,
        retry_window: args.link.retry_for,
        until_caught_up: args.link.until_caught_up,
        server_id: args.link.server_id,
        peers: Vec::new(),
    };
    let plan = request.resolve(&Surroundings::of_process())?;
    let ends = (plan.source().clone(), plan.target().clone());
    tracing::info!(
        link = plan.name(), source = ends.0.account(), target = ends.1.account(), folder = %plan.folder().display(),
        "link begins"
    );
    let signals = Signals::listen()?;
    let progress = Arc::new(Progress::new());
    let stop = CancellationToken::new();
    let running = tokio::spawn(plan.run(progress.clone(), stop.clone()));
    let mut shown =
        Shown { view: view::choose(args.json, &bars), sampler: Sampler::new(progress), bars, notices: 0 };
    let outcome =
        shown.follow(running, signals, stop).await.map_err(|e| login::hint(e, [&ends.0, &ends.1]))?;
    let last = shown.sampler.last();
    view::say(&shown.bars, &farewell(outcome, last));
    Ok(ExitCode::SUCCESS)
}

/// A running link as a person or a machine sees it.
struct Shown {
    view: Box<dyn View>,
    sampler: Sampler,
    bars: MultiProgress,
    /// How many of the link's notices were said.
    notices: usize,
}

impl Shown {
    /// Shows the link until it ends, and passes on what the signals ask.
    async fn follow(
        &mut self,
        mut running: JoinHandle<Result<Outcome>>,
        mut signals: Signals,
        stop: CancellationToken,
    ) -> Result<Outcome> {
        let mut ticks = tokio::time::interval(self.view.every());
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut unseen = None;
        let ended = loop {
            tokio::select! {
                ended = &mut running => break ended,
                asked = signals.next() => self.answer(asked, &stop),
                _ = ticks.tick(), if unseen.is_none() => {
                    if let Err(error) = self.show() {
                        // Nobody would see how the link fares: it ends as if it had been asked to.
                        stop.cancel();
                        unseen = Some(error);
                    }
                }
            }
        };
        let ended = ended.unwrap_or_else(|_| Err(Error::new(Code::Internal, "the link's task panicked")));
        if unseen.is_none() {
            unseen = self.show().and_then(|()| self.view.end(ended.as_ref().ok(), self.sampler.last())).err();
        }
        let outcome = ended?;
        match unseen {
            None => Ok(outcome),
            Some(error) => {
                Err(Error::new(Code::BadSetting, format!("standard output cannot be written: {error}"))
                    .with_remedy(format!("the link has stopped at a commit; {GO_ON}")))
            }
        }
    }

    fn answer(&mut self, asked: Asked, stop: &CancellationToken) {
        if !stop.is_cancelled() {
            stop.cancel();
            view::say(&self.bars, "stopping at a commit; Ctrl-C once more ends at once");
        } else if asked == Asked::Interrupt {
            // What is shown last does not matter: the process ends here.
            let _ = self.view.end(None, self.sampler.last());
            view::say(&self.bars, &format!("ended at once; {GO_ON}"));
            std::process::exit(EXIT_INTERRUPTED);
        }
    }

    fn show(&mut self) -> std::io::Result<()> {
        let notices = self.sampler.progress().notices();
        for notice in notices.iter().skip(self.notices) {
            view::say(&self.bars, &format!("note: {notice}"));
        }
        self.notices = notices.len();
        let sample = self.sampler.take();
        self.view.show(&sample)
    }
}

fn farewell(outcome: Outcome, last: &Sample) -> String {
    let applied = match last.position.as_str() {
        "" => "no change is applied yet".to_owned(),
        position => format!("position {position}"),
    };
    let copied = match last.rows_copied {
        0 => String::new(),
        rows => format!(", {} copied", figures::count(rows, "row")),
    };
    match outcome {
        Outcome::Stopped => format!("stopped at a commit: {applied}{copied}; {GO_ON}"),
        Outcome::CaughtUp => {
            format!("caught up: {applied}{copied}, {} applied", figures::count(last.rows_applied, "row"))
        }
    }
}
