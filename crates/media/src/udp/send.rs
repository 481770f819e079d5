//! Messages out: batches for `sendmmsg`, GSO, and what happens when the kernel says no.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;

use parlor_rtc::path::UdpPath;

use super::control;
use super::name::{self, Family};
use super::patience::Patience;
use crate::sys::{self, Header, MAX_BATCH};

/// Destinations remembered as refusing GSO. The place is chosen by a hash, so two may push each
/// other out: that costs one failed call each, nothing else.
const REFUSALS: usize = 256;

/// How often one call is repeated after an error that says nothing of its datagram.
const MAX_PASSING_ERRORS: u32 = 4;

/// Datagrams that go to one place: `bytes` cut into runs of `segment`, the last maybe shorter.
#[derive(Clone, Copy, Debug)]
pub struct Datagrams<'a> {
    /// Where to, and from which address of ours.
    pub path: UdpPath,
    /// The payloads, one after the other; at most 65507 bytes and 64 segments.
    pub bytes: &'a [u8],
    /// Bytes of each datagram. As many as `bytes` has, or more, means there is one.
    pub segment: u16,
}

/// What went out through a socket, counted since it was bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendFacts {
    /// Calls of `sendmmsg`.
    pub calls: u64,
    /// Messages that the kernel took, single datagrams or GSO runs.
    pub messages: u64,
    /// Messages among them that were GSO runs.
    pub gso_messages: u64,
    /// Datagrams.
    pub datagrams: u64,
    /// UDP payload bytes.
    pub bytes: u64,
    /// Messages that the kernel refused to cut, sent as single datagrams instead.
    pub gso_refused: u64,
    /// Datagrams dropped because the send buffer stayed full.
    pub dropped_full: u64,
    /// Datagrams dropped because the kernel refused them: no route, too long, a firewall.
    pub dropped_refused: u64,
}

impl std::iter::Sum for SendFacts {
    fn sum<I: Iterator<Item = SendFacts>>(facts: I) -> SendFacts {
        facts.fold(SendFacts::default(), |a, b| SendFacts {
            calls: a.calls + b.calls,
            messages: a.messages + b.messages,
            gso_messages: a.gso_messages + b.gso_messages,
            datagrams: a.datagrams + b.datagrams,
            bytes: a.bytes + b.bytes,
            gso_refused: a.gso_refused + b.gso_refused,
            dropped_full: a.dropped_full + b.dropped_full,
            dropped_refused: a.dropped_refused + b.dropped_refused,
        })
    }
}

pub(super) struct Sender {
    headers: Box<[Header; MAX_BATCH]>,
    gso: GsoMemory,
    facts: SendFacts,
}

/// What the next call is to send, on the stack.
struct Batch<'a> {
    messages: [Option<Datagrams<'a>>; MAX_BATCH],
    bodies: [&'a [u8]; MAX_BATCH],
    len: usize,
    patience: &'a mut Patience,
}

/// What to do about an error of `sendmmsg`, which is always about its first message.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It was about something else, and is gone: call again.
    Again,
    /// The send buffer is full.
    Full,
    /// This message cannot be cut by the kernel; `everywhere`: nor can any other.
    GsoRefused { everywhere: bool },
    /// This message cannot be sent.
    Refused,
}

impl Sender {
    pub(super) fn new(gso: bool) -> Sender {
        Sender {
            headers: Box::new([const { Header::EMPTY }; MAX_BATCH]),
            gso: GsoMemory { usable: gso, refusing: vec![None; REFUSALS].into_boxed_slice() },
            facts: SendFacts::default(),
        }
    }

    pub(super) fn facts(&self) -> &SendFacts {
        &self.facts
    }

    pub(super) fn refuse_gso(&mut self) {
        self.gso.usable = false;
    }

