//! Passwords at rest: sealed with a key that lies outside the store; passwords of people: only as Argon2 hashes.

use crate::store::Store;
use argon2::Argon2;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tidegate_model::{Code, Error, Result};

const KEY_BYTES: usize = 32;
/// A sealed text in the store that tells whether a key is its.
const PROOF: &str = "tidegate";
const PROOF_PLACE: &str = "store";
pub(crate) const SALT_BYTES: usize = 16;

/// Seals and opens passwords.
pub struct Vault {
    key: LessSafeKey,
}

impl Vault {
    /// The key in `file`, which is made if it is not there. A key that others may read is refused.
    pub fn open(file: &Path) -> Result<Self> {
        let key = match read_key(file) {
            Ok(key) => key,
            Err(error) if error.kind() == ErrorKind::NotFound => make_key(file).map_err(|e| bad(file, &e))?,
            Err(error) => return Err(bad(file, &error)),
        };
        Self::of_key(file, &key)
    }

    /// The vault that a store's passwords were sealed with: its key is in `file`. Where a change of the key was cut off
    /// between the store and the file, it is brought to its end.
    pub fn of_store(file: &Path, store: &Store) -> Result<Self> {
        let next = next_key(file);
        let Some(proof) = store.proof()? else {
            let vault = Self::open(file)?;
            store.put_proof(&vault.seal(PROOF_PLACE, PROOF)?)?;
            return Ok(vault);
        };
        if let Ok(vault) = Self::of_file(&next)
            && vault.unseal(PROOF_PLACE, &proof).is_ok()
        {
            put_in_place(&next, file).map_err(|error| bad(file, &error))?;
            return Ok(vault);
        }
        let vault = Self::of_file(file)?;
        vault.unseal(PROOF_PLACE, &proof).map_err(|error| error.context(file.display()))?;
        Ok(vault)
    }

    /// Seals everything that the store holds with a new key. Whoever crashes on the way finds the old key and what it
    /// sealed, or the new ones.
    pub fn rotate(file: &Path, store: &Store) -> Result<usize> {
        let before = Self::of_store(file, store)?;
        let next = next_key(file);
        match std::fs::remove_file(&next) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(bad(&next, &error)),
            _ => {}
        }
        let after = Self::open(&next)?;
        let again = |whose: &str, sealed: &[u8]| after.seal(whose, &before.unseal(whose, sealed)?);
        let count = store.seal_again(&again, &after.seal(PROOF_PLACE, PROOF)?)?;
        put_in_place(&next, file).map_err(|error| bad(file, &error))?;
        Ok(count)
    }

    /// The key must be there.
    fn of_file(file: &Path) -> Result<Self> {
        Self::of_key(file, &read_key(file).map_err(|error| bad(file, &error))?)
    }

    fn of_key(file: &Path, key: &[u8]) -> Result<Self> {
        let unbound = UnboundKey::new(&AES_256_GCM, key)
            .map_err(|_| Error::new(Code::SecretKey, format!("{} does not hold a key", file.display())))?;
        Ok(Self { key: LessSafeKey::new(unbound) })
    }

    /// `whose` ties the sealed text to its place: moved elsewhere it does not open.
    pub fn seal(&self, whose: &str, secret: &str) -> Result<Vec<u8>> {
        let nonce = random::<NONCE_LEN>()?;
        let mut sealed = secret.as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(whose), &mut sealed)
            .map_err(|_| Error::new(Code::Internal, "a secret cannot be sealed"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    pub fn unseal(&self, whose: &str, sealed: &[u8]) -> Result<String> {
        let wrong = || {
            Error::new(Code::SecretKey, "a stored password does not open with this key")
                .with_remedy("put the key back that the store was written with")
        };
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(wrong)?;
        let mut text = rest.to_vec();
        let open = self.key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(whose), &mut text);
        let open = open.map_err(|_| wrong())?.to_vec();
        String::from_utf8(open).map_err(|_| wrong())
    }
}

/// Where the next key lies while everything is being sealed with it.
fn next_key(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".next");
    name.into()
}

fn bad(file: &Path, error: &std::io::Error) -> Error {
    Error::new(Code::SecretKey, format!("the key file {}: {error}", file.display()))
}

fn read_key(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut open = File::open(file)?;
    if open.metadata()?.permissions().mode() & 0o077 != 0 {
        return Err(std::io::Error::other("others may read it: chmod 600"));
    }
    let mut key = Vec::new();
    open.read_to_end(&mut key)?;
    Ok(key)
}

fn make_key(file: &Path) -> std::io::Result<Vec<u8>> {
    let key = random::<KEY_BYTES>().map_err(std::io::Error::other)?;
    let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    made.write_all(&key)?;
    made.sync_all()?;
    sync_folder(file)?;
    Ok(key.to_vec())
}

fn put_in_place(next: &Path, file: &Path) -> std::io::Result<()> {
    std::fs::rename(next, file)?;
    sync_folder(file)
}

/// A file's name is on disk when its folder is.
fn sync_folder(file: &Path) -> std::io::Result<()> {
    match file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::new(Code::Internal, "the system gives no random bytes"))?;
    Ok(bytes)
}

/// What the sealed secret of an access key belongs to.
pub(crate) fn access_key_place(id: &str) -> String {
    format!("access key/{id}")
}

/// A text that nobody guesses, of 256 bits.
pub(crate) fn token() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?))
}

/// What is stored of a token: it has enough bits that a fast hash will do.
pub(crate) fn token_hash(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

/// What is stored of a person's password.
pub(crate) fn password_hash(password: &str, salt: &[u8]) -> Result<Vec<u8>> {
    let mut out = [0; 32];
    Argon2::default()
        .hash_password_into(password.as_bytes(), salt, &mut out)
        .map_err(|error| Error::new(Code::Internal, error.to_string()))?;
    Ok(out.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_in_its_place_with_its_key() {
        let folder = std::env::temp_dir().join(format!("tidegate-vault-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let vault = Vault::open(&folder.join("key")).unwrap();
        let sealed = vault.seal("a/source", "canary").unwrap();
        assert!(!sealed.windows(6).any(|bytes| bytes == b"canary"));
        assert_eq!(Vault::open(&folder.join("key")).unwrap().unseal("a/source", &sealed).unwrap(), "canary");
        assert_eq!(vault.unseal("b/source", &sealed).unwrap_err().code(), Code::SecretKey);
        let other = Vault::open(&folder.join("other")).unwrap();
        assert_eq!(other.unseal("a/source", &sealed).unwrap_err().code(), Code::SecretKey);
        std::fs::set_permissions(folder.join("key"), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(Vault::open(&folder.join("key")).err().unwrap().code(), Code::SecretKey);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_password_is_kept_as_a_slow_hash() {
        let [one, other] =
            ["salt-of-16-bytes", "salt-of-16-bytez"].map(|salt| password_hash("p", salt.as_bytes()).unwrap());
        assert_ne!(one, other);
        assert_eq!(one, password_hash("p", b"salt-of-16-bytes").unwrap());
    }
}
