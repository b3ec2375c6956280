//! Ports of loopback that were free a moment ago.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};

use crate::process::Error;

/// Where low ports begin; they end before those that Linux gives to whoever names none.
const LOW: u16 = 16_384;
const LOW_TRIES: u64 = 1_000;

/// Different ports, of the kernel's choice.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N], Error> {
    let any = std::iter::repeat_with(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    Ok(ports_of(any.take(N).collect::<Result<_, _>>()?)?)
}

/// Different ports below 32768, for a server that keeps a port in a signed number of 16 bits.
pub(crate) fn low_ports<const N: usize>() -> Result<[u16; N], Error> {
    let random = RandomState::new();
    let free = (0..LOW_TRIES).filter_map(|number| {
        let [high, low, ..] = random.hash_one(number).to_be_bytes();
        let port = LOW + u16::from_be_bytes([high, low]) % LOW;
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()
    });
    Ok(ports_of(free.take(N).collect())?)
}

/// The ports of listeners, which are held until all are there, so that none comes twice.
fn ports_of<const N: usize>(listeners: Vec<TcpListener>) -> io::Result<[u16; N]> {
    let ports = listeners
        .iter()
        .map(|listener| Ok(listener.local_addr()?.port()));
    let ports: Vec<_> = ports.collect::<io::Result<_>>()?;
    ports
        .try_into()
        .map_err(|_| io::Error::other("no ports are free"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ports_are_different_and_low_ones_are_low() {
        let (any, low) = (free_ports::<9>().unwrap(), low_ports::<50>().unwrap());
        assert_eq!(BTreeSet::from(any).len(), 9);
        assert_eq!(BTreeSet::from(low).len(), 50);
        assert!(
            low.iter().all(|port| (LOW..32_768).contains(port)),
            "{low:?}"
        );
    }
}
