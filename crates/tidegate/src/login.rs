//! Where passwords come from.

use crate::args::EndArgs;
use std::io::{IsTerminal, Read};
use std::path::Path;
use tidegate_service::endpoint::{EndpointUrl, Secret, Side};
use tidegate_service::{Code, Error, Result};

const PASSWORD_BYTES_MAX: u64 = 4096;

/// What the command line says about one end.
struct End<'a> {
    side: Side,
    url: &'a str,
    env: Option<&'a str>,
    file: Option<&'a Path>,
    insecure_url: bool,
}

fn variable_of(side: Side) -> &'static str {
    match side {
        Side::Source => "TIDEGATE_SOURCE_PASSWORD",
        Side::Target => "TIDEGATE_TARGET_PASSWORD",
    }
}

/// The password that a file or the environment holds: of the variable that is named, else of the side's own.
pub(crate) fn given_password(side: Side, env: Option<&str>, file: Option<&Path>) -> Result<Option<String>> {
    match (file, env) {
        (Some(file), _) => read_file(file).map(Some).map_err(|why| {
            let what = format!("--{side}-password-file: {}: {why}", file.display());
            Error::new(Code::BadSetting, what)
                .with_remedy("name a file that holds the password and nothing else")
        }),
        (None, Some(name)) => std::env::var(name).map(Some).map_err(|_| {
            let what = format!(
                "--{side}-password-env: the environment variable '{name}' is not set, or is not text"
            );
            Error::new(Code::BadSetting, what).with_remedy("set and export the variable, or name another")
        }),
        (None, None) => match std::env::var(variable_of(side)) {
            Ok(password) => Ok(Some(password)),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(Error::new(Code::BadSetting, format!("{} is not text in UTF-8", variable_of(side))))
            }
        },
    }
}

impl EndArgs {
    /// Both ends with the passwords that were given. The service asks the servers, not this program.
    pub(crate) fn given(&self) -> Result<(EndpointUrl, EndpointUrl)> {
        let (source, target) = self.ends();
        Ok((source.url()?, target.url()?))
    }

    /// Both ends with their passwords; asks on the terminal for what a server wants and nobody has given.
    pub(crate) async fn endpoints(&self) -> Result<(EndpointUrl, EndpointUrl)> {
        let (source, target) = self.ends();
        let (source_url, target_url) = (source.url()?, target.url()?);
        Ok((source.ask_if_needed(source_url).await?, target.ask_if_needed(target_url).await?))
    }

    fn ends(&self) -> (End<'_>, End<'_>) {
        let source = End {
            side: Side::Source,
            url: &self.source,
            env: self.source_password_env.as_deref(),
            file: self.source_password_file.as_deref(),
            insecure_url: self.insecure_url,
        };
        let target = End {
            side: Side::Target,
            url: &self.target,
            env: self.target_password_env.as_deref(),
            file: self.target_password_file.as_deref(),
            insecure_url: self.insecure_url,
        };
        (source, target)
    }
}

impl End<'_> {
    fn url(&self) -> Result<EndpointUrl> {
        let url = EndpointUrl {
            url: self.url.to_owned(),
            password: given_password(self.side, self.env, self.file)?.map(Secret::new),
            password_in_url: self.insecure_url,
            gate: None,
        };
        url.read(self.side)?;
        Ok(url)
    }

    /// The server is asked first: many accounts on a person's own machine have no password.
    async fn ask_if_needed(&self, mut url: EndpointUrl) -> Result<EndpointUrl> {
        let endpoint = url.read(self.side)?;
        let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if !terminal || url.password.is_some() || endpoint.has_password() {
            return Ok(url);
        }
        match endpoint.try_login().await {
            Ok(()) => Ok(url),
            Err(error) if error.code() == Code::AccessDenied => {
                let question = format!("Password of {} ({}): ", endpoint.account(), self.side);
                let asked = tokio::task::spawn_blocking(move || rpassword::prompt_password(question)).await;
                let answer = asked.map_err(std::io::Error::other).and_then(|answer| answer).map_err(|e| {
                    Error::new(
                        Code::BadSetting,
                        format!("{}: the password cannot be asked for: {e}", self.side),
                    )
                    .with_remedy(format!("set {}", variable_of(self.side)))
                })?;
                url.password = Some(Secret::new(answer));
                Ok(url)
            }
            Err(error) => Err(error),
        }
    }
}

/// The file's text without the line's end that editors and `echo` leave.
pub(crate) fn read_file(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(file)?.take(PASSWORD_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > PASSWORD_BYTES_MAX {
        return Err(std::io::Error::other(format!("it has more than {PASSWORD_BYTES_MAX} bytes")));
    }
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// An account that was refused without a password most likely has one.
pub(crate) fn hint(error: Error, ends: [&tidegate_service::endpoint::Endpoint; 2]) -> Error {
    if error.code() != Code::AccessDenied {
        return error;
    }
    let refused = ends.into_iter().find(|end| error.message().starts_with(&format!("{}: ", end.side())));
    match refused.filter(|end| !end.has_password()) {
        Some(end) => {
            let side = end.side();
            let variable = format!("TIDEGATE_{}_PASSWORD", side.to_string().to_uppercase());
            error.with_remedy(format!("no password was given: set {variable} or use --{side}-password-file"))
        }
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_files() {
        let file = std::env::temp_dir().join(format!("tidegate-password-{}", std::process::id()));
        let read = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            read_file(&file)
        };
        for (bytes, password) in [
            ("secret", "secret"),
            ("secret\n", "secret"),
            ("secret\r\n", "secret"),
            (" s \n\n", " s \n"),
            ("", ""),
        ] {
            assert_eq!(read(bytes.as_bytes()).unwrap(), password);
        }
        assert!(read(&[0xff]).is_err());
        assert!(read(&vec![b'a'; 5000]).is_err());
        std::fs::remove_file(&file).unwrap();
        assert!(read_file(&file).is_err());
    }

    #[test]
    fn a_refused_account_without_a_password_is_hinted_at() {
        let end = |side, password: Option<&str>| {
            let password = password.map(Secret::new);
            EndpointUrl { url: "mysql://u@h/".to_owned(), password, password_in_url: false, gate: None }
                .read(side)
                .unwrap()
        };
        let (source, target) = (end(Side::Source, Some("x")), end(Side::Target, None));
        let denied =
            |side: &str| hint(Error::new(Code::AccessDenied, format!("{side}: no")), [&source, &target]);
        assert_eq!(denied("source").remedy(), Code::AccessDenied.remedy());
        assert!(denied("target").remedy().contains("TIDEGATE_TARGET_PASSWORD"));
    }
}
