//! What keeps a link from beginning: it is said before anything is touched, and gone when the remedy was carried out.

use crate::link::Link;
use crate::program::{CANARY, NOWHERE};
use crate::servers::{PASSWORD, Pair, make, sql};
use tidegate_sandbox::Flavour;

#[test]
fn a_link_between_mysql_servers_begins_when_all_is_right() {
    let pair = Pair::start(Flavour::Mysql);
    make(&pair.source(), "shop");
    let link = Link::new(&pair, "shop");
    addresses(&pair, &link);
    accounts(&link);
    objects(&pair, &link);
    settings(&pair, &link);
    for setting in ["super_read_only", "read_only"] {
        read_only(&pair, &link, setting);
    }
    without_a_log(&pair, &link);
}

#[test]
fn a_link_between_mariadb_servers_begins_when_all_is_right() {
    let pair = Pair::start(Flavour::Mariadb);
    make(&pair.source(), "shop");
    let link = Link::new(&pair, "shop");
    accounts(&link);
    objects(&pair, &link);
    settings(&pair, &link);
    read_only(&pair, &link, "read_only");
    without_a_log(&pair, &link);
}

/// Nobody is there, or not whom the URL names.
fn addresses(pair: &Pair, link: &Link<'_>) {
    let unknown = "mysql://repl@no-such-host.invalid:3306/";
    for (url, code, says, advises) in [
        (NOWHERE, "TG-2001", "127.0.0.1:1: ", "check host, port, firewall"),
        (unknown, "TG-2001", "no-such-host.invalid:3306: ", "check host"),
        ("mysql://repl@127.0.0.1/shop", "TG-1001", "names a database ('shop')", "--include 'database.*'"),
        ("postgres://repl@127.0.0.1/", "TG-1002", "'postgres'", "mysql://"),
    ] {
        let link = link.with(&["--retry-for", "0s"]);
        link.from(url).refuses(code).says("source: ").says(says).advises(advises);
        link.to(url).refuses(code).says("target: ").says(says).advises(advises);
    }
    // The server has a certificate of its own, which no authority knows.
    for (options, says) in [
        ("ssl-mode=verify-full", "invalid peer certificate"),
        ("ssl-mode=verify-ca&ssl-ca=/no/such/file", "/no/such/file cannot be read"),
    ] {
        let strict = format!("mysql://repl@127.0.0.1:{}/?{options}", pair.source().port());
        link.from(&strict).refuses("TG-2005").says("source: ").says(says).advises("ssl-ca");
    }
}

fn accounts(link: &Link<'_>) {
    let wrong = format!("wrong-{CANARY}");
    for (side, passwords) in [("source", [&wrong, PASSWORD]), ("target", [PASSWORD, &wrong])] {
        let fault = link.knowing(passwords.map(Some)).refuses("TG-2002");
        fault.says(&format!("{side}: ")).says("'repl'@").advises("check user name and password");
    }
    let none = link.knowing([Some(PASSWORD), None]);
    none.refuses("TG-2002").says("target: ").advises("TIDEGATE_TARGET_PASSWORD");
}

fn objects(pair: &Pair, link: &Link<'_>) {
    for (objects, code, says, advises) in [
        (&["--include", "nothing.*"][..], "TG-1005", "nothing.*", "check --include and --exclude"),
        (
            &["--include", "shop.*", "--exclude", "*.t"],
            "TG-1005",
            "exclude[*.t]",
            "check --include and --exclude",
        ),
        (&["--include", "shop"], "TG-1004", "--include: ", "shop.*"),
        (&["--include", "shop.*", "--rename", "shop.t=t"], "TG-1004", "--rename: ", "a.b=c.d"),
    ] {
        link.of(objects).refuses(code).says(says).advises(advises);
    }
    // One server under two names is still one.
    let port = pair.source().port();
    let same = link.named("same").to(&format!("mysql://repl@localhost:{port}/"));
    same.refuses("TG-2008").says(&format!("127.0.0.1:{port}")).advises("--rename");
    let renamed = same.of(&["--include", "shop.*", "--rename", "shop.*=store.*"]);
    renamed.catches_up();
    assert_eq!(sql(&pair.source(), "SELECT COUNT(*) FROM store.t"), "3");
}

/// The source logs too little.
fn settings(pair: &Pair, link: &Link<'_>) {
    for (setting, value, code) in [
        ("binlog_format", "STATEMENT", "TG-3002"),
        ("binlog_format", "MIXED", "TG-3002"),
        ("binlog_row_image", "MINIMAL", "TG-3003"),
        ("binlog_row_image", "NOBLOB", "TG-3003"),
    ] {
        sql(&pair.source(), &format!("SET GLOBAL {setting} = '{value}'"));
        let fault = link.refuses(code);
        fault.says(&format!("source: 127.0.0.1:{} has {setting}={value}", pair.source().port()));
        sql(&pair.source(), &fault.statements());
        let now = sql(&pair.source(), &format!("SELECT @@GLOBAL.{setting}"));
        assert!(["ROW", "FULL"].contains(&now.as_str()), "{now}");
    }
}

fn read_only(pair: &Pair, link: &Link<'_>, setting: &str) {
    sql(&pair.target(), &format!("SET GLOBAL {setting} = 1"));
    let fault = link.refuses("TG-4001");
    fault.says("target: ").says(" has ").says("read_only set");
    sql(&pair.target(), &fault.statements());
    assert_eq!(sql(&pair.target(), "SELECT @@GLOBAL.read_only"), "0");
}

/// The last obstacle: then the link begins.
fn without_a_log(pair: &Pair, link: &Link<'_>) {
    pair.restart_source(&["--skip-log-bin"]);
    link.refuses("TG-3001").says("runs without a binary log").advises("--log-bin");
    pair.restart_source(&[]);
    link.goes_on();
}
