//! The committed document is the one that the routes make.

use std::path::Path;

/// `TIDEGATE_WRITE_GOLDEN=1` writes it anew.
#[test]
fn the_document_is_the_committed_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let made = tidegate_service::http::document();
    if std::env::var_os("TIDEGATE_WRITE_GOLDEN").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == made, "docs/openapi.json is old: run this test with TIDEGATE_WRITE_GOLDEN=1");
}
