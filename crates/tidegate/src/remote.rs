//! Talking to a service, and who one is there.

use crate::{figures, login};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::ExitCode;
use tidegate_api::{Client, Login, Problem, Refusal};
use tidegate_service::{Code, Error, Result};

const SERVER_DEFAULT: &str = "http://127.0.0.1:7370";

/// Which service.
#[derive(Args, Clone)]
pub(crate) struct RemoteArgs {
    /// The service's address [default: the one of the last login, else http://127.0.0.1:7370].
    #[arg(long, env = "TIDEGATE_SERVER", value_name = "URL", help_heading = "Service")]
    server: Option<String>,
    /// One JSON object on standard output.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// Log in to a service; the token is kept for the other commands.
#[derive(Args)]
#[command(
    after_help = "The password is taken from --password-file, TIDEGATE_PASSWORD, or a question on the terminal.\n\
    Scripts can set TIDEGATE_TOKEN instead of logging in."
)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// Who one is there.
    #[arg(long, default_value = "admin")]
    account: String,
    /// File with the password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// What is kept of a login.
#[derive(Serialize, Deserialize)]
struct Kept {
    server: String,
    token: String,
}

pub(crate) async fn log_in(args: LoginArgs) -> Result<ExitCode> {
    let server = args.remote.server.clone().unwrap_or_else(|| SERVER_DEFAULT.to_owned());
    let password = match (&args.password_file, std::env::var("TIDEGATE_PASSWORD")) {
        (Some(file), _) => login::read_file(file).map_err(|error| {
            Error::new(Code::BadSetting, format!("--password-file {}: {error}", file.display()))
        })?,
        (None, Ok(password)) => password,
        (None, Err(_)) => {
            let question = format!("Password of {} at {server}: ", args.account);
            rpassword::prompt_password(question).map_err(|error| {
                Error::new(Code::BadSetting, format!("the password cannot be asked for: {error}"))
                    .with_remedy("set TIDEGATE_PASSWORD or use --password-file")
            })?
        }
    };
    let asked = Login { account: args.account.clone(), password };
    let (client, base) = (Client::new(&server, None), server.clone());
    let got = call(move || client.log_in(&asked)).await?;
    keep(&Kept { server: base, token: got.token.clone() })?;
    figures::print(&format!(
        "logged in to {server} as {} ({}) until {}\n",
        args.account,
        got.role,
        got.expires_at.unwrap_or_default()
    ));
    Ok(ExitCode::SUCCESS)
}

impl RemoteArgs {
    /// A client that is logged in, as far as one is.
    pub(crate) fn client(&self) -> Result<Client> {
        let kept = kept()?;
        let server = self.server.clone().or_else(|| kept.as_ref().map(|kept| kept.server.clone()));
        let server = server.unwrap_or_else(|| SERVER_DEFAULT.to_owned());
        let token = std::env::var("TIDEGATE_TOKEN").ok();
        let token = token.or_else(|| kept.filter(|kept| kept.server == server).map(|kept| kept.token));
        Ok(Client::new(&server, token))
    }
}

/// Calls the service from a thread of its own.
pub(crate) async fn call<T, F>(ask: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Refusal> + Send + 'static,
{
    let asked = tokio::task::spawn_blocking(ask).await;
    asked.map_err(|_| Error::new(Code::Internal, "a call panicked"))?.map_err(understood)
}

/// The service's words as an error of ours.
fn understood(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Away(why) => Error::new(Code::ServiceAway, why),
        Refusal::Problem(problem) => of_problem(*problem),
    }
}

pub(crate) fn of_problem(problem: Problem) -> Error {
    let known = Code::ALL.iter().find(|code| code.as_str() == problem.code);
    match known {
        Some(code) => Error::new(*code, problem.detail).with_remedy(problem.remedy),
        None => Error::new(Code::ServiceAway, format!("{} [{}]", problem.detail, problem.code)),
    }
}

fn file() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
    config.map(|config| config.join("tidegate/login.json"))
}

fn kept() -> Result<Option<Kept>> {
    let Some(file) = file() else { return Ok(None) };
    let text = match std::fs::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Error::new(Code::BadSetting, format!("{}: {error}", file.display())));
        }
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        Error::new(Code::BadSetting, format!("{}: {error}", file.display())).with_remedy("tidegate login")
    })
}

fn keep(kept: &Kept) -> Result<()> {
    let missing = || Error::new(Code::BadSetting, "there is no place for the login: HOME is not set");
    let file = file().ok_or_else(missing)?;
    let write = || {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // Never, not even for a moment, for others to read.
        let draft = file.with_extension(format!("{}", std::process::id()));
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        out.write_all(&serde_json::to_vec(kept)?)?;
        std::fs::rename(&draft, &file)
    };
    write()
        .map_err(|error: std::io::Error| Error::new(Code::BadSetting, format!("{}: {error}", file.display())))
}
