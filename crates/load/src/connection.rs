//! A client's connection to the server as a value: ICE checks, DTLS, and what SRTP seals and opens.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use parlor_rtc::demux::{Protocol, classify};
use parlor_rtc::ice::Credentials;
use parlor_rtc::srtp::{Inbound, Keys, OpenError, Outbound, Profile};
use parlor_rtc::stun::{Class, Message, MessageWriter, TransactionId};

use crate::handshake::{Handshake, Identity};
use crate::offer::Answer;
use crate::outbox::Outbox;

/// Checks are repeated so often until one is answered.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// And then: half of what browsers do between two checks of consent (RFC 7675 section 5.1).
const CONSENT_INTERVAL: Duration = Duration::from_millis(2500);
/// Who is not connected by then never will be.
const PATIENCE: Duration = Duration::from_secs(15);
/// A server that has answered no check for so long is gone (RFC 7675 section 5.1).
const CONSENT_LOST: Duration = Duration::from_secs(30);
/// Streams that somebody is sent at most: of each slot media and what is sent again.
const MAX_STREAMS: usize = 4 * 64;
/// What a host candidate's check says (RFC 8445 section 5.1.2.1).
const PRIORITY: u32 = 0x6E00_1EFF;

/// What a datagram turned out to be.
pub enum Heard {
    /// Nothing that anybody waits for.
    Nothing,
    /// The last one that was missing for media to flow.
    Connected,
    /// RTP, opened in place: so many bytes of it.
    Rtp(usize),
    /// RTCP, likewise.
    Rtcp(usize),
    /// A packet that came before.
    Repeated,
    /// What says that it is SRTP and does not open.
    Forged,
}

enum Stage {
    Checking,
    Handshaking(Box<Handshake>),
    Up { handshake: Box<Handshake>, inbound: Box<Inbound>, outbound: Box<Outbound> },
}

/// One person's connection.
pub struct Connection {
    identity: Identity,
    local: Credentials,
    answer: Answer,
    candidates: Vec<SocketAddr>,
    tie_breaker: u64,
    checks: u32,
    check_at: Instant,
    give_up_at: Instant,
    answered_at: Instant,
    selected: Option<SocketAddr>,
    stage: Stage,
    profile: Option<Profile>,
}

impl Connection {
    /// A connection to whom `answer` speaks of, at one of `candidates`; `number` tells those of a load apart.
    pub fn new(
        now: Instant,
        identity: Identity,
        local: Credentials,
        answer: Answer,
        candidates: Vec<SocketAddr>,
        number: u64,
    ) -> Connection {
        Connection {
            identity,
            local,
            answer,
            candidates,
            tie_breaker: number,
            checks: 0,
            check_at: now,
            give_up_at: now + PATIENCE,
            answered_at: now,
            selected: None,
            stage: Stage::Checking,
            profile: None,
        }
    }

