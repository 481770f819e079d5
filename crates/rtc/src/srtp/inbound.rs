//! Opening what the client sends: index, replay, authenticity, decryption.

use super::cipher::Cipher;
use super::kdf::{Labels, MasterKey};
use super::replay::ReplayWindow;
use super::{Position, RtpHeader, SRTCP_ENCRYPTED, SRTCP_INDEX_LEN, rtcp_sender};

/// Most streams of RTP, and as many of RTCP, that a client may send to this server over a connection. Four cameras
/// and screens with three layers, each with retransmission, and their sounds are 28; re-offers can
/// bring new ones, which take the places of those that are [over](Inbound::retire).
pub const MAX_SSRCS: usize = 128;

/// A packet that was not opened; its bytes are of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short, or not a header of RTP or RTCP.
    #[error("not an SRTP or SRTCP packet")]
    Malformed,
    /// It was seen before, or is older than the window for late packets.
    #[error("a packet seen before, or too late")]
    Replayed,
    /// It was not sealed with the client's key, or its index could not be guessed.
    #[error("a packet that is not authentic")]
    NotAuthentic,
    /// An SRTCP packet without encryption, which DTLS-SRTP does not negotiate.
    #[error("an SRTCP packet in the clear")]
    NotEncrypted,
    /// One ssrc more than there may be.
    #[error("more streams than a connection may have")]
    TooManyStreams,
}

/// Opens all packets of one client.
pub struct Inbound {
    rtp: Cipher,
    rtcp: Cipher,
    rtp_streams: Streams,
    rtcp_streams: Streams,
}

impl Inbound {
    /// Derives the keys. None if the cryptography refuses them, which valid lengths exclude.
    pub fn new(master: &MasterKey) -> Option<Inbound> {
        Inbound::with_streams(master, MAX_SSRCS)
    }

    /// The same for so many streams: clients are sent more than they send.
    pub fn with_streams(master: &MasterKey, most: usize) -> Option<Inbound> {
        Some(Inbound {
            rtp: Cipher::new(master, Labels::RTP).ok()?,
            rtcp: Cipher::new(master, Labels::RTCP).ok()?,
            rtp_streams: Streams::new(most),
            rtcp_streams: Streams::new(most),
        })
    }

    /// Opens an SRTP packet in place and returns the length of the RTP packet.
    pub fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, OpenError> {
        let header = RtpHeader::parse(packet).ok_or(OpenError::Malformed)?;
        let slot = self.rtp_streams.slot(header.ssrc)?;
        let index = match self.rtp_streams.window(slot) {
            Some(window) => nearest(window.newest(), header.sequence).ok_or(OpenError::Replayed)?,
            // The rollover counter of a stream starts at zero (RFC 3711 section 3.3.1).
            None => u64::from(header.sequence),
        };
        self.rtp_streams.check(slot, index)?;
        let at = Position { ssrc: header.ssrc, index };
        let len = self.rtp.open_rtp(at, header.len, packet).ok_or(OpenError::NotAuthentic)?;
        self.rtp_streams.insert(slot, at);
        Ok(len)
    }

    /// Opens an SRTCP packet in place and returns the length of the RTCP packet.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, OpenError> {
        let ssrc = rtcp_sender(packet).ok_or(OpenError::Malformed)?;
        let tag_behind = match &self.rtcp {
            Cipher::Gcm(_) => 0,
            Cipher::Counter(_) => super::counter::TAG_LEN,
        };
        let word = (packet.len().checked_sub(tag_behind + SRTCP_INDEX_LEN))
            .and_then(|start| packet.get(start..)?.first_chunk())
            .map(|word| u32::from_be_bytes(*word))
            .ok_or(OpenError::Malformed)?;
        if word & SRTCP_ENCRYPTED == 0 {
            return Err(OpenError::NotEncrypted);
        }
        let at = Position { ssrc, index: u64::from(word & !SRTCP_ENCRYPTED) };
        let slot = self.rtcp_streams.slot(ssrc)?;
        self.rtcp_streams.check(slot, at.index)?;
        let len = self.rtcp.open_rtcp(at, packet).ok_or(OpenError::NotAuthentic)?;
        self.rtcp_streams.insert(slot, at);
        Ok(len)
    }

    /// The stream is over. It is remembered, so that nobody can repeat it, until another one needs its
    /// place.
    pub fn retire(&mut self, ssrc: u32) {
        self.rtp_streams.set_retired(ssrc, true);
        self.rtcp_streams.set_retired(ssrc, true);
    }

    /// A stream that was over goes on after all.
    pub fn resume(&mut self, ssrc: u32) {
        self.rtp_streams.set_retired(ssrc, false);
        self.rtcp_streams.set_retired(ssrc, false);
    }
}