    pub(super) fn send<'a>(
        &mut self,
        fd: BorrowedFd<'_>,
        family: Family,
        messages: impl Iterator<Item = Datagrams<'a>>,
        patience: &mut Patience,
    ) {
        let mut batch = Batch {
            messages: [const { None }; MAX_BATCH],
            bodies: [&[]; MAX_BATCH],
            len: 0,
            patience,
        };
        for message in messages {
            if message.count() <= 1 || self.gso.allows(message.path.remote) {
                self.add(fd, family, &mut batch, message);
            } else {
                for datagram in message.singles() {
                    self.add(fd, family, &mut batch, datagram);
                }
            }
        }
        self.flush(fd, &mut batch);
    }

    fn add<'a>(
        &mut self,
        fd: BorrowedFd<'_>,
        family: Family,
        batch: &mut Batch<'a>,
        message: Datagrams<'a>,
    ) {
        if batch.len == MAX_BATCH {
            self.flush(fd, batch);
        }
        let header = &mut self.headers[batch.len];
        header.name_len = name::encode(message.path.remote, family, &mut header.name);
        if header.name_len == 0 || message.bytes.is_empty() {
            self.facts.dropped_refused += message.count();
            return;
        }
        control::write_source(header, family, message.path.local);
        if message.count() > 1 {
            control::write_segment(header, message.segment);
        }
        batch.messages[batch.len] = Some(message);
        batch.bodies[batch.len] = message.bytes;
        batch.len += 1;
    }

    /// Sends the whole batch and empties it.
    fn flush(&mut self, fd: BorrowedFd<'_>, batch: &mut Batch<'_>) {
        let len = std::mem::take(&mut batch.len);
        let messages = &batch.messages[..len];
        let mut next = 0;
        let mut passing_errors = 0;
        while let Some(Some(first)) = messages.get(next) {
            self.facts.calls += 1;
            let error = match sys::send(fd, &self.headers[next..len], &batch.bodies[next..len]) {
                Ok(sent) => {
                    let sent = sent.max(1);
                    messages.iter().skip(next).take(sent).flatten().for_each(|m| self.count(m));
                    next += sent;
                    continue;
                }
                Err(error) => error,
            };
            match verdict(&error, first.count() > 1) {
                Verdict::Again if passing_errors < MAX_PASSING_ERRORS => passing_errors += 1,
                Verdict::Full if batch.patience.wait_for_room(fd) => {}
                Verdict::Full => {
                    self.facts.dropped_full += count_all(&messages[next..]);
                    return;
                }
                Verdict::GsoRefused { everywhere } => {
                    self.gso.remember(first.path.remote, everywhere, &error);
                    self.facts.gso_refused += 1;
                    self.send_singly(fd, next, *first, batch.patience);
                    next += 1;
                }
                Verdict::Refused | Verdict::Again => {
                    self.facts.dropped_refused += first.count();
                    next += 1;
                }
            }
        }
    }

    /// Sends the datagrams of a message that the kernel would not cut, one call each, by the header `at` its
    /// place in the batch, which is less than [`MAX_BATCH`]. This
    /// happens once per destination, then [`Sender::send`] does the cutting.
    fn send_singly(
        &mut self,
        fd: BorrowedFd<'_>,
        at: usize,
        message: Datagrams<'_>,
        patience: &mut Patience,
    ) {
        let header = &mut self.headers[at];
        let family = if header.name_len == sys::NAME_LEN { Family::V6 } else { Family::V4 };
        control::write_source(header, family, message.path.local);
        for datagram in message.singles() {
            let mut passing_errors = 0;
            loop {
                self.facts.calls += 1;
                let error = match sys::send(fd, &self.headers[at..=at], &[datagram.bytes]) {
                    Ok(_) => break self.count(&datagram),
                    Err(error) => error,
                };
                match verdict(&error, false) {
                    Verdict::Again if passing_errors < MAX_PASSING_ERRORS => passing_errors += 1,
                    Verdict::Full if patience.wait_for_room(fd) => {}
                    Verdict::Full => break self.facts.dropped_full += 1,
                    _ => break self.facts.dropped_refused += 1,
                }
            }
        }
    }

    fn count(&mut self, message: &Datagrams<'_>) {
        self.facts.messages += 1;
        self.facts.gso_messages += u64::from(message.count() > 1);
        self.facts.datagrams += message.count();
        self.facts.bytes += message.bytes.len() as u64;
    }
}

impl<'a> Datagrams<'a> {
    /// How many datagrams these are.
    fn count(&self) -> u64 {
        self.bytes.len().div_ceil(usize::from(self.segment.max(1))) as u64
    }

    fn singles(&self) -> impl Iterator<Item = Datagrams<'a>> + use<'a> {
        let (path, segment) = (self.path, self.segment);
        self.bytes.chunks(usize::from(segment.max(1))).map(move |bytes| Datagrams {
            path,
            bytes,
            segment,
        })
    }
}

fn count_all(messages: &[Option<Datagrams<'_>>]) -> u64 {
    messages.iter().flatten().map(Datagrams::count).sum()
}

fn verdict(error: &io::Error, is_gso: bool) -> Verdict {
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::ENOBUFS) => Verdict::Full,
        // The answer to an earlier datagram: its port is closed.
        Some(libc::EINTR | libc::ECONNREFUSED) => Verdict::Again,
        // The device cannot checksum, which cutting needs.
        Some(libc::EIO) if is_gso => Verdict::GsoRefused { everywhere: true },
        // Segments longer than the path's MTU, or more than this kernel cuts.
        Some(libc::EINVAL | libc::EMSGSIZE) if is_gso => Verdict::GsoRefused { everywhere: false },
        _ => Verdict::Refused,
    }
}

/// Where the kernel cuts and where it does not.
struct GsoMemory {
    usable: bool,
    refusing: Box<[Option<SocketAddr>]>,
}

