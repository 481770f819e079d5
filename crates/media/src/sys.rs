//! The system calls of the media path: the one file of the project that has `unsafe`.
//!
//! Everything that goes in and out is plain bytes and slices; addresses and control messages are
//! written and read by the safe code of [`crate::udp`].
#![allow(unsafe_code)]

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Most messages in one `recvmmsg` or `sendmmsg`: beyond it the cost of the call itself no longer
/// shows (measured: 64 messages pay 12 ns each for it), and the arrays stay small on the stack.
pub(crate) const MAX_BATCH: usize = 64;
/// A `sockaddr_in6`, the larger of the two kinds of address that we exchange with the kernel.
pub(crate) const NAME_LEN: usize = size_of::<libc::sockaddr_in6>();
/// Control bytes of one message: packet information (at most 40 with its header) and one segment
/// size (24), in both directions.
pub(crate) const CONTROL_LEN: usize = 64;

/// What goes with one message: its address and its control messages, as the kernel lays them out.
#[derive(Clone)]
#[repr(align(8))]
pub(crate) struct Header {
    pub(crate) control: [u8; CONTROL_LEN],
    pub(crate) name: [u8; NAME_LEN],
    pub(crate) control_len: usize,
    pub(crate) name_len: usize,
    /// Received bytes of the body.
    pub(crate) len: usize,
    /// The kernel cut off body or control bytes.
    pub(crate) truncated: bool,
}

impl Header {
    pub(crate) const EMPTY: Header = Header {
        control: [0; CONTROL_LEN],
        name: [0; NAME_LEN],
        control_len: 0,
        name_len: 0,
        len: 0,
        truncated: false,
    };
}

/// The kernel's own arguments, on the stack for the length of one call.
struct Arguments {
    messages: [libc::mmsghdr; MAX_BATCH],
    vectors: [libc::iovec; MAX_BATCH],
}

impl Arguments {
    fn zeroed() -> Arguments {
        // SAFETY: both are C structs of integers and raw pointers; all zeroes is a valid value.
        unsafe { std::mem::zeroed() }
    }
}

/// Receives up to `headers.len()` messages (at most [`MAX_BATCH`]) without waiting; message `i`
/// lands in `headers[i]` and in the `i`th run of `body_len` bytes of `bodies`.
///
/// # Errors
/// What `recvmmsg` reports; `WouldBlock` when nothing is there.
pub(crate) fn receive(
    fd: BorrowedFd<'_>,
    headers: &mut [Header],
    bodies: &mut [u8],
    body_len: usize,
) -> io::Result<usize> {
    let mut arguments = Arguments::zeroed();
    let mut count = 0;
    let calls = arguments.messages.iter_mut().zip(arguments.vectors.iter_mut());
    let places = headers.iter_mut().zip(bodies.chunks_exact_mut(body_len));
    for ((message, vector), (header, body)) in calls.zip(places) {
        vector.iov_base = body.as_mut_ptr().cast();
        vector.iov_len = body.len();
        message.msg_hdr.msg_iov = vector;
        message.msg_hdr.msg_iovlen = 1;
        message.msg_hdr.msg_name = header.name.as_mut_ptr().cast();
        message.msg_hdr.msg_namelen = NAME_LEN as libc::socklen_t;
        message.msg_hdr.msg_control = header.control.as_mut_ptr().cast();
        message.msg_hdr.msg_controllen = CONTROL_LEN as _;
        count += 1;
    }
    // SAFETY: the first `count` messages point at an iovec in `arguments`, and it, the name and the
    // control pointer at memory of the stated length that this function holds mutably until the
    // call returns. The timeout is null, which the call allows.
    let received = unsafe {
        libc::recvmmsg(
            fd.as_raw_fd(),
            arguments.messages.as_mut_ptr(),
            count,
            libc::MSG_DONTWAIT as _,
            std::ptr::null_mut(),
        )
    };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    for (message, header) in arguments.messages.iter().zip(headers).take(received) {
        header.len = (message.msg_len as usize).min(body_len);
        header.name_len = (message.msg_hdr.msg_namelen as usize).min(NAME_LEN);
        #[allow(clippy::unnecessary_cast)] // musl has a socklen_t here
        let control_len = message.msg_hdr.msg_controllen as usize;
        header.control_len = control_len.min(CONTROL_LEN);
        header.truncated = message.msg_hdr.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0;
    }
    Ok(received)
}

