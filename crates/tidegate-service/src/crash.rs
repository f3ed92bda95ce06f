//! Places at which a test can end the process, as a power cut would.

/// The environment variable that names one.
const VARIABLE: &str = "TIDEGATE_CRASH_AT";

/// Does nothing, unless a test asks for this point. Release builds have no such points.
pub(crate) fn point(name: &str) {
    if cfg!(debug_assertions) && std::env::var(VARIABLE).is_ok_and(|wanted| wanted == name) {
        std::process::abort();
    }
}