    /// Where media goes, once it does.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.selected.filter(|_| matches!(self.stage, Stage::Up { .. }))
    }

    /// What seals media, once there are keys.
    pub fn outbound(&mut self) -> Option<&mut Outbound> {
        match &mut self.stage {
            Stage::Up { outbound, .. } => Some(outbound),
            _ => None,
        }
    }

    /// The cipher that was agreed on.
    pub fn profile(&self) -> Option<Profile> {
        self.profile
    }

    /// When [`Connection::handle_timeout`] is next due.
    pub fn deadline(&self) -> Instant {
        let handshake = match &self.stage {
            Stage::Checking => None,
            Stage::Handshaking(handshake) | Stage::Up { handshake, .. } => handshake.deadline(),
        };
        handshake.map_or(self.check_at, |at| at.min(self.check_at))
    }

    /// Sends what is due.
    ///
    /// # Errors
    /// When the connection failed, or took too long.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) -> Result<Heard, String> {
        if now >= self.give_up_at && !matches!(self.stage, Stage::Up { .. }) {
            let what = if self.selected.is_none() { "an ICE check" } else { "DTLS" };
            return Err(format!("the server did not answer {what}"));
        }
        if now >= self.answered_at + CONSENT_LOST {
            return Err("the server answers no checks any more".into());
        }
        if now >= self.check_at {
            let interval = if self.selected.is_some() { CONSENT_INTERVAL } else { CHECK_INTERVAL };
            self.check_at = now + interval;
            self.check(out);
        }
        let Some(to) = self.selected else { return Ok(Heard::Nothing) };
        let keys = match &mut self.stage {
            Stage::Handshaking(handshake) | Stage::Up { handshake, .. } => {
                match handshake.deadline().is_some_and(|at| now >= at) {
                    true => handshake.handle_timeout(now, |datagram| out.push(to, datagram))?,
                    false => None,
                }
            }
            Stage::Checking => None,
        };
        self.agree(keys)
    }

    /// Takes a datagram, which media is opened in.
    ///
    /// # Errors
    /// When the connection is over.
    #[inline]
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &mut [u8],
        out: &mut Outbox,
    ) -> Result<Heard, String> {
        match (classify(datagram), &mut self.stage) {
            (Some(Protocol::Srtp), Stage::Up { inbound, .. }) => {
                Ok(inbound.open_rtp(datagram).map_or_else(why, Heard::Rtp))
            }
            (Some(Protocol::Srtcp), Stage::Up { inbound, .. }) => {
                Ok(inbound.open_rtcp(datagram).map_or_else(why, Heard::Rtcp))
            }
            (Some(Protocol::Dtls), Stage::Handshaking(handshake) | Stage::Up { handshake, .. }) => {
                let send = |reply: &[u8]| out.push(from, reply);
                let keys = handshake.handle_datagram(now, datagram, send)?;
                self.agree(keys)
            }
            (Some(Protocol::Stun), _) => self.hear_check(now, from, datagram, out),
            _ => Ok(Heard::Nothing),
        }
    }

    /// Says goodbye to the server.
    pub fn close(&mut self, now: Instant, out: &mut Outbox) {
        if let (Some(to), Stage::Up { handshake, .. }) = (self.selected, &mut self.stage) {
            handshake.close(now, |datagram| out.push(to, datagram));
        }
    }

    fn agree(&mut self, keys: Option<Keys>) -> Result<Heard, String> {
        let Some(keys) = keys else { return Ok(Heard::Nothing) };
        let broken = || "the SRTP keys cannot be used".to_owned();
        let inbound =
            Box::new(Inbound::with_streams(&keys.server, MAX_STREAMS).ok_or_else(broken)?);
        let outbound = Box::new(Outbound::new(&keys.client).ok_or_else(broken)?);
        self.profile = Some(keys.client.profile());
        match std::mem::replace(&mut self.stage, Stage::Checking) {
            Stage::Handshaking(handshake) => {
                self.stage = Stage::Up { handshake, inbound, outbound };
                Ok(Heard::Connected)
            }
            stage => {
                self.stage = stage;
                Ok(Heard::Nothing)
            }
        }
    }

    /// Asks the chosen address, or all until one has answered.
    fn check(&mut self, out: &mut Outbox) {
        self.checks += 1;
        let mut request = MessageWriter::new(Class::Request, self.transaction(self.checks))
            .username(self.answer.ice.ufrag(), self.local.ufrag())
            .priority(PRIORITY)
            .controlling(self.tie_breaker)
            .use_candidate()
            .integrity(self.answer.ice.key());
        let Some(request) = request.finish() else { return };
        match self.selected {
            Some(to) => out.push(to, request),
            None => self.candidates.iter().for_each(|&to| out.push(to, request)),
        }
    }

    fn transaction(&self, check: u32) -> TransactionId {
        let mut id = [0; 12];
        id[..8].copy_from_slice(&self.tie_breaker.to_be_bytes());
        id[8..].copy_from_slice(&check.to_be_bytes());
        TransactionId(id)
    }

    fn hear_check(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
        out: &mut Outbox,
    ) -> Result<Heard, String> {
        let Ok(message) = Message::parse(datagram) else { return Ok(Heard::Nothing) };
        match message.class() {
            Class::Request if message.has_integrity(self.local.key()) => {
                let mut reply = MessageWriter::new(Class::Success, message.transaction())
                    .xor_mapped_address(from)
                    .integrity(self.local.key());
                if let Some(reply) = reply.finish() {
                    out.push(from, reply);
                }
                Ok(Heard::Nothing)
            }
            Class::Success if !message.has_integrity(self.answer.ice.key()) => Ok(Heard::Nothing),
            Class::Success if self.selected.is_some() => {
                self.answered_at = now;
                Ok(Heard::Nothing)
            }
            Class::Success => {
                self.selected = Some(from);
                self.answered_at = now;
                let handshake = Handshake::new(now, &self.identity, self.answer.fingerprint);
                self.stage = Stage::Handshaking(Box::new(handshake));
                self.check_at = now + CONSENT_INTERVAL;
                self.handle_timeout(now, out)
            }
            _ => Ok(Heard::Nothing),
        }
    }
}

/// What a packet is that does not open.
fn why(error: OpenError) -> Heard {
    match error {
        OpenError::Replayed => Heard::Repeated,
        _ => Heard::Forged,
    }
}
