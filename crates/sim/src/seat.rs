//! One client's place in the world: its membership, and the cable between it and the server.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use parlor_engine::{PeerId, PeerState, RoomId, Sender, TrackId, WantedLayers};
use str0m::media::Rid;

use crate::client::Client;
use crate::link::Link;

/// The port of an address before its NAT has forgotten it.
pub(crate) const FIRST_PORT: u16 = 5000;

/// Datagrams that left for one client as one message: what a kernel takes at once.
#[derive(Clone, Debug)]
pub struct SentMessage {
    /// Their bytes, one behind the other.
    pub bytes: Vec<u8>,
    /// Bytes of each but the last, which may have fewer.
    pub segment_size: usize,
}

impl SentMessage {
    /// How many datagrams it holds.
    pub fn count(&self) -> usize {
        self.bytes.len().div_ceil(self.segment_size)
    }
}

/// One client's place in the world.
pub struct Seat {
    /// The browser.
    pub client: Client,
    /// Its membership.
    pub peer: PeerId,
    /// The room it is in.
    pub room: RoomId,
    /// What its offers name: a section and a track for each of the client's senders, in their order.
    pub named: Vec<Sender>,
    /// Client to server.
    pub up: Link,
    /// Server to client.
    pub down: Link,
    /// The seat whose `down` carries what goes here instead: both are behind one bottleneck.
    pub behind: Option<usize>,
    /// What left for it together, if that is to be kept.
    pub messages: Option<Vec<SentMessage>>,
    /// What the engine last said of it.
    pub state: Option<PeerState>,
    /// Its address as the server sees it: what its NAT made of it.
    pub(crate) public: SocketAddr,
    /// Still a member. A seat that was left stays, so that what it saw can be looked at.
    pub(crate) present: bool,
}

impl Seat {
    /// Sends what somebody wants of its pictures, and nothing else, in a codec that all can decode.
    pub(crate) fn want(&mut self, now: Instant, tracks: &[WantedLayers]) {
        for (index, named) in self.named.iter().enumerate() {
            let wanted = tracks.iter().find(|wanted| wanted.track == named.track);
            let (Some(wanted), Some(sender)) = (wanted, self.client.senders.get_mut(index)) else {
                continue;
            };
            sender.spatial = wanted.spatial;
            if sender.rids.is_empty() {
                sender.rest(now, wanted.layers.is_empty());
            } else {
                let rids = wanted.layers.iter().flatten();
                sender.want(rids.map(|rid| Rid::from(rid.to_string().as_str())).collect());
            }
            if let Some(payload_type) = wanted.payload_type.filter(|_| sender.falls_back) {
                self.client.fall_back(index, payload_type);
            }
        }
    }

    /// Its tracks, in the order of its senders.
    pub fn tracks(&self) -> Vec<TrackId> {
        self.named.iter().map(|sender| sender.track).collect()
    }
}

/// An address per seat, and a port per life of its NAT binding.
pub(crate) fn client_address(seat: usize, binding: u16) -> SocketAddr {
    let host = Ipv4Addr::from(0x0a00_0001 + seat as u32);
    SocketAddr::from((host, FIRST_PORT + binding))
}
