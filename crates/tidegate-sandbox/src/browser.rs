//! A browser for the tests of pages.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::install::{CHROMIUM, Unpacked};

/// Starts the unpacked browser with the unpacked libraries and fonts, wherever the folder lies. It starts itself again for
/// its pages, so the loader cannot be told: the packages are of the machine's own Debian, and its C library fits.
const SCRIPT: &str = "#!/bin/sh
here=$(cd \"$(dirname \"$0\")\" && pwd)
libraries=
for place in \"$here\"/usr/lib/*-linux-gnu* \"$here\"/lib/*-linux-gnu*; do
  libraries=\"$libraries:$place:$place/pulseaudio:$place/nss\"
done
export LD_LIBRARY_PATH=\"${libraries#:}\"
export FONTCONFIG_FILE=\"$here/fonts.conf\"
exec \"$here/usr/lib/chromium/chromium\" \"$@\"
";

const FONTS: &str = r#"<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"#;

/// What belongs to the C library is the machine's.
const C_LIBRARY: [&str; 8] =
    ["ld-linux", "libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so", "libresolv.so", "libnss_"];

/// The browser's program, installed now if it is not there yet. It is Chromium.
pub fn browser() -> Result<PathBuf, String> {
    wrapped(&CHROMIUM.unpacked()?)
}

/// The script that starts it.
pub(crate) fn wrapped(unpacked: &Unpacked) -> Result<PathBuf, String> {
    let folder = &unpacked.folder;
    let script = folder.join("chromium");
    if script.exists() {
        return Ok(script);
    }
    let failed = |what: &Path, error: std::io::Error| format!("cannot write {}: {error}", what.display());
    for place in [unpacked.libraries(), folder.join("lib")] {
        drop_c_library(&place);
    }
    let fonts = folder.join("fonts.conf");
    fs::write(&fonts, FONTS).map_err(|error| failed(&fonts, error))?;
    // Whole before it is there: another process may look.
    let draft = folder.join(format!("chromium-{}", std::process::id()));
    fs::write(&draft, SCRIPT).map_err(|error| failed(&draft, error))?;
    fs::set_permissions(&draft, Permissions::from_mode(0o755)).map_err(|error| failed(&draft, error))?;
    fs::rename(&draft, &script).map_err(|error| failed(&script, error))?;
    Ok(script)
}

fn drop_c_library(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() {
            drop_c_library(&path);
        } else if C_LIBRARY.iter().any(|part| name.starts_with(part)) {
            let _ = fs::remove_file(&path);
        }
    }
}
