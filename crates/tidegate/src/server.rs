//! `tidegate server`.

use crate::signals::Signals;
use crate::{failure, figures};
use clap::{Args, Subcommand};
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tidegate_service::folder::Surroundings;
use tidegate_service::server::Server;
use tidegate_service::settings::{Given, Settings, SettingsFile};
use tidegate_service::{Code, Error, Result};
use tokio_util::sync::CancellationToken;

/// Run the service: instances with a life, over HTTP.
///
/// Its store, the key of the stored passwords and the change logs are in the data folder. The first start makes the
/// account admin and prints its password, once. SIGTERM or Ctrl-C ends every link at a commit; the next start goes on.
#[derive(Args)]
#[command(after_help = SERVER_HELP)]
pub(crate) struct ServerArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    /// Say on standard output, as one JSON object, where it listens.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

const SERVER_HELP: &str = "\
Example:
  tidegate server --data-dir /var/lib/tidegate

A settings file has listen, data_dir, key_file, [network] allow and deny, [limits], [regions]
and [official_api];
'tidegate config check' shows what holds. The command line wins over the environment, that over
the file, that over the defaults.";

/// Where the settings are, and some of them.
#[derive(Args)]
pub(crate) struct SettingsArgs {
    /// A settings file, as TOML.
    #[arg(long, env = "TIDEGATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port that it answers on [default: 127.0.0.1:7370]. Put a proxy with TLS in front of it before others
    /// can reach it.
    #[arg(long, env = "TIDEGATE_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Its folder, for nobody else [default: ~/.local/state/tidegate/server].
    #[arg(long, env = "TIDEGATE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The file with the key of the stored passwords, made if it is not there [default: key in the data folder].
    #[arg(long, env = "TIDEGATE_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Address and port on which the API of the hosted service is answered, for its SDKs and scripts; off without it.
    #[arg(long, env = "TIDEGATE_OFFICIAL_LISTEN", value_name = "ADDRESS")]
    official_listen: Option<SocketAddr>,
}

impl SettingsArgs {
    pub(crate) fn resolve(&self) -> Result<Settings> {
        let file = self.config.as_deref().map(SettingsFile::read).transpose()?.unwrap_or_default();
        let given = Given {
            listen: self.listen,
            data_dir: self.data_dir.clone(),
            key_file: self.key_file.clone(),
            official_listen: self.official_listen,
        };
        Settings::resolve(given, file, &Surroundings::of_process())
    }
}

/// `tidegate config …`.
#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read all settings as the server would, and print them as a settings file.
    Check {
        #[command(flatten)]
        settings: SettingsArgs,
        /// As one JSON object.
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
}

impl ConfigCommand {
    pub(crate) fn json(&self) -> bool {
        let Self::Check { json, .. } = self;
        *json
    }

    pub(crate) fn run(self) -> Result<ExitCode> {
        let Self::Check { settings, json } = self;
        let settings = settings.resolve()?;
        figures::say(json, &settings, &settings.to_toml());
        Ok(ExitCode::SUCCESS)
    }
}

pub(crate) async fn run(args: ServerArgs) -> Result<ExitCode> {
    let settings = args.settings.resolve()?;
    let mut signals = Signals::listen()?;
    let server = Server::open(&settings).await?;
    let address = server.address()?;
    if args.json {
        let line = json!({
            "listening": format!("http://{address}"),
            "official_api": server.official_address()?.map(|address| format!("http://{address}")),
            "first_password": server.first_password,
        });
        figures::print(&format!("{line}\n"));
    } else {
        if let Some(password) = &server.first_password {
            figures::print(&format!(
                "account admin, password {password}\n  it is not shown again: tidegate login --account admin\n"
            ));
        }
        figures::print(&format!("listening on http://{address}\n"));
        if let Some(address) = server.official_address()? {
            figures::print(&format!("official API on http://{address}\n"));
        }
    }
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server.serve(stop.clone()));
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        _ = signals.next() => {
            tracing::info!("every link ends at its next commit; Ctrl-C once more ends at once");
            stop.cancel();
            tokio::select! {
                ended = &mut serving => ended,
                _ = signals.next() => std::process::exit(failure::EXIT_INTERRUPTED),
            }
        }
    };
    ended.unwrap_or_else(|_| Err(Error::new(Code::Internal, "the server's task panicked")))?;
    Ok(ExitCode::SUCCESS)
}
