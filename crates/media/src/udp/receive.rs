//! One `recvmmsg` and the datagrams it brought.

use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::SystemTime;

use parlor_rtc::path::UdpPath;

use super::{control, name};
use crate::sys::{self, Header};

/// Messages of one batch. Each has room for a whole GRO run, so the batch is 2 MiB of address
/// space; pages that no run ever reached are never backed by memory.
const MESSAGES: usize = 32;
/// The longest UDP payload, and so the longest run that the kernel joins.
const BODY_LEN: usize = 65_536;

/// What came in through a socket, counted since it was bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveFacts {
    /// Calls that brought something.
    pub calls: u64,
    /// Messages: single datagrams or GRO runs.
    pub messages: u64,
    /// Datagrams.
    pub datagrams: u64,
    /// UDP payload bytes.
    pub bytes: u64,
    /// Messages dropped because the kernel had cut them or gave no usable address.
    pub unusable: u64,
}

impl std::iter::Sum for ReceiveFacts {
    fn sum<I: Iterator<Item = ReceiveFacts>>(facts: I) -> ReceiveFacts {
        facts.fold(ReceiveFacts::default(), |a, b| ReceiveFacts {
            calls: a.calls + b.calls,
            messages: a.messages + b.messages,
            datagrams: a.datagrams + b.datagrams,
            bytes: a.bytes + b.bytes,
            unusable: a.unusable + b.unusable,
        })
    }
}

/// One datagram, in place in its batch.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// The way it took.
    pub path: UdpPath,
    /// Its payload.
    pub datagram: &'a mut [u8],
    /// When the kernel had it, or the first of its run: see [`Socket::tell_times`](super::Socket::tell_times).
    pub at: Option<SystemTime>,
}

/// Where a datagram run of the batch came from and how it is divided.
#[derive(Clone, Copy)]
struct Run {
    path: UdpPath,
    len: usize,
    segment: usize,
    at: Option<SystemTime>,
}

/// Buffers for one batch, used again and again; one per media thread serves all its sockets.
pub struct ReceiveBatch {
    headers: Box<[Header]>,
    bodies: Box<[u8]>,
    runs: [Option<Run>; MESSAGES],
}

impl Default for ReceiveBatch {
    fn default() -> Self {
        ReceiveBatch {
            headers: vec![Header::EMPTY; MESSAGES].into_boxed_slice(),
            bodies: vec![0; MESSAGES * BODY_LEN].into_boxed_slice(),
            runs: [None; MESSAGES],
        }
    }
}

impl ReceiveBatch {
    pub(super) fn fill(
        &mut self,
        fd: BorrowedFd<'_>,
        bound: IpAddr,
        facts: &mut ReceiveFacts,
    ) -> io::Result<bool> {
        self.runs = [None; MESSAGES];
        let count = match self.call(fd) {
            Ok(count) => count,
            Err(error) if is_nothing(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        facts.calls += 1;
        for (header, run) in self.headers.iter().zip(&mut self.runs).take(count) {
            facts.messages += 1;
            *run = read_run(header, bound);
            match run {
                Some(run) => {
                    facts.datagrams += run.len.div_ceil(run.segment) as u64;
                    facts.bytes += run.len as u64;
                }
                None => facts.unusable += 1,
            }
        }
        Ok(count == MESSAGES)
    }

    /// A send that an ICMP message answered shows up as an error of whatever call comes next; it
    /// is then gone, and the call is made again.
    fn call(&mut self, fd: BorrowedFd<'_>) -> io::Result<usize> {
        const PENDING_ERRORS: usize = 4;
        let mut result = sys::receive(fd, &mut self.headers, &mut self.bodies, BODY_LEN);
        for _ in 0..PENDING_ERRORS {
            match &result {
                Err(error) if is_passing(error) => {
                    result = sys::receive(fd, &mut self.headers, &mut self.bodies, BODY_LEN);
                }
                _ => break,
            }
        }
        result
    }

    /// The datagrams of the batch, in their order of arrival.
    pub fn arrivals(&mut self) -> impl Iterator<Item = Arrival<'_>> {
        self.bodies
            .chunks_exact_mut(BODY_LEN)
            .zip(&self.runs)
            .filter_map(|(body, run)| Some((body, (*run)?)))
            .flat_map(|(body, run)| {
                body[..run.len].chunks_mut(run.segment).map(move |datagram| Arrival {
                    path: run.path,
                    datagram,
                    at: run.at,
                })
            })
    }
}

fn read_run(header: &Header, bound: IpAddr) -> Option<Run> {
    if header.truncated || header.len == 0 {
        return None;
    }
    let remote = name::decode(&header.name[..header.name_len])?;
    let received = control::read(header);
    let segment = received.segment.filter(|&size| size > 0).unwrap_or(header.len);
    let local = received.local.unwrap_or(bound);
    Some(Run { path: UdpPath { remote, local }, len: header.len, segment, at: received.at })
}

fn is_nothing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || is_passing(error)
}

fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, Interrupted, NetworkUnreachable};
    matches!(error.kind(), Interrupted | ConnectionRefused | HostUnreachable | NetworkUnreachable)
}
