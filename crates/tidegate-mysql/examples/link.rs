use std::sync::Arc;
use tidegate_engine::{link, progress::Progress};
use tidegate_model::{InstanceName, Selection};
use tidegate_mysql::{Endpoint, MysqlSource, MysqlTarget};
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    tracing_subscriber::fmt().with_env_filter("debug").with_writer(std::io::stderr).init();
    let args: Vec<String> = std::env::args().collect();
    let name = InstanceName::parse("dev").unwrap();
    let selection = Selection::new(&[args[3].clone()], &[], &[]).unwrap();
    let source = MysqlSource::new(Endpoint::from_url(&args[1]).unwrap(), 4711, selection.clone(), &[]);
    let target = MysqlTarget::new(Endpoint::from_url(&args[2]).unwrap(), name.clone(), selection.clone());
    let options = link::Options {
        instance: name,
        selection,
        folder: args[4].clone().into(),
        lanes: 2,
        copy_workers: 2,
        log_bytes_max: 1 << 34,
        retry_window: std::time::Duration::from_secs(20),
        task: if args.len() > 5 { link::Task::CatchUp } else { link::Task::Follow },
    };
    let progress = Arc::new(Progress::new());
    let stop = tokio_util::sync::CancellationToken::new();
    let s = stop.clone();
    tokio::spawn(async move {
        tokio::signal::ctrl_c().await.unwrap();
        s.cancel()
    });
    let t = std::time::Instant::now();
    let out = link::run(Arc::new(source), Arc::new(target), options, progress.clone(), stop).await;
    println!(
        "{out:?} in {:?} {:?} p50 {:?} p99 {:?}",
        t.elapsed(),
        progress,
        progress.lag.quantile_ms(0.5),
        progress.lag.quantile_ms(0.99)
    );
}
