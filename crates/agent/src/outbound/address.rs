//! Which addresses are public.
//!
//! Everything that is not plainly part of the public internet is refused, so an entry missing here refuses too much
//! rather than too little: of IPv6 only 2000::/3 can be public at all.
//! Source: IANA special-purpose address registries (RFC 6890) and the addresses where clouds serve credentials.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why the address is not public; `None`: it is.
pub(super) fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => not_public_v4(address),
        IpAddr::V6(address) => not_public_v6(address),
    }
}

/// Range, bits of its prefix, why it is not public. The first that fits gives the reason.
const V4: [(Ipv4Addr, u32, &str); 18] = [
    (Ipv4Addr::new(169, 254, 169, 254), 32, "a metadata address"),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a metadata address"),
    (Ipv4Addr::new(100, 100, 100, 200), 32, "a metadata address"),
    (Ipv4Addr::new(0, 0, 0, 0), 8, "an unspecified address"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private address"),
    (
        Ipv4Addr::new(100, 64, 0, 0),
        10,
        "a carrier-grade NAT address",
    ),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "a loopback address"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "a link-local address"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private address"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "a protocol assignment"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "a documentation address"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a 6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private address"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "a benchmarking address"),
    (
        Ipv4Addr::new(198, 51, 100, 0),
        24,
        "a documentation address",
    ),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "a documentation address"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "a multicast address"),
    (
        Ipv4Addr::new(240, 0, 0, 0),
        4,
        "a reserved or broadcast address",
    ),
];

/// The same within and beside 2000::/3. 6to4 and Teredo can wrap any IPv4 address and are retired (RFC 7526, RFC 8190).
const V6: [(Ipv6Addr, u32, &str); 12] = [
    (
        Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254),
        128,
        "a metadata address",
    ),
    (Ipv6Addr::UNSPECIFIED, 128, "an unspecified address"),
    (Ipv6Addr::LOCALHOST, 128, "a loopback address"),
    (
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0),
        10,
        "a link-local address",
    ),
    (
        Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0),
        10,
        "a site-local address",
    ),
    (
        Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0),
        7,
        "a private address",
    ),
    (
        Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0),
        8,
        "a multicast address",
    ),
    (
        Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0),
        32,
        "a Teredo address",
    ),
    (
        Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0),
        23,
        "a protocol assignment",
    ),
    (
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
        32,
        "a documentation address",
    ),
    (
        Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0),
        16,
        "a 6to4 address",
    ),
    (
        Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0),
        20,
        "a documentation address",
    ),
];

/// NAT64 (RFC 6052 §2.1): the last 32 bits are the IPv4 address that is reached.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);
/// Global unicast, the only part of IPv6 that is routed in public (RFC 4291 §2.4).
const GLOBAL_UNICAST: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    let bits = address.to_bits();
    let within = |range: Ipv4Addr, prefix: u32| (bits ^ range.to_bits()) >> (32 - prefix) == 0;
    V4.iter()
        .find(|(range, prefix, _)| within(*range, *prefix))
        .map(|(_, _, reason)| *reason)
}

fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    let bits = address.to_bits();
    let within = |range: Ipv6Addr, prefix: u32| (bits ^ range.to_bits()) >> (128 - prefix) == 0;
    if let Some(mapped) = address.to_ipv4_mapped() {
        return not_public_v4(mapped);
    }
    if within(NAT64.0, NAT64.1) {
        return not_public_v4(Ipv4Addr::from_bits((bits & u128::from(u32::MAX)) as u32));
    }
    let known = V6
        .iter()
        .find(|(range, prefix, _)| within(*range, *prefix))
        .map(|(_, _, reason)| *reason);
    known.or_else(|| {
        (!within(GLOBAL_UNICAST.0, GLOBAL_UNICAST.1)).then_some("outside the public IPv6 internet")
    })
}

#[cfg(test)]
mod tests {
    use super::not_public;

    const REFUSED: &str = "
        0.0.0.0 0.1.2.3 10.1.2.3 100.64.0.1 100.127.255.255 100.100.100.200 127.0.0.1 127.255.0.1
        168.63.129.16 169.254.1.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1
        192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1
        239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::7f00:1 ::8.8.8.8 ::ffff:127.0.0.1
        ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::7f00:1
        64:ff9b:1::8.8.8.8 100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1
        2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:808:808::1 3fff::1 3fff:fff:ffff::1
        5f00::1 fc00::1 fd00:ec2::254 fe80::1 febf::1 fec0::1 ff02::1 4000::1";
    const PUBLIC: &str = "
        1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.0.0.1 172.15.0.1
        172.32.0.1 192.0.1.1 192.167.0.1 198.17.0.1 198.20.0.1 223.255.255.255 ::ffff:8.8.8.8
        64:ff9b::8.8.8.8 2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450::1 3ffe::1";

    #[test]
    fn only_public_addresses_are_public() {
        for refused in REFUSED.split_whitespace() {
            let reason = not_public(refused.parse().unwrap());
            assert!(reason.is_some(), "{refused} must be refused");
        }
        for public in PUBLIC.split_whitespace() {
            assert_eq!(
                not_public(public.parse().unwrap()),
                None,
                "{public} must be public"
            );
        }
    }
}
