//! The installation: its name, and whether the keys at hand are the ones that its store was made with.

use std::path::{Path, PathBuf};

use audit::{CheckpointSigner, VerifierKey};
use domain::digest::InstallationSecret;
use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use rusqlite::Connection;

use crate::epoch;
use crate::error::Error;
use crate::keys;
use crate::table::{Table, blob, integer, text};

/// The table, of one row.
pub(crate) const INSTALLATION: Table = Table {
    name: "installation",
    insert: "INSERT INTO installation VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
};

/// Who this installation is.
pub(crate) struct Installation {
    /// Its id.
    pub(crate) name: String,
    /// From which all keyed digests are made.
    pub(crate) secret: InstallationSecret,
    /// Signs checkpoints.
    pub(crate) signer: CheckpointSigner,
    /// Which of its lives the store is in.
    pub(crate) epoch: i64,
}

fn secret_path(dir: &Path) -> PathBuf {
    dir.join("keys").join("installation.key")
}

fn signing_path(dir: &Path) -> PathBuf {
    dir.join("keys").join("audit.key")
}

impl Installation {
    /// Reads the installation, or founds it where the store is new.
    pub(crate) fn open(conn: &Connection, dir: &Path) -> Result<Self, Error> {
        let now = Timestamp::now().as_microsecond();
        if let Some(stored) = Stored::read(conn)? {
            let secret = InstallationSecret::new(keys::read(&secret_path(dir))?);
            let installation = stored.with_keys(dir, secret, keys::read(&signing_path(dir))?)?;
            let epoch = epoch::read_or_found(conn, now)?;
            return Ok(Self {
                epoch,
                ..installation
            });
        }
        let secret = InstallationSecret::new(keys::read_or_create(&secret_path(dir))?);
        let seed = keys::read_or_create(&signing_path(dir))?;
        let name = uuid::Uuid::now_v7().to_string();
        let signer = signer(&name, seed, dir)?;
        let proof = proof(&secret, &name);
        let key = signer.verifier_key().to_string();
        let row = [
            integer(1),
            text(&name),
            integer(now),
            blob(proof.as_bytes()),
            text(&key),
        ];
        INSTALLATION.insert(conn, &row)?;
        Ok(Self {
            name,
            secret,
            signer,
            epoch: epoch::read_or_found(conn, now)?,
        })
    }

    /// Reads the installation of a store that another process may have open.
    pub(crate) fn read(conn: &Connection, dir: &Path) -> Result<Self, Error> {
        let stored = Stored::read(conn)?.ok_or_else(|| Error::Foreign {
            path: dir.to_owned(),
        })?;
        let secret = InstallationSecret::new(keys::read(&secret_path(dir))?);
        let installation = stored.with_keys(dir, secret, keys::read(&signing_path(dir))?)?;
        let epoch = epoch::read(conn)?;
        Ok(Self {
            epoch,
            ..installation
        })
    }
}

/// Returns the installation's name and public key without touching its private keys.
pub(crate) fn public(conn: &Connection, dir: &Path) -> Result<(String, VerifierKey), Error> {
    let stored = Stored::read(conn)?.ok_or_else(|| Error::Foreign {
        path: dir.to_owned(),
    })?;
    let key = stored
        .verifier_key
        .parse()
        .map_err(|_| INSTALLATION.damage(None, "its verifier key is malformed"))?;
    Ok((stored.name, key))
}

struct Stored {
    name: String,
    proof: Vec<u8>,
    verifier_key: String,
}

impl Stored {
    fn read(conn: &Connection) -> Result<Option<Self>, Error> {
        let mut statement = conn.prepare("SELECT * FROM installation")?;
        let mut rows = statement.query([])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        INSTALLATION.check(row)?;
        Ok(Some(Self {
            name: row.get(1)?,
            proof: row.get(3)?,
            verifier_key: row.get(4)?,
        }))
    }

    fn with_keys(
        self,
        dir: &Path,
        secret: InstallationSecret,
        seed: [u8; 32],
    ) -> Result<Installation, Error> {
        let other = "it is not the key that this store was made with";
        if proof(&secret, &self.name).as_bytes() != self.proof.as_slice() {
            return Err(Error::Key {
                path: secret_path(dir),
                reason: other,
            });
        }
        let signer = signer(&self.name, seed, dir)?;
        if signer.verifier_key().to_string() != self.verifier_key {
            return Err(Error::Key {
                path: signing_path(dir),
                reason: other,
            });
        }
        Ok(Installation {
            name: self.name,
            secret,
            signer,
            epoch: 0,
        })
    }
}

fn signer(name: &str, seed: [u8; 32], dir: &Path) -> Result<CheckpointSigner, Error> {
    CheckpointSigner::new(format!("omnihub/{name}"), SigningKey::from_bytes(&seed)).map_err(|_| {
        Error::Key {
            path: signing_path(dir),
            reason: "the installation's name is malformed",
        }
    })
}

fn proof(secret: &InstallationSecret, name: &str) -> domain::digest::Digest {
    secret.digest(&[b"installation", name.as_bytes()])
}
