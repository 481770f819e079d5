//! What goes back to where tracks come from: requests, as messages to the source.

use std::time::{Duration, Instant};

use crate::arena::SendArena;
use crate::compound::Compound;
use crate::engine::Engine;
use crate::peer::{Peer, PeerKey};
use crate::track::{TrackKey, Upstream};

/// Shortest time between two requests for a key frame of one layer. Everyone who asks in between is
/// served by the key frame that is on its way; whoever came too late for it asks again with the
/// next packet. Key frames cost several times their share of the bitrate, so not more often.
pub(crate) const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(500);

/// Key frames that are to be asked for.
#[derive(Debug, Default)]
pub(crate) struct KeyFrameRequests {
    wanted: Vec<(TrackKey, u8)>,
}

impl KeyFrameRequests {
    /// Asks for a key frame of a track's layer; asking twice is asking once.
    pub(crate) fn push(&mut self, track: TrackKey, layer: u8) {
        if !self.wanted.contains(&(track, layer)) {
            self.wanted.push((track, layer));
        }
    }
}

impl Engine {
    /// Passes requests on to the sources of their tracks.
    pub(crate) fn ask_upstream(&mut self, now: Instant, out: &mut SendArena) {
        while let Some((key, layer)) = self.requests.wanted.pop() {
            let Some(track) = self.tracks.get_mut(key) else { continue };
            if !track.may_ask_for_key_frame(now, layer) {
                continue;
            }
            match track.upstream {
                Upstream::Published(peer) => self.ask_publisher(peer, key, layer, out),
            }
        }
    }

    /// Sends a picture loss indication to the publisher of a track.
    fn ask_publisher(&mut self, peer: PeerKey, track: TrackKey, layer: u8, out: &mut SendArena) {
        let Some(peer) = self.peers.get_mut(peer) else { return };
        let Some(published) = peer.published.iter().position(|p| p.track == track) else { return };
        // Before its first packet a stream needs no request: it begins with a key frame.
        let Some((media, _)) = peer.incoming.media(published, layer) else { return };
        let Peer { speaker, link, .. } = peer;
        let mut compound = Compound::new();
        compound.add(speaker, link, out, |writer| writer.picture_loss(speaker.ssrc, media));
        compound.flush(link, out);
        self.counters.key_frame_requests_out += 1;
    }
}
