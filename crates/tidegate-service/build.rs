//! The console's files are read by a macro, which does not see new ones by itself.

fn main() {
    println!("cargo:rerun-if-changed=../../console/dist");
}
