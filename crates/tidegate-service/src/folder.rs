//! A link's own folder: where it is, and whose it is.

use std::io::Write;
use std::path::{Path, PathBuf};
use tidegate_model::{Code, Error, InstanceName, Result};

/// Says which link the folder belongs to: a change log must never be read by another link than the one that wrote it.
const OWNER_FILE: &str = "link";

/// What the process's environment says about folders.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    pub home: Option<PathBuf>,
    pub state_home: Option<PathBuf>,
}

impl Surroundings {
    /// From `HOME` and `XDG_STATE_HOME`.
    pub fn of_process() -> Self {
        let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self { home: folder("HOME"), state_home: folder("XDG_STATE_HOME") }
    }

    /// `$XDG_STATE_HOME/tidegate/<name>`, else `~/.local/state/tidegate/<name>`.
    pub(crate) fn link_folder(&self, name: &InstanceName) -> Result<PathBuf> {
        Ok(self.state("the change log")?.join(name.as_str()))
    }

    /// `server` in the same place.
    pub fn server_folder(&self) -> Result<PathBuf> {
        Ok(self.state("the store")?.join("server"))
    }

    fn state(&self, of: &str) -> Result<PathBuf> {
        let absolute = |path: &&PathBuf| path.is_absolute();
        let state = match (self.state_home.as_ref().filter(absolute), self.home.as_ref().filter(absolute)) {
            (Some(state), _) => state.clone(),
            (None, Some(home)) => home.join(".local/state"),
            (None, None) => {
                let what = format!("there is no place for {of}: neither HOME nor XDG_STATE_HOME is set");
                return Err(Error::new(Code::BadSetting, what).with_remedy("name a folder with --data-dir"));
            }
        };
        Ok(state.join("tidegate"))
    }
}

/// Who a folder belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Owner<'a> {
    pub(crate) name: &'a InstanceName,
    /// The two servers' identities.
    pub(crate) source: &'a str,
    pub(crate) target: &'a str,
}

/// Makes the folder this link's own, or finds that it is already. Refuses another link's.
pub(crate) fn claim(folder: &Path, owner: &Owner<'_>) -> Result<()> {
    let text = format!("name {}\nsource {}\ntarget {}\n", owner.name, owner.source, owner.target);
    let file = folder.join(OWNER_FILE);
    match std::fs::read_to_string(&file) {
        Ok(found) if found == text => Ok(()),
        Ok(found) => {
            let words = found.split_whitespace().collect::<Vec<_>>().join(" ");
            let what = format!("{} belongs to another link ({words})", folder.display());
            Err(Error::new(Code::DataDirMismatch, what).with_remedy(
                "choose another --name or another --data-dir; if the link stayed the same and a server was replaced, \
                 move the folder away",
            ))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => write_owner(folder, &file, &text),
        Err(error) => Err(refused("read", &file, error)),
    }
}

/// The identities of the two servers that a folder's link runs between, source first, if it has run.
pub(crate) fn servers_of(folder: &Path) -> Option<[String; 2]> {
    let text = std::fs::read_to_string(folder.join(OWNER_FILE)).ok()?;
    let of = |side: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(side)?.strip_prefix(' '));
        line.map(str::to_owned)
    };
    Some([of("source")?, of("target")?])
}

/// The file is there whole or not at all.
fn write_owner(folder: &Path, file: &Path, text: &str) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| refused("make", folder, e))?;
    let draft = folder.join(format!("{OWNER_FILE}.{}", std::process::id()));
    let write = || {
        let mut out = std::fs::File::create(&draft)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        std::fs::rename(&draft, file)
    };
    write().map_err(|e| refused("write", file, e))
}

fn refused(verb: &str, path: &Path, error: std::io::Error) -> Error {
    Error::new(Code::ChangeLogIo, format!("{verb} {}: {error}", path.display())).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_where() {
        let name = InstanceName::parse("a").unwrap();
        let at = |home: Option<&str>, state: Option<&str>| {
            let around = Surroundings { home: home.map(PathBuf::from), state_home: state.map(PathBuf::from) };
            around.link_folder(&name).map(|path| path.display().to_string()).map_err(|e| e.code())
        };
        assert_eq!(at(Some("/h"), None).unwrap(), "/h/.local/state/tidegate/a");
        assert_eq!(at(Some("/h"), Some("/s")).unwrap(), "/s/tidegate/a");
        assert_eq!(at(Some("/h"), Some("relative")).unwrap(), "/h/.local/state/tidegate/a");
        assert_eq!(at(None, None), Err(Code::BadSetting));
    }

    #[test]
    fn a_folder_has_one_owner() {
        let folder = std::env::temp_dir().join(format!("tidegate-folder-{}", std::process::id()));
        let name = InstanceName::parse("a").unwrap();
        let owner = |source| Owner { name: &name, source, target: "t" };
        assert_eq!(servers_of(&folder), None);
        claim(&folder, &owner("s")).unwrap();
        claim(&folder, &owner("s")).unwrap();
        assert_eq!(servers_of(&folder), Some(["s".to_owned(), "t".to_owned()]));
        assert_eq!(claim(&folder, &owner("other")).unwrap_err().code(), Code::DataDirMismatch);
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::write(&folder, "").unwrap();
        assert_eq!(claim(&folder, &owner("s")).unwrap_err().code(), Code::ChangeLogIo);
        std::fs::remove_file(&folder).unwrap();
    }
}
