//! The service as one process: its folder, its store, its listener.

use crate::http::{Service, first_account, router};
use crate::secrets::Vault;
use crate::store::Store;
use crate::supervisor::Supervisor;
use std::fs::{File, Permissions};
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tidegate_model::{Code, Error, Result};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// So long requests that are under way may take when the service ends.
const DRAIN: Duration = Duration::from_secs(5);

/// How a server is to run.
#[derive(Clone, Debug)]
pub struct Settings {
    pub listen: SocketAddr,
    /// The store, the key and a folder for each instance.
    pub data_dir: PathBuf,
    /// Where the key of the stored passwords is; `None`: in the data folder.
    pub key_file: Option<PathBuf>,
}

/// A server that listens, and does not serve yet.
pub struct Server {
    listener: TcpListener,
    service: Service,
    /// Held as long as the server is there: one process a folder.
    _lock: File,
    /// Of the account that was made because there was none.
    pub first_password: Option<String>,
}

impl Server {
    /// Opens everything; nothing runs before [`Server::serve`].
    pub async fn open(settings: &Settings) -> Result<Self> {
        let lock = own_folder(&settings.data_dir)?;
        let key_file = settings.key_file.clone().unwrap_or_else(|| settings.data_dir.join("key"));
        let vault = Arc::new(Vault::open(&key_file)?);
        let store = Arc::new(Store::open(&settings.data_dir.join("store.sqlite"))?);
        let supervisor = Supervisor::new(store.clone(), vault.clone(), settings.data_dir.join("instances"));
        let listener = TcpListener::bind(settings.listen).await.map_err(|error| {
            Error::new(Code::BadSetting, format!("--listen {}: {error}", settings.listen))
                .with_remedy("choose another address or port")
        })?;
        // Last: whoever is told it must be able to use it.
        let first_password = store.ask(first_account).await?;
        Ok(Self { listener, service: Service::new(store, vault, supervisor), _lock: lock, first_password })
    }

    pub fn address(&self) -> Result<SocketAddr> {
        self.listener.local_addr().map_err(|error| Error::new(Code::Internal, error.to_string()))
    }

    /// Takes up what was under way and answers requests until `stop`; then every link ends at a commit.
    pub async fn serve(self, stop: CancellationToken) -> Result<()> {
        let supervisor = self.service.supervisor.clone();
        supervisor.resume().await?;
        let asked = stop.clone();
        let http = async {
            let serving = axum::serve(self.listener, router(self.service))
                .with_graceful_shutdown(async move { asked.cancelled().await });
            let drained = async {
                stop.cancelled().await;
                tokio::time::sleep(DRAIN).await;
            };
            let served = tokio::select! {
                served = serving.into_future() => served,
                // Links do not wait for somebody who says nothing.
                () = drained => Ok(()),
            };
            stop.cancel();
            served.map_err(|error| Error::new(Code::Internal, format!("the listener failed: {error}")))
        };
        let links = async {
            stop.cancelled().await;
            supervisor.shut_down().await;
        };
        tokio::join!(http, links).0
    }
}

/// Makes the folder, for us alone, and takes it.
fn own_folder(folder: &Path) -> Result<File> {
    let refused = |error: std::io::Error| {
        Error::new(Code::StoreFailed, format!("--data-dir {}: {error}", folder.display()))
    };
    std::fs::create_dir_all(folder).map_err(refused)?;
    std::fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(refused)?;
    let lock = File::options().create(true).append(true).open(folder.join("lock")).map_err(refused)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => {
            let what = format!("another server uses {}", folder.display());
            Err(Error::new(Code::LinkInUse, what).with_remedy("stop it, or choose another --data-dir"))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(refused(error)),
    }
}
