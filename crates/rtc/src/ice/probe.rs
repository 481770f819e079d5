//! Checks of our own, whose answers prove paths.
//!
//! A NAT that forgets its mapping gives a client a new address. The client does not know and its
//! next check can be seconds away, but its media arrives at once. A full agent answers our check
//! in one round trip, as it answers those of a full peer (RFC 8445 section 7.3).

use std::time::{Duration, Instant};

use aws_lc_rs::hmac;

use super::Credentials;
use crate::stun::{Class, Message, MessageWriter, TransactionId};
use crate::{DatagramSink, Path};

/// Shortest time between two probes of a path, short enough for several tries within a second.
const PROBE_INTERVAL: Duration = Duration::from_millis(100);

/// How long a probe waits for its answer, sent again meanwhile: longer than any round trip over which
/// people talk.
const PROBE_LIFETIME: Duration = Duration::from_secs(1);

/// Most paths that are probed at a time: bounds what replayed packets can make us send.
const MAX_PROBES: usize = 4;

/// The priority of a peer-reflexive candidate with the highest local preference (RFC 8445 section
/// 5.1.2.1, type preference 110, component 1).
const PEER_REFLEXIVE_PRIORITY: u32 = (110 << 24) | (65535 << 8) | 255;

/// The probes that are under way.
#[derive(Debug)]
pub(super) struct Probes {
    /// Makes transactions that the client cannot foretell either, though it knows both passwords: it
    /// could answer for an address that is not its own.
    /// Apart: it takes 0.8 KiB, and probes are rare.
    secret: Box<hmac::Key>,
    /// How many were made; makes each transaction another one.
    count: u64,
    sent: Vec<Sent>,
}

#[derive(Debug)]
struct Sent {
    first_at: Instant,
    last_at: Instant,
    path: Path,
    transaction: TransactionId,
    tie_breaker: u64,
}

impl Probes {
    pub(super) fn new(secret: hmac::Key) -> Probes {
        Probes { secret: Box::new(secret), count: 0, sent: Vec::new() }
    }

    /// Sends a check along `path`, unless the last one was just now or too many are under way.
    pub(super) fn start(
        &mut self,
        now: Instant,
        path: Path,
        local: &Credentials,
        remote: &Credentials,
        out: &mut impl DatagramSink,
    ) {
        self.sent.retain(|sent| now < sent.first_at + PROBE_LIFETIME);
        let under_way = self.sent.len();
        let (transaction, tie_breaker) = match self.sent.iter_mut().find(|sent| sent.path == path) {
            Some(sent) if now < sent.last_at + PROBE_INTERVAL => return,
            Some(sent) => {
                sent.last_at = now;
                (sent.transaction, sent.tie_breaker)
            }
            None if under_way >= MAX_PROBES => return,
            None => {
                self.count += 1;
                let (transaction, tie_breaker) = unguessable(&self.secret, local, self.count);
                let (first_at, last_at) = (now, now);
                self.sent.push(Sent { first_at, last_at, path, transaction, tie_breaker });
                (transaction, tie_breaker)
            }
        };
        let mut check = MessageWriter::new(Class::Request, transaction)
            .username(remote.ufrag(), local.ufrag())
            .priority(PEER_REFLEXIVE_PRIORITY)
            .controlled(tie_breaker)
            .integrity(remote.key());
        if let Some(bytes) = check.finish() {
            out.send(path, bytes);
        }
    }

    /// Whether `answer` is the client's to a probe of `path`; it counts once.
    pub(super) fn is_answered(
        &mut self,
        path: Path,
        answer: &Message<'_>,
        key: &hmac::Key,
    ) -> bool {
        let answered = self.sent.iter().position(|sent| {
            sent.path == path
                && sent.transaction == answer.transaction()
                && answer.has_integrity(key)
        });
        answered.map(|index| self.sent.swap_remove(index)).is_some()
    }
}

/// A transaction and a tie-breaker that nobody without the secret can foretell (RFC 8489 section 5
/// wants that), the same in every run of a test that has the same secret.
fn unguessable(secret: &hmac::Key, local: &Credentials, count: u64) -> (TransactionId, u64) {
    let mut context = hmac::Context::with_key(secret);
    context.update(local.ufrag().as_bytes());
    context.update(&count.to_be_bytes());
    let tag = context.sign();
    let mut transaction = [0; 12];
    let mut tie_breaker = [0; 8];
    for (to, from) in transaction.iter_mut().chain(&mut tie_breaker).zip(tag.as_ref()) {
        *to = *from;
    }
    (TransactionId(transaction), u64::from_be_bytes(tie_breaker))
}
