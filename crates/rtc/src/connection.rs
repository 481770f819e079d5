//! One peer's way to us: ICE proves its paths, DTLS proves who it is, SRTP protects its media.

mod outcome;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::demux::{Protocol, classify};
use crate::srtp::{Inbound, Keys, OpenError, Outbound, Profile};
use crate::{DatagramSink, Path, dtls, ice};
use outcome::SETUP_TIMEOUT;

pub use outcome::{ANSWER_TIMEOUT, CloseReason, DropReason, Event, Received};

/// One peer's ICE, DTLS and SRTP association with the server.
///
/// A value: datagrams and time go in by `handle_*`, datagrams come out through the sink, the rest
/// through [`Connection::poll_event`], which wants to be drained after every `handle_*` call.
pub struct Connection {
    agent: ice::Agent,
    dtls: dtls::Association,
    state: State,
    events: VecDeque<Event>,
    last_heard: Instant,
}

enum State {
    /// The client has been offered a connection and has not answered yet, for which it has until this instant.
    Unanswered {
        until: Instant,
    },
    /// ICE and DTLS are at work, until this instant at most.
    Setup {
        until: Instant,
    },
    Connected(Box<Srtp>),
    Closed,
}

struct Srtp {
    profile: Profile,
    inbound: Inbound,
    outbound: Outbound,
}

impl Srtp {
    fn new(keys: &Keys) -> Option<Srtp> {
        Some(Srtp {
            profile: keys.client.profile(),
            inbound: Inbound::new(&keys.client)?,
            outbound: Outbound::new(&keys.server)?,
        })
    }
}

impl Connection {
    /// A connection to the client whose session description has the `remote` credentials and
    /// `fingerprint`; ours has the `local` ones and that of `identity`.
    pub fn new(
        now: Instant,
        identity: Arc<dtls::Identity>,
        local: ice::Credentials,
        remote: ice::Credentials,
        fingerprint: dtls::Fingerprint,
    ) -> Connection {
        Connection {
            agent: ice::Agent::new(local, remote, identity.secret()),
            dtls: dtls::Association::new(identity, fingerprint),
            state: State::Setup { until: now + SETUP_TIMEOUT },
            events: VecDeque::new(),
            last_heard: now,
        }
    }

    /// The same in this role of DTLS, as the offer has it.
    pub fn with_role(mut self, role: dtls::Role) -> Connection {
        self.dtls = self.dtls.with_role(role);
        self
    }

    /// The same to a client whose session description is not known yet: it has not answered ours. Whatever comes is dropped
    /// without a word: a client checks as soon as it has made its answer, and one that was refused might not check
    /// again. Another connection with the same `local` credentials takes this one's place when the answer is here.
    pub fn unanswered(mut self, now: Instant) -> Connection {
        self.state = State::Unanswered { until: now + ANSWER_TIMEOUT };
        self
    }

