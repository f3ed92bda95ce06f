use super::*;
use crate::endpoint::Secret;

fn request(source: &str, target: &str) -> SyncRequest {
    let end = |url: &str| EndpointUrl {
        url: url.to_owned(),
        password: Some(Secret::new("canary")),
        password_in_url: false,
        gate: None,
    };
    SyncRequest {
        source: end(source),
        target: end(target),
        objects: Objects::default(),
        name: None,
        data_dir: None,
        lanes: None,
        copy_workers: None,
        log_bytes_max: None,
        retry_window: None,
        until_caught_up: false,
        server_id: None,
        peers: Vec::new(),
    }
}

fn plain() -> SyncRequest {
    request("mysql://repl@db1:3306/", "mariadb://repl@db2/")
}

fn texts(of: &[&str]) -> Vec<String> {
    of.iter().map(|text| (*text).to_owned()).collect()
}

/// One line a request: what it becomes, or the error.
fn resolved(request: &SyncRequest) -> String {
    let around = Surroundings { home: Some("/home/a".into()), state_home: None };
    match request.resolve(&around) {
        Ok(plan) => {
            let options = &plan.options;
            format!(
                "{} {} id={} lanes={} copy={} log={}MiB retry={}s caught_up={} {}",
                options.instance,
                options.folder.display(),
                plan.server_id,
                options.lanes,
                options.copy_workers,
                options.log_bytes_max >> 20,
                options.retry_window.as_secs(),
                options.task == Task::CatchUp,
                options.selection.fingerprint(),
            )
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn requests_become_plans() {
    let nothing = "include[] exclude[] rename[]";
    let folder = "/home/a/.local/state/tidegate";
    let usual = "lanes=2 copy=2 log=16384MiB retry=43200s caught_up=false";
    for (request, expected) in [
        (plain(), format!("sync-b95c8bf4 {folder}/sync-b95c8bf4 id=729504439 {usual} {nothing}")),
        (
            request("mariadb://other@DB1/", "mysql://repl@db2:3306"),
            format!("sync-b95c8bf4 {folder}/sync-b95c8bf4 id=729504439 {usual} {nothing}"),
        ),
        (
            request("mysql://repl@db2/", "mysql://repl@db1/"),
            format!("sync-fb1b7251 {folder}/sync-fb1b7251 id=916369135 {usual} {nothing}"),
        ),
        (
            SyncRequest { name: Some("shop-move".to_owned()), ..plain() },
            format!("shop-move {folder}/shop-move id=2082150337 {usual} {nothing}"),
        ),
        (
            SyncRequest {
                name: Some("n".to_owned()),
                data_dir: Some("/data".into()),
                lanes: Some(8),
                copy_workers: Some(4),
                log_bytes_max: Some(1 << 30),
                retry_window: Some(Duration::ZERO),
                until_caught_up: true,
                server_id: Some(7),
                objects: Objects {
                    include: texts(&["shop.*"]),
                    exclude: texts(&["shop.tmp_*"]),
                    rename: texts(&["shop.*=store.*"]),
                    ..Objects::default()
                },
                ..plain()
            },
            "n /data id=7 lanes=8 copy=4 log=1024MiB retry=0s caught_up=true \
             include[shop.*] exclude[shop.tmp_*] rename[shop.*=store.*]"
                .to_owned(),
        ),
    ] {
        assert_eq!(resolved(&request), expected);
    }
}

#[test]
fn refused_requests_name_the_field() {
    let objects = |include: &[&str], exclude: &[&str], rename: &[&str]| SyncRequest {
        objects: Objects {
            include: texts(include),
            exclude: texts(exclude),
            rename: texts(rename),
            ..Objects::default()
        },
        ..plain()
    };
    for (request, code, begin) in [
        (request("db1", "mysql://u@h/"), Code::BadUrl, "source: "),
        (request("mysql://u@h/", "postgres://u@h/"), Code::UnsupportedEngine, "target: "),
        (request("mysql://u:canary@h/", "mysql://u@h/"), Code::PasswordInUrl, "source: "),
        (objects(&["shop"], &[], &[]), Code::BadPattern, "--include: pattern 'shop'"),
        (objects(&[], &["a.b.c"], &[]), Code::BadPattern, "--exclude: pattern 'a.b.c'"),
        (objects(&[], &[], &["a.b"]), Code::BadPattern, "--rename: rename 'a.b'"),
        (objects(&[], &[], &["a.b=c.d", "a.b=e.f"]), Code::BadPattern, "--rename: a.b is renamed twice"),
        (SyncRequest { name: Some("a b".to_owned()), ..plain() }, Code::BadSetting, "--name: "),
        (SyncRequest { lanes: Some(0), ..plain() }, Code::BadSetting, "--lanes: "),
        (SyncRequest { lanes: Some(9), ..plain() }, Code::BadSetting, "--lanes: "),
        (SyncRequest { copy_workers: Some(0), ..plain() }, Code::BadSetting, "--copy-workers: "),
        (SyncRequest { log_bytes_max: Some(1), ..plain() }, Code::BadSetting, "--log-limit: "),
        (SyncRequest { server_id: Some(0), ..plain() }, Code::BadSetting, "--server-id: "),
    ] {
        let error = request.resolve(&Surroundings { home: Some("/h".into()), state_home: None }).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().starts_with(begin), "{error}");
        assert!(!format!("{error:?}").contains("canary"));
    }
}

#[test]
fn a_plan_does_not_show_passwords() {
    let plan = plain().resolve(&Surroundings { home: Some("/h".into()), state_home: None }).unwrap();
    assert!(!format!("{plan:?}").contains("canary"));
}

#[test]
fn server_ids_stay_in_their_range() {
    for number in 0..1000 {
        let id = default_server_id(&InstanceName::parse(&format!("link-{number}")).unwrap());
        assert!(SERVER_IDS.contains(&id), "{id}");
    }
}
