//! Finds the Debian mirror this machine already uses, so that no host name is written in the code.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Names the variable that replaces the mirror found in the machine's apt sources.
const MIRROR_VARIABLE: &str = "TIDEGATE_SANDBOX_MIRROR";

/// The mirror and the suite of the machine itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirror {
    pub(crate) uri: String,
    pub(crate) codename: String,
}

/// One `deb` entry of the apt sources.
#[derive(Debug, Default, Clone)]
struct Entry {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    signed_by: String,
}

/// Reads the machine's apt sources and release name.
pub(crate) fn find() -> Result<Mirror, String> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename = codename(&release).ok_or(
        "/etc/os-release names no VERSION_CODENAME; the sandbox installs its servers from Debian packages, \
         so run it on Debian or set TIDEGATE_SANDBOX_CACHE to a cache folder prepared on a Debian machine",
    )?;
    if let Ok(uri) = env::var(MIRROR_VARIABLE)
        && !uri.is_empty()
    {
        return Ok(Mirror { uri, codename });
    }
    let mut entries = Vec::new();
    for path in source_files(Path::new("/etc/apt")) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "sources") {
            entries.extend(parse_stanzas(&text));
        } else {
            entries.extend(parse_lines(&text));
        }
    }
    let uri = choose(&entries, &codename).ok_or_else(|| {
        format!(
            "no apt source under /etc/apt offers the suite {codename} with the component main; add Debian's \
             mirror to the apt sources or set {MIRROR_VARIABLE} to the address of one"
        )
    })?;
    Ok(Mirror { uri, codename })
}

/// The source lists in the order apt reads them.
fn source_files(etc: &Path) -> Vec<PathBuf> {
    let mut parts: Vec<PathBuf> = fs::read_dir(etc.join("sources.list.d"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    parts.retain(|path| {
        path.extension().is_some_and(|extension| extension == "list" || extension == "sources")
    });
    parts.sort();
    parts.insert(0, etc.join("sources.list"));
    parts
}

fn codename(os_release: &str) -> Option<String> {
    let line = os_release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    let name = line.trim().trim_matches('"');
    (!name.is_empty()).then(|| name.to_owned())
}

/// Picks the entry of the machine's own suite. Other vendors may use Debian's suite names too, so an
/// entry signed by Debian's keyring, or at least with Debian's usual path, is preferred.
fn choose(entries: &[Entry], codename: &str) -> Option<String> {
    let mut best: Option<(u8, &String)> = None;
    for entry in entries {
        let has = |list: &[String], wanted: &str| list.iter().any(|item| item == wanted);
        if !has(&entry.suites, codename) || !has(&entry.components, "main") {
            continue;
        }
        for uri in &entry.uris {
            let signed = u8::from(entry.signed_by.contains("debian-archive")) * 2;
            let usual = u8::from(uri.trim_end_matches('/').ends_with("/debian"));
            if best.is_none_or(|(score, _)| signed + usual > score) {
                best = Some((signed + usual, uri));
            }
        }
    }
    best.map(|(_, uri)| uri.clone())
}

/// Parses the one-line format: `deb [option=value ...] uri suite component...`.
fn parse_lines(text: &str) -> Vec<Entry> {
    text.lines().filter_map(|line| parse_line(line.split('#').next().unwrap_or_default())).collect()
}

fn parse_line(line: &str) -> Option<Entry> {
    let rest = line.trim().strip_prefix("deb")?;
    let rest = rest.starts_with(char::is_whitespace).then(|| rest.trim_start())?;
    let (options, rest) = match rest.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
    Some(Entry {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by: signed_by.unwrap_or_default().to_owned(),
    })
}

/// Parses the deb822 format: stanzas of `Field: value`, continued by indented lines.
fn parse_stanzas(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            entries.extend(stanza(&fields));
            fields.clear();
        } else if line.starts_with(char::is_whitespace) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    entries
}

fn stanza(fields: &[(String, String)]) -> Option<Entry> {
    let words = |wanted: &str| -> Vec<String> {
        let value = fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        value.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let disabled = words("enabled").first().is_some_and(|value| value.eq_ignore_ascii_case("no"));
    if disabled || !words("types").iter().any(|kind| kind == "deb") {
        return None;
    }
    Some(Entry {
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
        signed_by: words("signed-by").join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_with_comments_continuations_and_disabled_entries() {
        let text = "# comment\nTypes: deb deb-src\n# inside\nURIs: http://mirror.test/debian\n\
                    Suites: bookworm\n bookworm-updates\nComponents: main\n\
                    Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
                    Enabled: no\nTypes: deb\nURIs: http://off.test/debian\nSuites: bookworm\nComponents: main\n";
        let entries = parse_stanzas(text);
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].suites, ["bookworm", "bookworm-updates"]);
        assert_eq!(choose(&entries, "bookworm").as_deref(), Some("http://mirror.test/debian"));
        assert_eq!(choose(&entries, "sid"), None);
    }

    #[test]
    fn one_line_entries_with_and_without_options() {
        let text = "deb-src http://mirror.test/debian trixie main\n\
                    deb [arch=amd64 signed-by=/k/vendor.gpg] https://vendor.test/apt trixie main\n\
                    deb http://mirror.test/debian/ trixie main contrib # usual\n";
        let entries = parse_lines(text);
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].signed_by, "/k/vendor.gpg");
        assert_eq!(choose(&entries, "trixie").as_deref(), Some("http://mirror.test/debian/"));
    }

    #[test]
    fn the_release_name_may_be_quoted_or_absent() {
        assert_eq!(codename("ID=debian\nVERSION_CODENAME=\"trixie\"\n").as_deref(), Some("trixie"));
        assert_eq!(codename("ID=other\n"), None);
    }
}
