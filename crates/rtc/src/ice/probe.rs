//! One check of our own, to prove a path that authenticated media arrived on.
//!
//! A NAT that forgets its mapping gives a client a new address. The client does not know and its
//! next check can be seconds away, but its media arrives at once. A full agent answers our check
//! in one round trip, as it answers those of a full peer (RFC 8445 section 7.3).

use std::time::{Duration, Instant};

use aws_lc_rs::hmac;

use super::Credentials;
use crate::stun::{Class, Message, MessageWriter, TransactionId};
use crate::{DatagramSink, Path};

/// Shortest time between two probes of a connection: bounds what a replayed packet can make us
/// send, and is short enough for several tries within a second.
const PROBE_INTERVAL: Duration = Duration::from_millis(100);

/// The priority of a peer-reflexive candidate with the highest local preference (RFC 8445 section
/// 5.1.2.1, type preference 110, component 1).
const PEER_REFLEXIVE_PRIORITY: u32 = (110 << 24) | (65535 << 8) | 255;

/// The probe that is under way, if any.
#[derive(Debug, Default)]
pub(super) struct Probe {
    /// How many were sent; makes each transaction another one.
    count: u64,
    latest: Option<Sent>,
}

#[derive(Debug)]
struct Sent {
    at: Instant,
    path: Path,
    transaction: TransactionId,
}

impl Probe {
    /// Sends a check along `path`, unless the last one was just now.
    pub(super) fn start(
        &mut self,
        now: Instant,
        path: Path,
        local: &Credentials,
        remote: &Credentials,
        out: &mut impl DatagramSink,
    ) {
        if self.latest.as_ref().is_some_and(|sent| now < sent.at + PROBE_INTERVAL) {
            return;
        }
        self.count += 1;
        let (transaction, tie_breaker) = unguessable(local.key(), self.count);
        let mut check = MessageWriter::new(Class::Request, transaction)
            .username(remote.ufrag(), local.ufrag())
            .priority(PEER_REFLEXIVE_PRIORITY)
            .controlled(tie_breaker)
            .integrity(remote.key());
        if let Some(bytes) = check.finish() {
            out.send(path, bytes);
            self.latest = Some(Sent { at: now, path, transaction });
        }
    }

    /// Whether `answer` is the client's to the latest probe; it counts once.
    pub(super) fn is_answered(
        &mut self,
        path: Path,
        answer: &Message<'_>,
        key: &hmac::Key,
    ) -> bool {
        let sent = self.latest.take_if(|sent| {
            sent.path == path
                && sent.transaction == answer.transaction()
                && answer.has_integrity(key)
        });
        sent.is_some()
    }
}

/// A transaction and a tie-breaker that nobody without our password can foretell (RFC 8489
/// section 5 wants that), the same in every run of a test.
fn unguessable(key: &hmac::Key, count: u64) -> (TransactionId, u64) {
    let mut context = hmac::Context::with_key(key);
    context.update(b"probe");
    context.update(&count.to_be_bytes());
    let tag = context.sign();
    let mut transaction = [0; 12];
    let mut tie_breaker = [0; 8];
    for (to, from) in transaction.iter_mut().chain(&mut tie_breaker).zip(tag.as_ref()) {
        *to = *from;
    }
    (TransactionId(transaction), u64::from_be_bytes(tie_breaker))
}
