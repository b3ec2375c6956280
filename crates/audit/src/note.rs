//! Signed notes with Ed25519 (C2SP signed-note): text, a blank line, one signature a line.
//!
//! Signatures by keys that the reader does not know are passed over; one by the key it knows must be right.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// The signature type of Ed25519 (C2SP signed-note, "Signature types").
const ED25519: u8 = 1;

/// The most signatures a note may have, as in the reference implementation.
const SIGNATURES_MAX: usize = 100;

/// The longest note read, in bytes: a checkpoint has about 200, each witness adds about 150.
const NOTE_BYTES_MAX: usize = 64 * 1024;

/// The public key of whoever signs checkpoints, with its name: `name+hash+key` as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

/// Why a text or a name gives no [`VerifierKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name is empty, or has a space, a `+` or a control character.
    #[error("key name is empty or has a space, a `+` or a control character")]
    Name,
    /// The text has not the form `name+hash+key`.
    #[error("verifier key has not the form name+hash+key")]
    Form,
    /// The key is not of Ed25519.
    #[error("verifier key is not an Ed25519 key")]
    Kind,
    /// The hash is not that of the name and key.
    #[error("verifier key's hash is not that of its name and key")]
    Id,
}

impl VerifierKey {
    /// Names a public key.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn new(name: impl Into<String>, key: VerifyingKey) -> Result<Self, KeyError> {
        let name = name.into();
        let refused = |char: char| char == '+' || char.is_whitespace() || char.is_control();
        if name.is_empty() || name.contains(refused) {
            return Err(KeyError::Name);
        }
        let digest: [u8; 32] = Sha256::new()
            .chain_update(&name)
            .chain_update([b'\n', ED25519])
            .chain_update(key.as_bytes())
            .finalize()
            .into();
        let [first, second, third, fourth, ..] = digest;
        Ok(Self {
            name,
            id: [first, second, third, fourth],
            key,
        })
    }

    /// Returns the key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![ED25519];
        typed.extend_from_slice(self.key.as_bytes());
        let id = u32::from_be_bytes(self.id);
        write!(f, "{}+{id:08x}+{}", self.name, STANDARD.encode(typed))
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        let typed = STANDARD.decode(key).map_err(|_| KeyError::Form)?;
        let Some((&ED25519, bytes)) = typed.split_first() else {
            return Err(KeyError::Kind);
        };
        let bytes = bytes.try_into().map_err(|_| KeyError::Kind)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Kind)?;
        let key = Self::new(name, key)?;
        // The hash must stand there as it is written: eight lower-case digits.
        if format!("{:08x}", u32::from_be_bytes(key.id)) != id {
            return Err(KeyError::Id);
        }
        Ok(key)
    }
}

/// A private key that signs checkpoints, with its name.
#[derive(Clone)]
pub struct CheckpointSigner {
    public: VerifierKey,
    secret: SigningKey,
}

impl CheckpointSigner {
    /// Names a private key.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn new(name: impl Into<String>, secret: SigningKey) -> Result<Self, KeyError> {
        let public = VerifierKey::new(name, secret.verifying_key())?;
        Ok(Self { public, secret })
    }

    /// Returns the public key, to be given to whoever verifies.
    #[must_use]
    pub const fn verifier_key(&self) -> &VerifierKey {
        &self.public
    }

    /// Signs a text that ends with a newline.
    pub(crate) fn sign(&self, text: &str) -> String {
        let mut line = self.public.id.to_vec();
        line.extend_from_slice(&self.secret.sign(text.as_bytes()).to_bytes());
        format!("{text}\n— {} {}\n", self.public.name, STANDARD.encode(line))
    }
}

impl fmt::Debug for CheckpointSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointSigner")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// Why a note is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is no signed note.
    #[error("not a signed note: {0}")]
    Form(&'static str),
    /// None of its signatures is by the key.
    #[error("signed by {found}, not by the key {expected}")]
    UnknownKey {
        /// The key that was to have signed it: name and hash.
        expected: String,
        /// The keys that say they signed it.
        found: String,
    },
    /// A signature by the key is wrong.
    #[error("the signature by {0} is wrong")]
    BadSignature(String),
}

/// A signed note, read and not yet believed.
pub(crate) struct Note<'a> {
    /// The text with its last newline.
    pub(crate) text: &'a str,
    signatures: Vec<NoteSignature<'a>>,
}

struct NoteSignature<'a> {
    name: &'a str,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl<'a> Note<'a> {
    pub(crate) fn read(note: &'a str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::Form("it is too long"));
        }
        if note.contains(|char: char| char < ' ' && char != '\n') {
            return Err(NoteError::Form("it has a control character"));
        }
        // The text may have blank lines itself; the last one ends it.
        let at = note
            .rfind("\n\n")
            .ok_or(NoteError::Form("no blank line ends its text"))?;
        let (text, rest) = note.split_at(at + 1);
        let lines = rest
            .strip_prefix('\n')
            .and_then(|lines| lines.strip_suffix('\n'));
        let lines = lines.ok_or(NoteError::Form("it has no signature line"))?;
        let signatures = lines
            .split('\n')
            .map(NoteSignature::read)
            .collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(NoteError::Form("it has too many signatures"));
        }
        Ok(Self { text, signatures })
    }

    /// Checks the signature by `key`.
    pub(crate) fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let mut known = self
            .signatures
            .iter()
            .filter(|signature| signature.name == key.name && signature.id == key.id)
            .peekable();
        if known.peek().is_none() {
            return Err(NoteError::UnknownKey {
                expected: format!("{}+{:08x}", key.name, u32::from_be_bytes(key.id)),
                found: self.signers(),
            });
        }
        let right = known.all(|signature| {
            Signature::from_slice(&signature.bytes)
                .is_ok_and(|bytes| key.key.verify_strict(self.text.as_bytes(), &bytes).is_ok())
        });
        if right {
            Ok(())
        } else {
            Err(NoteError::BadSignature(key.name.clone()))
        }
    }

    /// Returns who says to have signed, names and hashes.
    pub(crate) fn signers(&self) -> String {
        let signers = self.signatures.iter().map(|signature| {
            format!(
                "{}+{:08x}",
                signature.name,
                u32::from_be_bytes(signature.id)
            )
        });
        signers.collect::<Vec<_>>().join(", ")
    }
}

impl<'a> NoteSignature<'a> {
    fn read(line: &'a str) -> Result<Self, NoteError> {
        let refused = NoteError::Form("a signature line is not `— name base64`");
        let parts = line
            .strip_prefix("— ")
            .and_then(|line| line.split_once(' '));
        let Some((name, base64)) =
            parts.filter(|(name, _)| !name.is_empty() && !name.contains('+'))
        else {
            return Err(refused);
        };
        let decoded = STANDARD.decode(base64).ok();
        let Some((id, bytes)) = decoded
            .as_deref()
            .and_then(|bytes| bytes.split_first_chunk())
        else {
            return Err(refused);
        };
        Ok(Self {
            name,
            id: *id,
            bytes: bytes.to_vec(),
        })
    }
}
