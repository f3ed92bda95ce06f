//! `tidegate server`.

use crate::signals::Signals;
use crate::{failure, figures};
use clap::Args;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tidegate_service::folder::Surroundings;
use tidegate_service::server::{Server, Settings};
use tidegate_service::{Code, Error, Result};
use tokio_util::sync::CancellationToken;

/// Run the service: instances with a life, over HTTP.
///
/// Its store, the key of the stored passwords and the change logs are in the data folder. The first start makes the
/// account admin and prints its password, once. SIGTERM or Ctrl-C ends every link at a commit; the next start goes on.
#[derive(Args)]
#[command(after_help = "Example:\n  tidegate server --data-dir /var/lib/tidegate")]
pub(crate) struct ServerArgs {
    /// Address and port that it answers on. Put a proxy with TLS in front of it before others can reach it.
    #[arg(long, env = "TIDEGATE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:7370")]
    listen: SocketAddr,
    /// Its folder, for nobody else [default: ~/.local/state/tidegate/server].
    #[arg(long, env = "TIDEGATE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The file with the key of the stored passwords, made if it is not there [default: key in the data folder].
    #[arg(long, env = "TIDEGATE_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Say on standard output, as one JSON object, where it listens.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

pub(crate) async fn run(args: ServerArgs) -> Result<ExitCode> {
    let data_dir = match args.data_dir {
        Some(folder) => folder,
        None => Surroundings::of_process().server_folder()?,
    };
    let settings = Settings { listen: args.listen, data_dir, key_file: args.key_file };
    let mut signals = Signals::listen()?;
    let server = Server::open(&settings).await?;
    let address = server.address()?;
    if args.json {
        let line =
            json!({ "listening": format!("http://{address}"), "first_password": server.first_password });
        figures::print(&format!("{line}\n"));
    } else {
        if let Some(password) = &server.first_password {
            figures::print(&format!(
                "account admin, password {password}\n  it is not shown again: tidegate login --account admin\n"
            ));
        }
        figures::print(&format!("listening on http://{address}\n"));
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
