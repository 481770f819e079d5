//! Clients whose slots are pinned.

use parlor_engine::{JoinError, Joined, Receive, TrackId};

use super::{MICROPHONE_AND_CAMERA, ROOM, World};
use crate::client::{self, Client};
use crate::link::LinkConfig;
use crate::seat::client_address;

impl World {
    /// A client joins [`ROOM`] over perfect cables with a microphone and a camera, for these tracks to be on its slots.
    ///
    /// # Panics
    /// If the engine refuses it.
    pub fn join_pinned(&mut self, slot_pairs: usize, pins: &[TrackId]) -> (usize, Joined) {
        let seat = self.seats.len();
        let mut client = Client::new(self.now, seat as u32 + 1, client_address(seat, 0));
        let kinds = MICROPHONE_AND_CAMERA.map(|source| client::kind(source.kind()));
        let offer = client.offer(self.now, &kinds, slot_pairs);
        let offer = (offer, Receive::Pinned(pins.to_vec()));
        self.seat_receiving(ROOM, client, &MICROPHONE_AND_CAMERA, offer, LinkConfig::default())
    }

    /// A client whose slots are pinned offers again, for these tracks to be on them, with more slots and with fresh ICE
    /// credentials.
    ///
    /// # Errors
    /// What the engine has against it.
    pub fn repin(
        &mut self,
        seat: usize,
        more_pairs: usize,
        pins: &[TrackId],
    ) -> Result<Joined, JoinError> {
        let offer = self.seats[seat].client.offer_all_slots(more_pairs);
        self.negotiate_pinned(seat, &offer, pins)
    }

    /// A client is to be sent no better encoding of a track than this one.
    ///
    /// # Panics
    /// If it cannot be the name of an encoding.
    pub fn cap(&mut self, seat: usize, track: TrackId, rid: Option<&str>) {
        let rid = rid.map(|rid| rid.parse().expect("a name of an encoding"));
        self.engine.cap(self.now, self.seats[seat].peer, track, rid);
    }
}
