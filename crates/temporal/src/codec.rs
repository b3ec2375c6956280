//! Encryption of what Temporal keeps: AES-256-GCM with a fresh nonce a payload.
//!
//! The whole payload goes inside, its metadata too, as the samples of the other SDKs have it; `encoding` says
//! `binary/encrypted`, and the data is the nonce followed by the sealed bytes.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use prost::Message as _;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use temporalio_common::data_converters::{
    DataConverter, DefaultFailureConverter, PayloadCodec, PayloadConversionError, PayloadConverter,
    SerializationContextData,
};
use temporalio_common::protos::temporal::api::common::v1::Payload;

const ENCODING: &[u8] = b"binary/encrypted";

/// How payloads are written and read.
pub(crate) fn converter(keys: &[[u8; 32]]) -> DataConverter {
    match keys {
        [] => DataConverter::default(),
        // Messages and stack traces of failures go inside as well.
        keys => DataConverter::new(
            PayloadConverter::default(),
            DefaultFailureConverter::new(true),
            Sealed(keys.iter().filter_map(key).collect()),
        ),
    }
}

fn key(bytes: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, bytes)
        .ok()
        .map(LessSafeKey::new)
}

struct Sealed(Arc<[LessSafeKey]>);

impl PayloadCodec for Sealed {
    fn encode(
        &self,
        _: &SerializationContextData,
        payloads: Vec<Payload>,
    ) -> BoxFuture<'static, Result<Vec<Payload>, PayloadConversionError>> {
        let keys = Arc::clone(&self.0);
        Box::pin(async move {
            payloads
                .iter()
                .map(|payload| seal(&keys, payload))
                .collect()
        })
    }

    fn decode(
        &self,
        _: &SerializationContextData,
        payloads: Vec<Payload>,
    ) -> BoxFuture<'static, Result<Vec<Payload>, PayloadConversionError>> {
        let keys = Arc::clone(&self.0);
        Box::pin(async move {
            payloads
                .into_iter()
                .map(|payload| open(&keys, payload))
                .collect()
        })
    }
}

fn seal(keys: &[LessSafeKey], payload: &Payload) -> Result<Payload, PayloadConversionError> {
    let key = keys.first().ok_or_else(|| failed("there is no key"))?;
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).map_err(|_| failed("the system has no randomness"))?;
    let mut sealed = payload.encode_to_vec();
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::empty(),
        &mut sealed,
    )
    .map_err(|_| failed("a payload cannot be encrypted"))?;
    Ok(Payload {
        metadata: HashMap::from([("encoding".to_owned(), ENCODING.to_vec())]),
        data: [nonce.as_slice(), &sealed].concat(),
        ..Payload::default()
    })
}

/// Opens a payload; one that is not sealed was written before there was a key, or is none of ours.
fn open(keys: &[LessSafeKey], payload: Payload) -> Result<Payload, PayloadConversionError> {
    if payload.metadata.get("encoding").map(Vec::as_slice) != Some(ENCODING) {
        return Ok(payload);
    }
    let (nonce, sealed) = payload
        .data
        .split_first_chunk::<NONCE_LEN>()
        .ok_or_else(|| failed("a payload is too short to be an encrypted one"))?;
    let opened = keys.iter().find_map(|key| {
        let mut bytes = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = key.open_in_place(nonce, Aad::empty(), &mut bytes).ok()?;
        Some(Payload::decode(&*opened))
    });
    opened
        .ok_or_else(|| failed("a payload was encrypted with none of the configured keys"))?
        .map_err(|error| PayloadConversionError::EncodingError(error.into()))
}

fn failed(why: &str) -> PayloadConversionError {
    PayloadConversionError::EncodingError(why.into())
}