/// Sends message `i` as `headers[i]` and `bodies[i]` say, without waiting, and returns how many
/// of them (at most [`MAX_BATCH`]) the kernel took.
///
/// # Errors
/// What `sendmmsg` reports about the first message: it reports an error only when it sent none.
pub(crate) fn send(fd: BorrowedFd<'_>, headers: &[Header], bodies: &[&[u8]]) -> io::Result<usize> {
    let mut arguments = Arguments::zeroed();
    let mut count = 0;
    let calls = arguments.messages.iter_mut().zip(arguments.vectors.iter_mut());
    for ((message, vector), (header, body)) in calls.zip(headers.iter().zip(bodies)) {
        vector.iov_base = body.as_ptr().cast_mut().cast();
        vector.iov_len = body.len();
        message.msg_hdr.msg_iov = vector;
        message.msg_hdr.msg_iovlen = 1;
        message.msg_hdr.msg_name = header.name.as_ptr().cast_mut().cast();
        message.msg_hdr.msg_namelen = header.name_len as libc::socklen_t;
        if header.control_len > 0 {
            message.msg_hdr.msg_control = header.control.as_ptr().cast_mut().cast();
            message.msg_hdr.msg_controllen = header.control_len as _;
        }
        count += 1;
    }
    // SAFETY: the first `count` messages point at an iovec in `arguments`, and it, the name and the
    // control pointer at memory of at least the stated length, borrowed until the call returns.
    // sendmmsg only reads through them; it writes msg_len in `arguments` alone.
    let sent = unsafe {
        libc::sendmmsg(
            fd.as_raw_fd(),
            arguments.messages.as_mut_ptr(),
            count,
            libc::MSG_DONTWAIT as _,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Sets an integer option of a socket.
///
/// # Errors
/// What `setsockopt` reports.
pub(crate) fn set_option(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the value pointer is to a c_int that lives through the call, with its own size.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Waits until one of `fds` is ready or `timeout` has passed (`None`: for ever), and returns how
/// many are ready. An interrupting signal counts as a time-out.
///
/// # Errors
/// What `ppoll` reports, but for EINTR.
pub(crate) fn wait(fds: &mut [libc::pollfd], timeout: Option<Duration>) -> io::Result<usize> {
    let timeout = timeout.map(|timeout| libc::timespec {
        // A wait of more than 2^31 seconds is as good as one for ever.
        tv_sec: timeout.as_secs().min(i32::MAX as u64) as libc::time_t,
        tv_nsec: timeout.subsec_nanos() as _,
    });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `fds` is borrowed mutably for the call with its own length; `timeout` is null or
    // points at a timespec that outlives the call; a null signal mask means "leave it alone".
    let ready = unsafe {
        libc::ppoll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout, std::ptr::null())
    };
    match usize::try_from(ready) {
        Ok(ready) => Ok(ready),
        Err(_) => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            error => Err(error),
        },
    }
}

/// Keeps the calling thread on one processor: of those that it may use the `nth`, counted around in a circle. Returns which
/// that is, by the kernel's number.
///
/// # Errors
/// What the kernel reports.
pub(crate) fn pin_thread(nth: usize) -> io::Result<usize> {
    let size = size_of::<libc::cpu_set_t>();
    // SAFETY: a cpu_set_t is an array of integers; all zeroes is the empty set.
    let (mut allowed, mut one): (libc::cpu_set_t, libc::cpu_set_t) =
        unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    // SAFETY: 0 is the calling thread; the pointer is to a set of the stated size that lives through the call.
    if unsafe { libc::sched_getaffinity(0, size, &raw mut allowed) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let all = 0..libc::CPU_SETSIZE as usize;
    // SAFETY: the number is below the size of the set.
    let usable: Vec<usize> = all.filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &allowed) }).collect();
    let cpu = *usable.get(nth % usable.len().max(1)).ok_or(io::ErrorKind::NotFound)?;
    // SAFETY: the number is below the size of the set, and the pointer to a set of the stated size that lives through the
    // call.
    let result = unsafe {
        libc::CPU_SET(cpu, &mut one);
        libc::sched_setaffinity(0, size, &raw const one)
    };
    if result == 0 { Ok(cpu) } else { Err(io::Error::last_os_error()) }
}

