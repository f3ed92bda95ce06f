//! Definitions: read from the source, made in the target under their new names, compared.
//!
//! [`read()`] answers each object as one CREATE statement with the source's names. [`make()`] carries them out in the
//! target, as often as need be: what is there already is compared, not made again. [`list_differences`] compares
//! everything for `tidegate verify`.

mod account;
mod compare;
mod create;
mod detail;
mod foreign;
mod guard;
mod make;
mod map;
mod normal;
mod read;
mod session;
mod shape;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use compare::list_differences;
pub(crate) use guard::{guarded, is_guarded};
pub(crate) use make::{Own, make, vet};
pub(crate) use read::read;
pub(crate) use text::words;
