//! What goes back to where tracks come from: requests, as messages to the source.

use std::time::{Duration, Instant};

use crate::arena::SendArena;
use crate::compound::Compound;
use crate::engine::Engine;
use crate::peer::{Peer, PeerKey};
use crate::track::{TrackKey, Upstream};

/// Shortest time between two requests for a key frame of one layer, whatever they are for. Everyone who asks in
/// between is served by the key frame that is on its way; whoever came too late for it asks again with the
/// next packet. Key frames cost several times their share of the bitrate, so not more often.
const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(500);

/// Of what another engine publishes: that one holds its publisher to the interval above, and may just have served others.
/// Whoever has to ask there again does it as soon as this.
const RELAYED_INTERVAL: Duration = Duration::from_millis(50);

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

/// When a key frame of each layer of a track may be asked for next; `None` for at once.
#[derive(Debug)]
pub(crate) struct KeyFrameTimes(Vec<Option<Instant>>);

impl KeyFrameTimes {
    /// Of a track of so many layers.
    pub(crate) fn new(layers: usize) -> KeyFrameTimes {
        KeyFrameTimes(vec![None; layers])
    }

    /// Whether a key frame of a layer may be asked for now; if so, it counts as asked for, and the next may be after `interval`.
    pub(crate) fn may_ask(&mut self, now: Instant, layer: u8, interval: Duration) -> bool {
        let Some(next_at) = self.0.get_mut(usize::from(layer)) else { return false };
        let may = next_at.is_none_or(|at| now >= at);
        if may {
            *next_at = Some(now + interval);
        }
        may
    }

    /// No key frame of a layer is to be asked for before this time, nor before it might be anyway.
    pub(crate) fn wait_until(&mut self, time: Instant, layer: u8) {
        if let Some(next_at) = self.0.get_mut(usize::from(layer)) {
            *next_at = (*next_at).max(Some(time));
        }
    }
}

impl Engine {
    /// Passes requests on to the sources of their tracks.
    pub(crate) fn ask_upstream(&mut self, now: Instant, out: &mut SendArena) {
        while let Some((key, layer)) = self.requests.wanted.pop() {
            let Some(track) = self.tracks.get_mut(key) else { continue };
            let interval = match track.upstream {
                Upstream::Published(_) => KEY_FRAME_INTERVAL,
                Upstream::Relayed(_) => RELAYED_INTERVAL,
            };
            if !track.key_frame_times.may_ask(now, layer, interval) {
                continue;
            }
            match track.upstream {
                Upstream::Published(peer) => self.ask_publisher(peer, key, layer, out),
                Upstream::Relayed(from) => {
                    self.relay.ask_for_key_frame(from, track.layer_id(layer))
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_of_a_layer_is_asked_for_once_in_half_a_second_though_it_is_to_wait_for_something()
     {
        // Nothing depends on which instant this is.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let may_ask =
            |times: &mut KeyFrameTimes, now, layer| times.may_ask(now, layer, KEY_FRAME_INTERVAL);
        let mut times = KeyFrameTimes::new(2);
        assert!(may_ask(&mut times, at(0), 0));
        times.wait_until(at(80), 0);
        assert!(
            !may_ask(&mut times, at(80), 0) && !may_ask(&mut times, at(499), 0),
            "the limit holds"
        );
        assert!(may_ask(&mut times, at(80), 1), "for each layer by itself");
        assert!(may_ask(&mut times, at(500), 0));
        times.wait_until(at(1_100), 0);
        assert!(!may_ask(&mut times, at(1_099), 0), "and so does what is waited for");
        assert!(may_ask(&mut times, at(1_100), 0));
        assert!(!may_ask(&mut times, at(1_100), 2), "there is no such layer");
    }
}
