//! The link's own folder: no room, damage, two processes.

use crate::link::Link;
use crate::program::Scratch;
use crate::servers::{Pair, make, sql};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tidegate_sandbox::Flavour;

#[test]
fn a_link_takes_care_of_its_folder() {
    let pair = Pair::start(Flavour::Mysql);
    no_room(&pair);
    damage(&pair);
    two_processes(&pair);
    another_link(&pair);
}

/// A disk of its own, as large as one wishes.
struct Disk(Scratch);

impl Disk {
    fn new(size: &str) -> Self {
        let disk = Self(Scratch::new("disk"));
        mount(&[&format!("size={size}"), "-t", "tmpfs", "tidegate-test"], &disk.0.0);
        disk
    }

    fn grow(&self, size: &str) {
        mount(&[&format!("remount,size={size}")], &self.0.0);
    }
}

fn mount(options: &[&str], folder: &Path) {
    let done = Command::new("mount").arg("-o").args(options).arg(folder).output().expect("the program mount");
    assert!(done.status.success(), "this test needs to mount: {}", String::from_utf8_lossy(&done.stderr));
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0.0).status();
    }
}

fn no_room(pair: &Pair) {
    make(&pair.source(), "full");
    sql(&pair.source(), "CREATE TABLE full.big (id INT PRIMARY KEY, v MEDIUMTEXT)");
    let disk = Disk::new("8m");
    let folder = disk.0.0.join("link");
    let link = Link::new(pair, "full").with(&["--data-dir", folder.to_str().expect("UTF-8")]);
    let mut running = link.start();
    running.streams();
    let rows = |from: u32| {
        let ids: Vec<String> =
            (from..from + 20).map(|id| format!("({id}, REPEAT('{id}x', 65536))")).collect();
        format!("INSERT INTO full.big VALUES {}", ids.join(", "))
    };
    // Small ones before, then one transaction that is larger than the disk, then small ones again.
    let statements =
        ["INSERT INTO full.t VALUES (10, 'ten')", "BEGIN", &rows(100), &rows(200), &rows(300), "COMMIT"];
    sql(&pair.source(), &statements.join("; "));
    sql(&pair.source(), "INSERT INTO full.t VALUES (11, 'eleven'); DELETE FROM full.big WHERE id < 110");
    running.ends().fault("TG-5002").says(folder.to_str().expect("UTF-8")).advises("make room on its disk");
    assert_eq!(sql(&pair.target(), "SELECT COUNT(*) FROM full.big"), "0");
    disk.grow("64m");
    link.goes_on();
}

/// The first segment of a link's change log.
fn segment(link: &Link<'_>) -> PathBuf {
    let entries = std::fs::read_dir(link.folder().join("log")).expect("a log");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "seg")).min().expect("a segment")
}

fn damage(pair: &Pair) {
    make(&pair.source(), "bent");
    let link = Link::new(pair, "bent");
    link.goes_on();
    for id in 10..15 {
        sql(&pair.source(), &format!("INSERT INTO bent.t VALUES ({id}, 'more')"));
    }
    link.goes_on();
    let path = segment(&link);
    let file = std::fs::File::options().read(true).write(true).open(&path).expect("a segment");
    // `… | position length u32 | first seq u64 | position`, then frames of `length u32 | crc u32 | body`.
    let mut length = [0; 4];
    file.read_exact_at(&mut length, 12).expect("a header");
    let at = 24 + u64::from(u32::from_le_bytes(length)) + 8 + 30;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("a frame");
    file.write_all_at(&[byte[0] ^ 0x10], at).expect("a byte");
    sql(&pair.source(), "INSERT INTO bent.t VALUES (20, 'last')");
    let fault = link.refuses("TG-5003");
    fault.says(path.to_str().expect("UTF-8")).says("checksum").advises("move the link's folder away");
    std::fs::rename(link.folder(), link.folder().with_extension("damaged")).expect("a folder");
    link.goes_on();
}

fn two_processes(pair: &Pair) {
    make(&pair.source(), "twice");
    let link = Link::new(pair, "twice");
    let mut first = link.start();
    first.streams();
    link.refuses("TG-5004").says(link.folder().to_str().expect("UTF-8")).advises("--name");
    sql(&pair.source(), "INSERT INTO twice.t VALUES (10, 'ten')");
    first.applies(1);
    // On another machine there is another folder: the source lets only one of them read.
    let elsewhere = Scratch::new("elsewhere");
    let second = link.with(&["--data-dir", elsewhere.0.to_str().expect("UTF-8")]);
    let mut running = second.start();
    running.streams();
    first.ends().fault("TG-3005").says("source: ");
    sql(&pair.source(), "INSERT INTO twice.t VALUES (11, 'eleven')");
    running.applies(1);
    running.stop();
    link.goes_on();
}

fn another_link(pair: &Pair) {
    for name in ["mine", "yours"] {
        make(&pair.source(), name);
    }
    let mine = Link::new(pair, "mine");
    mine.goes_on();
    let folder = mine.folder();
    let yours = Link::new(pair, "yours").with(&["--data-dir", folder.to_str().expect("UTF-8")]);
    yours.refuses("TG-5005").says("belongs to another link (name mine").advises("--data-dir");
    mine.goes_on();
}
