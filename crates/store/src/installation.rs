//! The installation: its name, and whether the keys at hand are the ones that its store was made with.

use std::path::{Path, PathBuf};

use audit::{CheckpointSigner, VerifierKey};
use domain::digest::InstallationSecret;
use ed25519_dalek::SigningKey;

use crate::error::{Damage, Error};
use crate::keys;

/// The table's name.
pub(crate) const TABLE: &str = "installation";

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

/// An installation as its row says.
pub(crate) struct Stored {
    pub(crate) name: String,
    /// Keyed digest of the name.
    pub(crate) proof: Vec<u8>,
    pub(crate) verifier_key: String,
}

impl Stored {
    /// Founds an installation with the keys of a data directory, which are made where they are missing.
    pub(crate) fn found(dir: &Path) -> Result<Self, Error> {
        let secret = InstallationSecret::new(keys::read_or_create(&secret_path(dir))?);
        let seed = keys::read_or_create(&signing_path(dir))?;
        let name = uuid::Uuid::now_v7().to_string();
        Ok(Self {
            proof: proof(&secret, &name).as_bytes().to_vec(),
            verifier_key: signer(&name, seed, dir)?.verifier_key().to_string(),
            name,
        })
    }

    /// The installation with the keys of a data directory, which have to be its own.
    pub(crate) fn with_keys(self, dir: &Path, epoch: i64) -> Result<Installation, Error> {
        let secret = InstallationSecret::new(keys::read(&secret_path(dir))?);
        let seed = keys::read(&signing_path(dir))?;
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
            epoch,
        })
    }

    /// The public key of whoever signs, without its private key.
    pub(crate) fn key(&self) -> Result<VerifierKey, Error> {
        let key = self.verifier_key.parse();
        Ok(key.map_err(|_| Damage::row(TABLE, "", "its verifier key is malformed"))?)
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
