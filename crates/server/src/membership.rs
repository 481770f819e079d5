//! One joined topic of a socket, in whichever dialect.

use parlor_wire::Empty;

use crate::dialect::membrane::channel::MembraneChannel;
use crate::dialect::membrane::stats::StatsChannel;
use crate::room::RoomHandle;
use crate::room::command::{Command, Request, Response, SessionId};
use crate::session::Session;

/// One joined topic.
pub(crate) enum Channel {
    /// A room, in our own dialect.
    Parlor(Membership),
    /// A room, in Membrane's.
    Membrane(Box<MembraneChannel>),
    /// The numbers of the rooms that the socket is in.
    Stats(StatsChannel),
}

/// A membership of a room, for as long as the channel lasts.
pub(crate) struct Membership {
    pub(crate) id: SessionId,
    pub(crate) session: Session,
    pub(crate) room: RoomHandle,
}

impl Channel {
    pub(crate) fn session(&self) -> &Session {
        match self {
            Channel::Parlor(membership) => &membership.session,
            Channel::Membrane(channel) => channel.session(),
            Channel::Stats(channel) => channel.session(),
        }
    }

    /// The session that a room knows, and the room.
    pub(crate) fn member(&self) -> Option<(SessionId, &RoomHandle)> {
        match self {
            Channel::Parlor(membership) => Some((membership.id, &membership.room)),
            Channel::Membrane(channel) => channel.member(),
            Channel::Stats(_) => None,
        }
    }

    pub(crate) async fn leave(&mut self, reference: Option<String>) {
        match self {
            Channel::Parlor(membership) => membership.leave(reference).await,
            Channel::Membrane(channel) => channel.leave(reference).await,
            Channel::Stats(channel) => channel.leave(reference.as_deref()),
        }
    }
}

impl Membership {
    async fn leave(&self, reference: Option<String>) {
        let request = Request::Leave;
        let command = Command::Request { session: self.id, reference: reference.clone(), request };
        if !self.room.send(command).await {
            // The room has ended meanwhile, and with it the membership.
            self.session.reply(reference.as_deref(), Ok(Response::Empty(Empty {})));
        }
    }
}
