//! The service as one process: its folder, its store, its listener.

use crate::alerts::Alarm;
use crate::http::{self, Service, first_account, reset_password};
use crate::network;
use crate::rpc;
use crate::secrets::Vault;
use crate::settings::Settings;
use crate::store::Store;
use crate::supervisor::Supervisor;
use std::fs::{File, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidegate_model::{Code, Error, Result};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// In the data folder.
pub const STORE_FILE: &str = "store.sqlite";

/// A server that listens, and does not serve yet.
pub struct Server {
    listener: TcpListener,
    official: Option<TcpListener>,
    service: Service,
    settings: Settings,
    /// Held as long as the server is there: one process a folder.
    _lock: File,
    /// Of the account that was made because there was none.
    pub first_password: Option<String>,
}

impl Server {
    /// Opens everything; nothing runs before [`Server::serve`].
    pub async fn open(settings: &Settings) -> Result<Self> {
        let lock = own_folder(&settings.data_dir)?;
        let store = Arc::new(Store::open(&settings.data_dir.join(STORE_FILE))?);
        let vault = Arc::new(Vault::of_store(&settings.key_file, &store)?);
        let gate = network::gate(&settings.network.allow, &settings.network.deny)?;
        let folder = settings.data_dir.join("instances");
        let supervisor = Supervisor::new(store.clone(), vault.clone(), folder, gate.clone());
        let data = settings.data_dir.clone();
        let alarm = Alarm::new(store.clone(), vault.clone(), supervisor.clone(), gate, data);
        let listener = bind("--listen", settings.listen).await?;
        let official = match settings.official_api.listen {
            Some(address) => Some(bind("--official-listen", address).await?),
            None => None,
        };
        // Last: whoever is told it must be able to use it.
        let first_password = store.ask(first_account).await?;
        let service = Service::new(store, vault, supervisor, alarm, settings);
        Ok(Self { listener, official, service, settings: settings.clone(), _lock: lock, first_password })
    }

    pub fn address(&self) -> Result<SocketAddr> {
        self.listener.local_addr().map_err(|error| Error::new(Code::Internal, error.to_string()))
    }

    /// Where the official API is answered, if it has an address of its own.
    pub fn official_address(&self) -> Result<Option<SocketAddr>> {
        let address = self.official.as_ref().map(TcpListener::local_addr).transpose();
        address.map_err(|error| Error::new(Code::Internal, error.to_string()))
    }

    /// Takes up what was under way and answers requests until `stop`; then every link ends at a commit.
    pub async fn serve(self, stop: CancellationToken) -> Result<()> {
        let supervisor = self.service.supervisor.clone();
        self.service.store.ask(|store| store.forget_cut_off()).await?;
        supervisor.resume().await?;
        let alarm = tokio::spawn(self.service.alarm.clone().run(stop.clone()));
        let limits = &self.settings.limits;
        let (router, official) =
            (http::router(self.service.clone(), limits), rpc::router(self.service, limits));
        let router = match &self.settings.official_api.host {
            Some(host) => rpc::beside(router, host.clone(), official.clone()),
            None => router,
        };
        let answering = async {
            let main = http::serve(self.listener, router, limits, stop.clone());
            match self.official {
                Some(listener) => {
                    tokio::join!(main, http::serve(listener, official, limits, stop.clone()));
                }
                None => main.await,
            }
        };
        let links = async {
            stop.cancelled().await;
            supervisor.shut_down().await;
        };
        tokio::join!(answering, links);
        // It ends by itself; a message that is on its way is not waited for.
        alarm.abort();
        Ok(())
    }
}

async fn bind(option: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Error::new(Code::BadSetting, format!("{option} {address}: {error}"))
            .with_remedy("choose another address or port")
    })
}

/// A server's folder while no server runs on it.
pub struct DataFolder {
    store: Store,
    key_file: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Refused while a server, or another of these, has it.
    pub fn take(settings: &Settings) -> Result<Self> {
        let lock = own_folder(&settings.data_dir)?;
        Ok(Self { store: open_store(settings)?, key_file: settings.key_file.clone(), _lock: lock })
    }

    /// Copies the store to a file; also while a server runs.
    pub fn back_up(settings: &Settings, to: &Path) -> Result<()> {
        Store::back_up(&store_file(settings)?, to)
    }

    /// Answers how many passwords were sealed anew.
    pub fn rotate_key(&self) -> Result<usize> {
        Vault::rotate(&self.key_file, &self.store)
    }

    /// Answers the account's new password.
    pub fn reset_password(&self, account: &str) -> Result<String> {
        reset_password(&self.store, account)
    }
}

fn open_store(settings: &Settings) -> Result<Store> {
    Store::open(&store_file(settings)?)
}

/// The store of a folder that has one.
fn store_file(settings: &Settings) -> Result<PathBuf> {
    let file = settings.data_dir.join(STORE_FILE);
    if !file.exists() {
        let what = format!("there is no store in {}", settings.data_dir.display());
        return Err(
            Error::new(Code::BadSetting, what).with_remedy("name the server's folder with --data-dir")
        );
    }
    Ok(file)
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
