//! An instance's configuration as a file.

use std::path::Path;
use tidegate_api::{CreateInstance, Instance};
use tidegate_service::{Code, Error, Result};

/// What it was made with. Passwords are never shown, so none are in it.
pub(super) fn of(shown: Instance) -> CreateInstance {
    CreateInstance {
        name: shown.name,
        kind: shown.kind,
        source: shown.source,
        target: shown.target,
        objects: shown.objects,
        full_only: shown.full_only,
        tuning: shown.tuning,
    }
}

pub(super) fn write(spec: &CreateInstance) -> Result<String> {
    toml::to_string(spec).map_err(|error| Error::new(Code::Internal, error.to_string()))
}

/// A password in the file is refused: files are copied and kept.
pub(super) fn read(file: &Path) -> Result<CreateInstance> {
    let bad = |why: String| Error::new(Code::BadSetting, format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| bad(error.to_string()))?;
    let spec: CreateInstance =
        toml::from_str(&text).map_err(|error| bad(error.to_string().trim_end().replace('\n', " ")))?;
    if spec.source.password.is_some() || spec.target.password.is_some() {
        return Err(bad("a password stands in the file".to_owned()).with_remedy(
            "take it out, and give it with --source-password-file or TIDEGATE_SOURCE_PASSWORD",
        ));
    }
    Ok(spec)
}
