//! `tidegate store …`: work on a server's data folder.

use crate::figures;
use crate::server::SettingsArgs;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use tidegate_service::Result;
use tidegate_service::server::DataFolder;

#[derive(Subcommand)]
pub(crate) enum StoreCommand {
    /// Copy the store to a file, as it is at one moment; the server may be running. The key is not in it: keep a copy of
    /// that elsewhere.
    Backup {
        /// The copy, which must not be there.
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Seal all stored passwords with a new key. The server must be stopped.
    RotateKey {
        #[command(flatten)]
        place: Place,
    },
    /// Give an account a new password, and print it: for an admin who has lost theirs. The server must be stopped.
    ResetPassword {
        #[arg(default_value = "admin")]
        account: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Args)]
pub(crate) struct Place {
    #[command(flatten)]
    settings: SettingsArgs,
    /// One JSON object on standard output.
    #[arg(long, help_heading = "Output")]
    json: bool,
}

impl StoreCommand {
    fn place(&self) -> &Place {
        match self {
            Self::Backup { place, .. } | Self::RotateKey { place } | Self::ResetPassword { place, .. } => {
                place
            }
        }
    }

    pub(crate) fn json(&self) -> bool {
        self.place().json
    }

    pub(crate) fn run(self) -> Result<ExitCode> {
        let settings = self.place().settings.resolve()?;
        let json = self.json();
        match self {
            Self::Backup { file, .. } => {
                DataFolder::back_up(&settings, &file)?;
                let text = format!("{} is a copy of the store\n", file.display());
                figures::say(json, &json!({ "backup": file }), &text);
            }
            Self::RotateKey { .. } => {
                let count = DataFolder::take(&settings)?.rotate_key()?;
                let text = format!(
                    "{count} passwords are sealed with a new key; copies of the old one are of no use now\n"
                );
                figures::say(json, &json!({ "passwords": count }), &text);
            }
            Self::ResetPassword { account, .. } => {
                let password = DataFolder::take(&settings)?.reset_password(&account)?;
                let text = format!("account {account}, password {password}\n");
                figures::say(json, &json!({ "account": account, "password": password }), &text);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
