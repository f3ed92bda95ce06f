//! Reads a source's log into a change log until its end, and tells how fast: `capture SOURCE 'db.*' FOLDER POSITION`.
//! For `cargo xtask bench mysql-capture`.

use std::path::Path;
use std::time::Instant;
use tidegate_engine::changelog::{ChangeLog, Limits, LogEnd};
use tidegate_model::{Cursor, Position, Result, Selection, Seq, Source};
use tidegate_mysql::{Endpoint, MysqlSource};

const SERVER_ID: u32 = 4_712;
/// As `tidegate sync` has it unless it is told otherwise.
const LOG_BYTES_MAX: u64 = 16 << 30;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, pattern, folder, position] = arguments.as_slice() else {
        eprintln!("usage: capture SOURCE PATTERN FOLDER POSITION");
        std::process::exit(2);
    };
    if let Err(error) = capture(source, pattern, Path::new(folder), position).await {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

async fn capture(source: &str, pattern: &str, folder: &Path, position: &str) -> Result<()> {
    let selection =
        Selection::new(&[pattern.to_owned()], &[], &[]).expect("a pattern that the benchmark chose");
    let source = MysqlSource::new(Endpoint::from_url(source)?, SERVER_ID, selection.clone(), &[]);
    let from = Position::new(position);
    let goal = source.position().await?;
    let make_cursor = |position: &Position| -> Result<Box<dyn Cursor>> { source.cursor(position) };
    let start = LogEnd { seq: Seq(0), position: from.clone() };
    let (_log, mut writer) = ChangeLog::create(folder, &start, Limits::within(LOG_BYTES_MAX), &make_cursor)?;
    let started = Instant::now();
    let mut capture = source.capture(&from, &selection).await?;
    while !writer.cursor().covers(&goal)? {
        capture.next(&mut writer).await?;
        writer.publish()?;
    }
    if let Some(file) = writer.take_unsynced() {
        file.sync_data().expect("the change log can be synced");
    }
    println!(
        "{{\"transactions\":{},\"log_bytes\":{},\"seconds\":{:.6}}}",
        writer.end().seq,
        writer.bytes(),
        started.elapsed().as_secs_f64()
    );
    Ok(())
}
