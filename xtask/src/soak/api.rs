//! The API against its own document: schemathesis reads docs/openapi.json and asks whatever it allows, and some that it
//! does not.

use std::fs;
use std::process::Command;

use tidegate_sandbox::{once, pip, scratch, workspace_root};

use crate::program::Program;
use crate::service::Service;

const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// The document's examples name this instance.
const INSTANCE: &str = "shop";
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

pub(super) fn run(program: &Program, examples: u32, seed: u64) -> Result<(), String> {
    let tool = once(&SCHEMATHESIS.replace("==", "-"), |draft| {
        let mut pip = pip(draft);
        pip.arg(SCHEMATHESIS);
        pip
    })?;
    let folder = scratch("api")?;
    fs::create_dir_all(&folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let mut service = Service::start(program, &folder)?;
    // Nobody listens there.
    let end = "mysql://repl@127.0.0.1:1/";
    service.ask(&["create", INSTANCE, "--source", end, "--target", end, "--include", "shop.*"])?;
    let admin = service.key()?;
    let operator = operator(&service, &folder)?;
    // Two walks: an admin's takes rights away from itself.
    for (who, token, paths) in [("an operator", operator, "/instances"), ("an admin", admin, "/")] {
        println!("as {who}, {paths} …");
        let status = Command::new("python3")
            .env("PYTHONPATH", &tool)
            .env("NO_COLOR", "1")
            .current_dir(&folder)
            .args(["-m", "schemathesis.cli", "run"])
            .arg(workspace_root().join("docs/openapi.json"))
            .args(["--url", &service.address, "--header", &format!("Authorization: Bearer {token}")])
            .args(["--include-path-regex", paths, "--checks", CHECKS, "--seed", &seed.to_string()])
            // Streams have no end to wait for; the service's own tests listen to them.
            .args(["--exclude-path-regex", "/events$"])
            .args(["--max-examples", &examples.to_string()])
            .status()
            .map_err(|error| format!("cannot run schemathesis: {error}"))?;
        if !status.success() {
            return Err(format!("schemathesis found something ({status})"));
        }
    }
    service
        .run(&["instance", "list"])
        .map_err(|error| format!("the service does not answer any more: {error}"))?;
    service.process.kill();
    fs::remove_dir_all(&folder).map_err(|error| format!("cannot delete {}: {error}", folder.display()))
}

fn operator(service: &Service<'_>, folder: &std::path::Path) -> Result<String, String> {
    let file = folder.join("operator");
    fs::write(&file, "of-the-operator").map_err(|error| error.to_string())?;
    let file = file.display().to_string();
    service.run(&["account", "put", "otto", "--role", "operator", "--password-file", &file])?;
    service.run(&["login", "--server", &service.address, "--account", "otto", "--password-file", &file])?;
    service.key()
}
