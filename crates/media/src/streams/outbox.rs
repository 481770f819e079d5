//! What is to be written to one stream: bounded in bytes, and known by how long it has waited.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Most bytes that wait: a second of the best that is sent to anybody would be ten times as many, but a stream is
/// told to be slow long before, and what goes on then is sound.
pub(super) const MAX_BYTES: usize = 512 * 1024;

/// A queue in which something has waited for longer than this takes no more pictures.
pub(super) const MAX_WAIT: Duration = Duration::from_millis(200);

/// Bytes that wait to be written, in their order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    /// How many of them have been written.
    written: usize,
    /// Where each message ends and when it was put in, the oldest first. Places count from the first byte ever.
    marks: VecDeque<(u64, Instant)>,
    /// Where `bytes` begins.
    origin: u64,
}

/// There is no room for so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Outbox {
    /// Puts in all parts of one message, or none of it.
    pub(super) fn push(&mut self, now: Instant, parts: [&[u8]; 3]) -> Result<(), Full> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        if self.len() + len > MAX_BYTES {
            return Err(Full);
        }
        // Before it would grow: what has been written is no longer needed.
        if self.bytes.len() + len > self.bytes.capacity() && self.written > 0 {
            self.bytes.drain(..self.written);
            self.origin += self.written as u64;
            self.written = 0;
        }
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        self.marks.push_back((self.origin + self.bytes.len() as u64, now));
        Ok(())
    }

    /// Writes as much as `sink` takes now, many messages at once or each of them `singly`.
    ///
    /// # Errors
    /// What it reports, but for "no more now".
    pub(super) fn write_to(&mut self, sink: &mut impl Write, singly: bool) -> io::Result<()> {
        while let Some((end, _)) = self.marks.front() {
            let all = self.bytes.len();
            let end = if singly { (*end - self.origin) as usize } else { all };
            match sink.write(self.bytes.get(self.written..end).unwrap_or_default()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.take(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if self.is_empty() {
            self.origin += self.written as u64;
            self.bytes.clear();
            self.written = 0;
        }
        Ok(())
    }

    /// So many bytes have been written.
    fn take(&mut self, count: usize) {
        self.written += count;
        let place = self.origin + self.written as u64;
        while self.marks.front().is_some_and(|(end, _)| *end <= place) {
            self.marks.pop_front();
        }
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How long the oldest of it has waited.
    pub(super) fn waits_for(&self, now: Instant) -> Duration {
        self.marks.front().map_or(Duration::ZERO, |(_, at)| now.saturating_duration_since(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes and then no more.
    struct Narrow {
        room: usize,
        taken: Vec<u8>,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let count = bytes.len().min(self.room);
            self.room -= count;
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn bytes_leave_in_their_order_and_are_late_by_the_oldest_of_them() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let (mut outbox, mut sink) = (Outbox::default(), Narrow { room: 3, taken: Vec::new() });
        outbox.push(at(0), [b"ab", b"c", b""]).unwrap();
        outbox.push(at(100), [b"d", b"", b"ef"]).unwrap();
        assert_eq!(outbox.waits_for(at(200)), Duration::from_millis(200));
        outbox.write_to(&mut sink, false).unwrap();
        assert_eq!(outbox.waits_for(at(300)), Duration::from_millis(200));
        sink.room = 1;
        outbox.write_to(&mut sink, false).unwrap();
        assert_eq!(outbox.waits_for(at(300)), Duration::from_millis(200));
        sink.room = 10;
        outbox.write_to(&mut sink, false).unwrap();
        assert!(outbox.is_empty() && outbox.waits_for(at(9999)) == Duration::ZERO);
        assert_eq!(sink.taken, b"abcdef");
    }

    #[test]
    fn what_finds_no_room_is_left_out_as_a_whole() {
        let now = Instant::now();
        let mut outbox = Outbox::default();
        let chunk = [0; 1000];
        let count = (0..).take_while(|_| outbox.push(now, [&chunk, b"x", b""]).is_ok()).count();
        assert_eq!(count, MAX_BYTES / 1001);
        assert_eq!(outbox.len(), count * 1001);
        let mut sink = Narrow { room: 5 * 1001, taken: Vec::new() };
        outbox.write_to(&mut sink, false).unwrap();
        assert_eq!(outbox.push(now, [&chunk, b"x", b""]), Ok(()));
        assert_eq!(outbox.len(), (count - 5 + 1) * 1001);
    }

    #[test]
    fn messages_can_leave_one_by_one() {
        struct Listed(Vec<Vec<u8>>);
        impl Write for Listed {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let count = bytes.len().min(3);
                self.0.push(bytes[..count].to_vec());
                Ok(count)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (now, mut outbox, mut sink) = (Instant::now(), Outbox::default(), Listed(Vec::new()));
        outbox.push(now, [b"ab", b"", b""]).unwrap();
        outbox.push(now, [b"cdef", b"", b""]).unwrap();
        outbox.write_to(&mut sink, true).unwrap();
        assert_eq!(sink.0, [&b"ab"[..], b"cde", b"f"]);
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_sink_that_has_ended_is_an_error() {
        struct Ended;
        impl Write for Ended {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Ok(0)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut outbox = Outbox::default();
        outbox.push(Instant::now(), [b"a", b"", b""]).unwrap();
        assert!(outbox.write_to(&mut Ended, false).is_err());
    }
}
