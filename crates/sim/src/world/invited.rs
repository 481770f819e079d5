//! Clients to whom the server offers.

use parlor_engine::{Join, Joined, Opening, PeerId, Receive, RoomId};
use parlor_rtc::MediaKind;

use super::World;
use crate::client::Client;
use crate::link::LinkConfig;

impl World {
    /// Invites a client that sends nothing: the server offers it sections of these kinds, and it answers. Returns what the
    /// engine offered, and what it then said.
    pub fn seat_invited(
        &mut self,
        room: RoomId,
        mut client: Client,
        (kinds, receive): (Vec<MediaKind>, Receive),
        link: LinkConfig,
    ) -> (usize, Joined, Joined) {
        let peer = PeerId(u64::from(client.number));
        let opening = Opening::Invited(kinds);
        let join = Join { room, peer, opening, senders: Vec::new(), receive };
        let offered = self.engine.join(self.now, join).expect("the engine takes the peer");
        let answer = client.answer(&offered.answer).expect("str0m takes the offer");
        let accepted = self.engine.accept(self.now, peer, &answer);
        let accepted = accepted.expect("the engine takes the answer");
        (self.sit(room, client, Vec::new(), link), offered, accepted)
    }
}