/// How long the calling thread has had a processor since it was started.
pub(crate) fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec that lives through the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    if result != 0 {
        return Duration::ZERO; // a kernel without that clock: nothing is known of work then
    }
    // The kernel gives no negative ones.
    let (secs, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(secs.unwrap_or_default(), nanos.unwrap_or_default())
}

/// A counter that can be waited for (`eventfd`), non-blocking.
///
/// # Errors
/// When the process has too many open files.
pub(crate) fn event_fd() -> io::Result<OwnedFd> {
    // SAFETY: eventfd takes no pointers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` was just made by the kernel for us and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A set of descriptors of which those that are ready are told without looking at the others (`epoll`), and which can
/// itself be waited for.
///
/// # Errors
/// When the process has too many open files.
pub(crate) fn epoll() -> io::Result<OwnedFd> {
    // SAFETY: epoll_create1 takes no pointers.
    let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` was just made by the kernel for us and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What is done with a descriptor and a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// It is put in.
    New,
    /// It is in, and its events change.
    Changed,
}

/// Has `events` of `fd` told as `key` (level-triggered). A descriptor that is closed leaves the set by itself.
///
/// # Errors
/// What `epoll_ctl` reports.
pub(crate) fn epoll_watch(
    epoll: BorrowedFd<'_>,
    fd: BorrowedFd<'_>,
    interest: Interest,
    events: libc::c_int,
    key: u64,
) -> io::Result<()> {
    let operation = match interest {
        Interest::New => libc::EPOLL_CTL_ADD,
        Interest::Changed => libc::EPOLL_CTL_MOD,
    };
    let mut event = libc::epoll_event { events: events as u32, u64: key };
    // SAFETY: both descriptors are open as long as they are borrowed, and the kernel copies the event, which outlives
    // the call.
    let result =
        unsafe { libc::epoll_ctl(epoll.as_raw_fd(), operation, fd.as_raw_fd(), &raw mut event) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Writes the keys of some descriptors that are ready into `keys`, without waiting, and returns how many.
///
/// # Errors
/// What `epoll_wait` reports, but for EINTR.
pub(crate) fn epoll_ready(epoll: BorrowedFd<'_>, keys: &mut [u64; MAX_BATCH]) -> io::Result<usize> {
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; MAX_BATCH];
    // SAFETY: the pointer is to as many events as the call is told of, which live through it.
    let ready = unsafe {
        libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), MAX_BATCH as libc::c_int, 0)
    };
    let ready = match usize::try_from(ready) {
        Ok(ready) => ready,
        Err(_) => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => 0,
            error => return Err(error),
        },
    };
    for (key, event) in keys.iter_mut().zip(events).take(ready) {
        *key = event.u64;
    }
    Ok(ready)
}

/// One address of one network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InterfaceAddress {
    pub(crate) interface: String,
    pub(crate) ip: IpAddr,
    /// The interface is up and has a carrier.
    pub(crate) running: bool,
}

/// The addresses of this machine's interfaces, in the kernel's order.
///
/// # Errors
/// When the kernel cannot say.
pub(crate) fn interface_addresses() -> io::Result<Vec<InterfaceAddress>> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: getifaddrs writes one pointer into `first`.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut next = first;
    // SAFETY: `next` is null or points into the list that getifaddrs made, not yet freed.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;
        // SAFETY: `ifa_addr` is null or a socket address of the size of its family, in the list.
        let Some(ip) = (unsafe { ip_of(entry.ifa_addr) }) else { continue };
        // SAFETY: `ifa_name` is a string with an end, in the list.
        let name = unsafe { std::ffi::CStr::from_ptr(entry.ifa_name) };
        let running = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_uint;
        found.push(InterfaceAddress {
            interface: name.to_string_lossy().into_owned(),
            ip,
            running: entry.ifa_flags & running == running,
        });
    }
    // SAFETY: the list came from getifaddrs, is freed once, and nothing refers to it any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}

/// # Safety
/// `address` is null or points at a socket address of the size that its family has.
unsafe fn ip_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: by the contract above the family can be read, and the family says which struct it is.
    unsafe {
        match i32::from(address.as_ref()?.sa_family) {
            libc::AF_INET => {
                let v4 = address.cast::<libc::sockaddr_in>().read_unaligned();
                Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
            }
            libc::AF_INET6 => {
                let v6 = address.cast::<libc::sockaddr_in6>().read_unaligned();
                Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}
