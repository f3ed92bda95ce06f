//! A link that was stopped for so long that the source has discarded changes it needs: it must say so, and go no further.

use std::fs;
use std::time::Duration;

use tidegate_sandbox::mongo::{Options, ReplicaSet};
use tidegate_sandbox::scratch;

use crate::program::{Program, Route};

/// The source's log has about so many megabytes.
const LOG_MB: u32 = 16;
const DEADLINE: Duration = Duration::from_secs(120);
/// How the program says that the change log no longer holds what it needs.
const LOST: &str = "TG-3004";

const FILL: &str = "client.soak.t.insert_many([{'_id': at, 'n': 0} for at in range(100)])";

/// Writes until the log begins behind where it ended, which the server takes its time for.
const OVERFLOW: &str = "
import time
log = client.local['oplog.rs']
newest = log.find().sort('$natural', -1).limit(1)[0]['ts']
started = time.monotonic()
while log.find().sort('$natural', 1).limit(1)[0]['ts'] <= newest:
    if time.monotonic() - started > 100:
        raise SystemExit('the log keeps everything')
    client.soak.t.insert_many([{'text': 'x' * 100_000} for _ in range(100)])
";

pub(in crate::soak) fn run(program: &Program) -> Result<(), String> {
    let folder = scratch("lost-log")?;
    let source = ReplicaSet::start(Options::new(1).oplog_mb(LOG_MB), &folder.join("source"))?;
    let target = ReplicaSet::start(Options::new(1), &folder.join("target"))?;
    let route = Route {
        source: source.url(),
        target: target.url(),
        include: vec!["soak.*".to_owned()],
        name: "lost-log".to_owned(),
        folder: folder.join("tidegate"),
    };
    source.python(FILL)?;
    println!("the link copies and stops");
    program.sync(&route, &["--until-caught-up"])?.finish(DEADLINE)?.expect_success(&route)?;
    println!("the source writes until its log no longer holds what comes next");
    source.python(OVERFLOW)?;
    println!("the link starts again");
    let ended = program.sync(&route, &["--until-caught-up"])?.finish(DEADLINE)?;
    let why = ended.last.error.clone().unwrap_or_default();
    if ended.usage.status.success() || why.code != LOST {
        return Err(format!(
            "{LOST} was expected, not \"{} {}\"; {}",
            why.code,
            why.message,
            route.last_words()
        ));
    }
    println!("{}: {}", why.code, why.message);
    drop((source, target));
    // The next sweep of the scratch folder tries again.
    let _ = fs::remove_dir_all(&folder);
    Ok(())
}