    /// Takes one datagram from `path`. STUN is answered and DTLS driven through `out`; SRTP and
    /// SRTCP are opened in place.
    ///
    /// Media is taken from any path, since it proves itself, but is sent only along paths that
    /// the client has proved to own: a new path is first probed.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
        out: &mut impl DatagramSink,
    ) -> Received {
        let handled = match classify(datagram) {
            _ if matches!(self.state, State::Closed) => Err(DropReason::Closed),
            _ if matches!(self.state, State::Unanswered { .. }) => Err(DropReason::Unanswered),
            Some(Protocol::Stun) => self.handle_stun(now, path, datagram, out),
            Some(Protocol::Dtls) => self.handle_dtls(now, path, datagram, out),
            Some(Protocol::Srtp) => self
                .open(now, path, out, |inbound| inbound.open_rtp(datagram))
                .map(|len| Received::Rtp { len }),
            Some(Protocol::Srtcp) => self
                .open(now, path, out, |inbound| inbound.open_rtcp(datagram))
                .map(|len| Received::Rtcp { len }),
            Some(Protocol::TurnChannel) | None => Err(DropReason::Unrecognized),
        };
        handled.unwrap_or_else(Received::Dropped)
    }

    /// To be called when [`Connection::deadline`] has come; calling it earlier does no harm.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut impl DatagramSink) {
        match self.state {
            State::Unanswered { until } if until <= now => {
                return self.end(CloseReason::AnswerTimeout);
            }
            State::Setup { until } if until <= now => return self.end(CloseReason::SetupTimeout),
            _ => {}
        }
        let event = self.dtls.handle_timeout(now, out);
        self.take(event);
    }

    /// When [`Connection::handle_timeout`] is next due. None for a connected client, however idle.
    pub fn deadline(&self) -> Option<Instant> {
        let setup = match self.state {
            State::Unanswered { until } => return Some(until),
            State::Setup { until } => Some(until),
            State::Connected(_) => None,
            State::Closed => return None,
        };
        self.dtls.deadline().into_iter().chain(setup).min()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some(event) = self.agent.poll_event() {
            return Some(match event {
                ice::Event::PathValidated(path) => Event::PathValidated(path),
                ice::Event::PathSelected(path) => Event::PathSelected(path),
                ice::Event::PathDropped(path) => Event::PathDropped(path),
            });
        }
        self.events.pop_front()
    }

    /// Begins an ICE restart (RFC 8445 section 9): DTLS and SRTP stay as they are, and the old
    /// credentials and paths stay good until the client has used the new ones.
    pub fn restart_ice(&mut self, local: ice::Credentials, remote: ice::Credentials) {
        self.agent.restart(local, remote);
    }

    /// Says goodbye to the client, if it got so far, and ends the connection.
    pub fn close(&mut self, now: Instant, out: &mut impl DatagramSink) {
        if !matches!(self.state, State::Closed) {
            self.dtls.close(now, self.agent.selected(), out);
            self.end(CloseReason::ClosedByServer);
        }
    }

    /// Where media for the client goes now: once connected, the path that the client nominated among
    /// those where it has proved to receive. None while there is no such path.
    pub fn path(&self) -> Option<Path> {
        self.agent.selected()
    }

    /// `path` is no more, as a stream is that has been closed: media takes another one, if there is one.
    pub fn lose_path(&mut self, path: Path) {
        self.agent.lose_path(path);
    }

    /// When a datagram that only the client can have made last arrived; when the connection was
    /// made, if none has.
    pub fn last_heard(&self) -> Instant {
        self.last_heard
    }

    /// When such a datagram last arrived along `path`; none if no check of the client made that valid.
    pub fn last_heard_on(&self, path: Path) -> Option<Instant> {
        self.agent.last_heard(path)
    }

    /// Whether packets can be sealed and opened.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected(_))
    }

    /// Reads what [`Connection::seal_rtp`] will, so that it is in the processor's cache by then. The value means
    /// nothing.
    #[inline]
    pub fn touch(&self) -> u64 {
        match &self.state {
            State::Connected(srtp) => srtp.outbound.touch(),
            State::Unanswered { .. } | State::Setup { .. } | State::Closed => 0,
        }
    }

    /// How packets are protected, once connected.
    pub fn profile(&self) -> Option<Profile> {
        match &self.state {
            State::Connected(srtp) => Some(srtp.profile),
            State::Unanswered { .. } | State::Setup { .. } | State::Closed => None,
        }
    }

    /// Seals the RTP packet `packet[..len]` in place, behind which there must be
    /// [`SRTP_OVERHEAD`](crate::srtp::SRTP_OVERHEAD) bytes of room, and returns its sealed length.
    ///
    /// `index` is the packet's 48-bit index, kept by the caller for each ssrc: see
    /// [`Outbound::seal_rtp`]. None if not connected, or the packet is not right.
    pub fn seal_rtp(&mut self, packet: &mut [u8], len: usize, index: u64) -> Option<usize> {
        match &mut self.state {
            State::Connected(srtp) => srtp.outbound.seal_rtp(packet, len, index),
            State::Unanswered { .. } | State::Setup { .. } | State::Closed => None,
        }
    }

    /// Seals the RTCP packet `packet[..len]` in place, behind which there must be
    /// [`SRTCP_OVERHEAD`](crate::srtp::SRTCP_OVERHEAD) bytes of room, and returns its sealed
    /// length. None if not connected, or the packet is not right.
    pub fn seal_rtcp(&mut self, packet: &mut [u8], len: usize) -> Option<usize> {
        match &mut self.state {
            State::Connected(srtp) => srtp.outbound.seal_rtcp(packet, len),
            State::Unanswered { .. } | State::Setup { .. } | State::Closed => None,
        }
    }

    /// The client sends this stream no more: see [`Inbound::retire`].
    pub fn retire_stream(&mut self, ssrc: u32) {
        if let State::Connected(srtp) = &mut self.state {
            srtp.inbound.retire(ssrc);
        }
    }

    /// The client sends this stream, perhaps again.
    pub fn resume_stream(&mut self, ssrc: u32) {
        if let State::Connected(srtp) = &mut self.state {
            srtp.inbound.resume(ssrc);
        }
    }

    fn handle_stun(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        out: &mut impl DatagramSink,
    ) -> Result<Received, DropReason> {
        self.agent.handle_stun(now, path, datagram, out)?;
        self.last_heard = now;
        if let Some(selected) = self.agent.selected() {
            let event = self.dtls.begin(now, selected, out);
            self.take(event);
        }
        Ok(Received::Handled)
    }

    fn handle_dtls(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        out: &mut impl DatagramSink,
    ) -> Result<Received, DropReason> {
        if !self.agent.is_valid(path) {
            return Err(DropReason::PathNotValidated);
        }
        if let Some(event) = self.dtls.handle_datagram(now, path, datagram, out) {
            self.follow_handshake(now, event, self.dtls.only_path(), out);
        }
        Ok(Received::Handled)
    }

    /// The handshake is over. `only_path` is the one along which it went, none if there were several.
    pub(crate) fn follow_handshake(
        &mut self,
        now: Instant,
        event: dtls::Event,
        only_path: Option<Path>,
        out: &mut impl DatagramSink,
    ) {
        if matches!(event, dtls::Event::Connected(_)) {
            self.agent.connected(now, only_path, out);
        }
        self.take(Some(event));
    }

    fn open(
        &mut self,
        now: Instant,
        path: Path,
        out: &mut impl DatagramSink,
        open: impl FnOnce(&mut Inbound) -> Result<usize, OpenError>,
    ) -> Result<usize, DropReason> {
        let State::Connected(srtp) = &mut self.state else {
            return Err(DropReason::NotConnected);
        };
        let len = open(&mut srtp.inbound)?;
        self.last_heard = now;
        self.agent.handle_media(now, path, out);
        Ok(len)
    }

    fn take(&mut self, event: Option<dtls::Event>) {
        match event {
            None => {}
            Some(dtls::Event::Connected(keys)) => match Srtp::new(&keys) {
                Some(srtp) => {
                    self.state = State::Connected(Box::new(srtp));
                    self.events.push_back(Event::Connected);
                }
                None => self.end(CloseReason::Dtls(dtls::Failure::NoSrtpProfile)),
            },
            Some(dtls::Event::Failed(failure)) => self.end(failure.into()),
        }
    }

    fn end(&mut self, reason: CloseReason) {
        self.state = State::Closed;
        self.events.push_back(Event::Closed(reason));
    }
}
