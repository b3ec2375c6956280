//! Payloads: words, arguments and outputs, named by keyed digest in the journal and kept beside it.
//!
//! A serialised payload is its digest alone. The store writes values into their own table and puts them back when it
//! reads; a value that was erased stays away, and everything that needs it says so (DESIGN law 15).

use std::sync::Arc;

use domain::digest::{Digest, GoalKey};
use domain::tool::Toolset;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A value that may be erased, and the name that stays.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Digest", into = "Digest")]
pub struct Payload {
    digest: Digest,
    value: Option<Arc<Value>>,
}

/// The bytes of a payload are not what its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("payload {0} is damaged")]
pub struct DamagedPayload(pub Digest);

impl Payload {
    /// Names a value under the goal's key.
    pub fn new(key: &GoalKey, value: impl Into<Arc<Value>>) -> Self {
        let value = value.into();
        Self {
            digest: digest_of(key, &bytes_of(&value)),
            value: Some(value),
        }
    }

    /// The name.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The value; `None`: it was erased, or not read from the store.
    pub fn value(&self) -> Option<&Arc<Value>> {
        self.value.as_ref()
    }

    /// The bytes that the store keeps; `None`: there are none to keep.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        self.value.as_ref().map(|value| bytes_of(value))
    }

    /// Puts back the bytes that the store kept.
    ///
    /// # Errors
    /// The bytes are not those that were named.
    pub fn restore(&mut self, key: &GoalKey, bytes: &[u8]) -> Result<(), DamagedPayload> {
        if digest_of(key, bytes) != self.digest {
            return Err(DamagedPayload(self.digest));
        }
        let value = serde_json::from_slice(bytes).map_err(|_| DamagedPayload(self.digest))?;
        self.value = Some(Arc::new(value));
        Ok(())
    }
}

/// The text of a value as the store keeps it; every value has one.
fn bytes_of(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn digest_of(key: &GoalKey, bytes: &[u8]) -> Digest {
    key.digest(&[b"payload", bytes])
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl From<Digest> for Payload {
    fn from(digest: Digest) -> Self {
        Self {
            digest,
            value: None,
        }
    }
}

impl From<Payload> for Digest {
    fn from(payload: Payload) -> Self {
        payload.digest
    }
}

/// The tool specifications that a plan was checked against, named by digest; many goals share one set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Digest", into = "Digest")]
pub struct PinnedTools {
    digest: Digest,
    tools: Option<Arc<Toolset>>,
}

impl PinnedTools {
    /// Pins a set under the digest that the store keeps it by.
    pub fn new(digest: Digest, tools: Arc<Toolset>) -> Self {
        Self {
            digest,
            tools: Some(tools),
        }
    }

    /// The set's name.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The set; `None`: not read from the store.
    pub fn tools(&self) -> Option<&Arc<Toolset>> {
        self.tools.as_ref()
    }

    /// Puts back the set that the store kept.
    pub fn restore(&mut self, tools: Arc<Toolset>) {
        self.tools = Some(tools);
    }
}

impl PartialEq for PinnedTools {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl From<Digest> for PinnedTools {
    fn from(digest: Digest) -> Self {
        Self {
            digest,
            tools: None,
        }
    }
}

impl From<PinnedTools> for Digest {
    fn from(pinned: PinnedTools) -> Self {
        pinned.digest
    }
}