/// The index that ends in `sequence` and is nearest to `newest` (RFC 3711 appendix A). None if
/// that would be before the first.
fn nearest(newest: u64, sequence: u16) -> Option<u64> {
    let ahead = sequence.wrapping_sub(newest as u16) as i16;
    newest.checked_add_signed(i64::from(ahead))
}

/// All streams, sorted by ssrc.
struct Streams {
    most: usize,
    streams: Vec<Stream>,
    /// How many have been retired so far.
    retirements: u64,
}

struct Stream {
    ssrc: u32,
    window: ReplayWindow,
    /// It may be forgotten, after those with smaller numbers.
    retired: Option<u64>,
}

/// Where a stream is, or that it has none yet.
#[derive(Clone, Copy)]
enum Slot {
    Known(usize),
    New,
}

impl Streams {
    fn new(most: usize) -> Streams {
        Streams { most, streams: Vec::new(), retirements: 0 }
    }

    fn slot(&self, ssrc: u32) -> Result<Slot, OpenError> {
        let has_room =
            || self.streams.len() < self.most || self.streams.iter().any(|s| s.retired.is_some());
        match self.find(ssrc) {
            Ok(at) => Ok(Slot::Known(at)),
            Err(_) if has_room() => Ok(Slot::New),
            Err(_) => Err(OpenError::TooManyStreams),
        }
    }

    fn window(&self, slot: Slot) -> Option<&ReplayWindow> {
        match slot {
            Slot::Known(at) => self.streams.get(at).map(|stream| &stream.window),
            Slot::New => None,
        }
    }

    fn check(&self, slot: Slot, index: u64) -> Result<(), OpenError> {
        let admitted = self.window(slot).is_none_or(|window| window.admits(index));
        if admitted { Ok(()) } else { Err(OpenError::Replayed) }
    }

    /// Remembers a packet that turned out to be authentic; only such ones make new state.
    fn insert(&mut self, slot: Slot, at: Position) {
        match slot {
            Slot::New => self.add(at),
            Slot::Known(place) => {
                if let Some(stream) = self.streams.get_mut(place) {
                    stream.window.insert(at.index);
                }
            }
        }
    }

    fn add(&mut self, at: Position) {
        if self.streams.len() >= self.most
            && let Some(over) = self.longest_retired()
        {
            self.streams.remove(over);
        }
        let (ssrc, window) = (at.ssrc, ReplayWindow::starting_at(at.index));
        let place = self.find(ssrc).unwrap_or_else(|place| place);
        self.streams.insert(place, Stream { ssrc, window, retired: None });
    }

    fn longest_retired(&self) -> Option<usize> {
        let retired =
            self.streams.iter().enumerate().filter_map(|(at, stream)| Some((stream.retired?, at)));
        retired.min().map(|(_, at)| at)
    }

    fn set_retired(&mut self, ssrc: u32, retired: bool) {
        let at = self.find(ssrc).ok();
        if let Some(stream) = at.and_then(|at| self.streams.get_mut(at)) {
            self.retirements += 1;
            stream.retired = retired.then_some(self.retirements);
        }
    }

    fn find(&self, ssrc: u32) -> Result<usize, usize> {
        self.streams.binary_search_by_key(&ssrc, |stream| stream.ssrc)
    }
}
