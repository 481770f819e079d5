//! Control messages: the local address of a datagram both ways, and the size of segments.
//!
//! The layout is the kernel's `struct cmsghdr`: a length word that counts the header, level and
//! type as ints, then data, each message starting at a multiple of the word size (cmsg(3)).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use super::name::{Family, mapped};
use crate::sys::{CONTROL_LEN, Header};

const WORD: usize = size_of::<usize>();
const HEADER_LEN: usize = WORD + 2 * size_of::<libc::c_int>();

/// What the kernel says about one received message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    /// The address of ours that it was sent to.
    pub(super) local: Option<IpAddr>,
    /// Size of the datagrams that the kernel joined into it (UDP_GRO), if it did.
    pub(super) segment: Option<usize>,
    /// When the kernel had it, where the socket asked for that.
    pub(super) at: Option<SystemTime>,
}

/// Says from which address of ours a message leaves. Nothing is written for an unspecified
/// address: then the kernel chooses.
pub(super) fn write_source(header: &mut Header, family: Family, local: IpAddr) {
    header.control_len = 0;
    if local.is_unspecified() {
        return;
    }
    match (family, local) {
        (Family::V4, IpAddr::V4(ip)) => {
            // struct in_pktinfo { int ipi_ifindex; in_addr ipi_spec_dst; in_addr ipi_addr; }
            let mut data = [0; 12];
            data[4..8].copy_from_slice(&ip.octets());
            push(header, libc::IPPROTO_IP, libc::IP_PKTINFO, &data);
        }
        (Family::V4, IpAddr::V6(_)) => {}
        (Family::V6, ip) => {
            // struct in6_pktinfo { in6_addr ipi6_addr; unsigned ipi6_ifindex; }
            let mut data = [0; 20];
            data[..16].copy_from_slice(&mapped(ip).octets());
            push(header, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &data);
        }
    }
}

/// Says that the body is datagrams of `segment` bytes each, the last maybe shorter (UDP_SEGMENT).
pub(super) fn write_segment(header: &mut Header, segment: u16) {
    push(header, libc::SOL_UDP, libc::UDP_SEGMENT, &segment.to_ne_bytes());
}

fn push(header: &mut Header, level: libc::c_int, kind: libc::c_int, data: &[u8]) {
    let start = header.control_len;
    let len = HEADER_LEN + data.len();
    let end = start + len.next_multiple_of(WORD);
    let Some(place) = header.control.get_mut(start..end) else {
        debug_assert!(false, "CONTROL_LEN is too small");
        return;
    };
    place.fill(0);
    place[..WORD].copy_from_slice(&len.to_ne_bytes());
    place[WORD..WORD + 4].copy_from_slice(&level.to_ne_bytes());
    place[WORD + 4..HEADER_LEN].copy_from_slice(&kind.to_ne_bytes());
    place[HEADER_LEN..len].copy_from_slice(data);
    header.control_len = end;
}

/// Reads what the kernel wrote; messages that we did not ask for are passed over.
pub(super) fn read(header: &Header) -> Received {
    let mut received = Received::default();
    let mut rest = &header.control[..header.control_len.min(CONTROL_LEN)];
    while let Some((level, kind, data, after)) = split_first(rest) {
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                received.local = octets::<4>(data, 4).map(|ip| Ipv4Addr::from(ip).into());
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                received.local = octets::<16>(data, 0).map(|ip| Ipv6Addr::from(ip).to_canonical());
            }
            (libc::SOL_UDP, libc::UDP_GRO) => {
                received.segment = octets::<4>(data, 0)
                    .and_then(|size| usize::try_from(i32::from_ne_bytes(size)).ok());
            }
            (libc::SOL_SOCKET, libc::SO_TIMESTAMPNS) => received.at = time(data),
            _ => {}
        }
        rest = after;
    }
    received
}

/// A `struct timespec`: seconds since 1970 and nanoseconds, each a word (socket(7)).
fn time(data: &[u8]) -> Option<SystemTime> {
    let word = |at: usize| match size_of::<libc::time_t>() {
        4 => octets(data, at / 2).map(|word| u64::from(u32::from_ne_bytes(word))),
        _ => octets(data, at).map(u64::from_ne_bytes),
    };
    let since = Duration::from_secs(word(0)?).checked_add(Duration::from_nanos(word(8)?))?;
    SystemTime::UNIX_EPOCH.checked_add(since)
}

type Split<'a> = (libc::c_int, libc::c_int, &'a [u8], &'a [u8]);

fn split_first(bytes: &[u8]) -> Option<Split<'_>> {
    let len = usize::from_ne_bytes(*bytes.first_chunk()?);
    let level = libc::c_int::from_ne_bytes(octets(bytes, WORD)?);
    let kind = libc::c_int::from_ne_bytes(octets(bytes, WORD + 4)?);
    let data = bytes.get(HEADER_LEN..len)?;
    let after = bytes.get(len.checked_next_multiple_of(WORD)?..).unwrap_or_default();
    Some((level, kind, data, after))
}

fn octets<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_and_segment_fit_together_and_read_back() {
        for (family, ip) in
            [(Family::V4, "192.0.2.1"), (Family::V6, "192.0.2.1"), (Family::V6, "2001:db8::1")]
        {
            let ip: IpAddr = ip.parse().unwrap();
            let mut header = Header::EMPTY;
            write_source(&mut header, family, ip);
            assert_eq!(read(&header), Received { local: Some(ip), ..Received::default() });
            write_segment(&mut header, 1200);
            assert!(header.control_len <= CONTROL_LEN);
            assert_eq!(read(&header).local, Some(ip));
        }
    }

    #[test]
    fn an_unspecified_source_is_left_to_the_kernel() {
        let mut header = Header::EMPTY;
        write_source(&mut header, Family::V6, "::".parse().unwrap());
        assert_eq!(header.control_len, 0);
    }

    #[test]
    fn broken_control_bytes_end_the_reading() {
        let mut header = Header::EMPTY;
        for fill in [0x00, 0x01, 0x10, 0x7f, 0xff] {
            header.control = [fill; CONTROL_LEN];
            for len in 0..=CONTROL_LEN {
                header.control_len = len;
                assert_eq!(read(&header), Received::default());
            }
        }
    }
}