impl GsoMemory {
    fn allows(&self, destination: SocketAddr) -> bool {
        self.usable && self.refusing[place(destination)] != Some(destination)
    }

    fn remember(&mut self, destination: SocketAddr, everywhere: bool, error: &io::Error) {
        self.refusing[place(destination)] = Some(destination);
        if everywhere && std::mem::take(&mut self.usable) {
            tracing::warn!(%error, "the kernel refuses UDP segmentation; sending datagrams singly");
        }
    }
}

/// FNV-1a over the address, folded to a place in the table.
fn place(address: SocketAddr) -> usize {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let port = address.port().to_be_bytes();
    let hash = port.into_iter().fold(0x811c_9dc5, step);
    let hash = match address.ip() {
        IpAddr::V4(ip) => ip.octets().into_iter().fold(hash, step),
        IpAddr::V6(ip) => ip.octets().into_iter().fold(hash, step),
    };
    (hash ^ (hash >> 16)) as usize % REFUSALS
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::os::fd::{AsFd, AsRawFd};
    use std::time::Duration;

    use super::*;

    /// Two ends of a stream whose first takes nothing any more: a UDP socket's buffer cannot be
    /// filled on loopback, and to a sender they are the same.
    fn full_stream() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (reader, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        socket2::SockRef::from(&stream).set_send_buffer_size(4096).unwrap();
        let (fd, events) = (stream.as_raw_fd(), libc::POLLOUT);
        let settling = Some(Duration::from_millis(50));
        while sys::wait(&mut [libc::pollfd { fd, events, revents: 0 }], settling).unwrap() > 0 {
            while stream.write(&[0; 65_536]).is_ok() {}
        }
        // Not ready yet means that a third is free: it may still take small pieces.
        for len in [1024, 1] {
            while stream.write(&[0; 1024][..len]).is_ok() {}
        }
        (stream, reader)
    }

    #[test]
    fn sends_of_one_tick_wait_for_room_once_all_together() {
        let (full, _reader) = full_stream();
        let ip = Ipv4Addr::LOCALHOST.into();
        let path = UdpPath { remote: SocketAddr::new(ip, 9), local: ip };
        let mut sockets = [Sender::new(true), Sender::new(true)];
        for tick in 1..=3 {
            let mut patience = Patience::default();
            for send in 0..10 {
                let messages = std::iter::once(Datagrams { path, bytes: b"hello", segment: 5 });
                sockets[send % 2].send(full.as_fd(), Family::V4, messages, &mut patience);
            }
            let dropped: u64 = sockets.iter().map(|sender| sender.facts().dropped_full).sum();
            let calls: u64 = sockets.iter().map(|sender| sender.facts().calls).sum();
            assert_eq!(dropped, 10 * tick);
            assert_eq!(calls, (10 + 1) * tick, "one of ten was tried again after a wait");
        }
    }

    #[test]
    fn datagrams_that_are_sent_one_by_one_wait_for_room_once_too() {
        let (full, _reader) = full_stream();
        let ip = Ipv4Addr::LOCALHOST.into();
        let path = UdpPath { remote: SocketAddr::new(ip, 9), local: ip };
        let (mut sender, mut patience) = (Sender::new(true), Patience::default());
        let message = Datagrams { path, bytes: b"hellohellohello", segment: 5 };
        sender.send_singly(full.as_fd(), 0, message, &mut patience);
        let &SendFacts { dropped_full, calls, .. } = sender.facts();
        assert_eq!((dropped_full, calls), (3, 3 + 1), "the first was tried again after a wait");
    }

    fn error(code: i32) -> io::Error {
        io::Error::from_raw_os_error(code)
    }

    #[test]
    fn a_refusal_of_gso_is_told_from_a_refusal_of_the_datagram() {
        assert_eq!(verdict(&error(libc::EIO), true), Verdict::GsoRefused { everywhere: true });
        for code in [libc::EINVAL, libc::EMSGSIZE] {
            assert_eq!(verdict(&error(code), true), Verdict::GsoRefused { everywhere: false });
            assert_eq!(verdict(&error(code), false), Verdict::Refused);
        }
        assert_eq!(verdict(&error(libc::EAGAIN), true), Verdict::Full);
        assert_eq!(verdict(&error(libc::ECONNREFUSED), false), Verdict::Again);
        assert_eq!(verdict(&error(libc::ENETUNREACH), false), Verdict::Refused);
    }

    #[test]
    fn one_destination_that_refuses_gso_does_not_take_it_from_others() {
        let mut memory = GsoMemory { usable: true, refusing: vec![None; REFUSALS].into() };
        let (one, other) = ("192.0.2.1:1".parse().unwrap(), "192.0.2.2:1".parse().unwrap());
        memory.remember(one, false, &error(libc::EINVAL));
        assert!(!memory.allows(one) && memory.allows(other));
        memory.remember(one, true, &error(libc::EIO));
        assert!(!memory.allows(other));
    }
}
