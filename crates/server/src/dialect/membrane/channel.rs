//! One client's channel to a room in this dialect: there from its join on, in the room from `connect` to `disconnect`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parlor_wire::membrane::event::{MEDIA_EVENT, SIMULCAST_CONFIG};
use parlor_wire::membrane::{ClientEvent, CustomEvent};
use parlor_wire::{Empty, Refusal, RoomName};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::is_small;
use super::voice::MembraneVoice;
use crate::admission;
use crate::app::App;
use crate::channel::{Limits, too_many_requests};
use crate::room::about::Metadata;
use crate::room::command::{Command, Request, Response, SessionId};
use crate::room::{Entry, Interpreter, RoomHandle, Voice};
use crate::session::Session;

/// Media events at once, and then one every so often: after each answer a browser says its candidates, and old clients
/// say twice as often as before which encodings they leave out, up to 126 times and more. What is more is passed over, as
/// clients expect no reply.
pub(crate) const EVENTS: (u32, Duration) = (1000, Duration::from_millis(10));

/// The same of negotiation and goodbyes beside those, so that whatever else a page says, it is not left without an
/// answer: each negotiation takes two of them, and there are four a second at most.
pub(crate) const NEGOTIATIONS: (u32, Duration) = (20, Duration::from_millis(100));

/// The payload of a join in this dialect. Anything else in it is passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct JoinPayload {
    /// Whether the room's publishers are to send several encodings.
    is_simulcast_on: Option<bool>,
}

/// The payload of `mediaEvent`: JSON in JSON.
#[derive(Debug, Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    data: std::borrow::Cow<'a, str>,
}

/// One client's channel.
pub struct MembraneChannel {
    app: App,
    session: Session,
    room: RoomName,
    host: Option<String>,
    is_simulcast_on: Option<bool>,
    /// Its page was connected before, over another socket.
    is_back: bool,
    member: Option<Membership>,
}

/// Its time in the room.
struct Membership {
    id: SessionId,
    room: RoomHandle,
    /// It has said goodbye, and may come again.
    left: Arc<AtomicBool>,
}

impl MembraneChannel {
    /// Answers a join. `host` is the name by which the client reached the server; `is_back` says that it was connected
    /// before, over another socket.
    pub fn join(
        app: App,
        session: Session,
        reference: Option<&str>,
        room: RoomName,
        (payload, host, is_back): (JoinPayload, Option<String>, bool),
    ) -> MembraneChannel {
        let is_simulcast_on = payload.is_simulcast_on;
        session.reply(reference, Ok(Response::Empty(Empty {})));
        let decided = app.rooms.simulcast(&room, is_simulcast_on);
        session.push_event(SIMULCAST_CONFIG, &json!({ "data": decided }));
        MembraneChannel { app, session, room, host, is_simulcast_on, is_back, member: None }
    }

    /// The way back to the client.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The session that its room knows it by, while it is in.
    pub fn member(&self) -> Option<(SessionId, &RoomHandle)> {
        self.member.as_ref().map(|member| (member.id, &member.room))
    }

    /// The client says something; what is no media event is passed over. `limits` are its socket's: they are the same
    /// ones after a channel was joined anew.
    pub(crate) async fn event(&mut self, limits: &mut Limits, name: &str, payload: &RawValue) {
        let now = Instant::now();
        if name != MEDIA_EVENT {
            return;
        }
        let Some(event) = limits.read_event(now, payload) else { return };
        self.member.take_if(|member| member.left.load(Ordering::Relaxed));
        match (event, &self.member) {
            (ClientEvent::Connect { metadata }, None) => {
                self.enter(metadata, false, limits.joins.take(now));
            }
            (ClientEvent::Join { metadata }, None) => {
                self.enter(metadata, true, limits.joins.take(now));
            }
            (event, Some(member)) => {
                let is_bye = matches!(event, ClientEvent::Disconnect | ClientEvent::Leave);
                member.room.send_event(member.id, event).await;
                if is_bye {
                    self.member = None;
                }
            }
            (_, None) => {}
        }
    }

    fn enter(
        &mut self,
        metadata: Option<Metadata>,
        is_tutorial: bool,
        limited: Result<(), Duration>,
    ) {
        let left = Arc::new(AtomicBool::new(false));
        // Only the first time: after a goodbye a page has no connection any more.
        let is_back = std::mem::take(&mut self.is_back);
        let visitor = self.app.formers.visitor(self.room.clone(), metadata.as_ref(), is_back);
        let voice = || {
            let reach = (self.app.ice_servers.clone(), self.host.clone());
            let (session, left) = (self.session.clone(), Arc::clone(&left));
            MembraneVoice::new(session, is_tutorial, visitor.clone(), reach, left)
        };
        if let Err(refusal) = limited.map_err(too_many_requests) {
            self.app.metrics.refused(refusal.reason);
            return voice().refuse(refusal);
        }
        if metadata.as_ref().is_some_and(|metadata| !is_small(metadata)) {
            let reason = parlor_wire::Reason::BadRequest;
            let message = "What is to be shown of you is too large.";
            return voice().refuse(Refusal::new(reason, message));
        }
        let wish = admission::membrane(self.room.clone(), metadata, self.is_simulcast_on);
        let entry = Entry {
            wish,
            voice: Voice::Membrane(Box::new(voice())),
            reference: None,
            replaces: None,
            host: self.host.clone(),
        };
        match self.app.rooms.enter(entry) {
            Ok((id, room)) => self.member = Some(Membership { id, room, left }),
            Err(refusal) => {
                self.app.metrics.refused(refusal.reason);
                voice().refuse(refusal);
            }
        }
    }

    /// Leaves the room and closes the channel.
    pub async fn leave(&mut self, reference: Option<String>) {
        if leave_room(&mut self.member, reference.clone()).await {
            return;
        }
        self.session.reply(reference.as_deref(), Ok(Response::Empty(Empty {})));
        self.session.close();
    }
}

/// Tells the room; true if that closes the channel. It is forgotten only when it has been told: should the socket die
/// meanwhile, it is told that.
async fn leave_room(member: &mut Option<Membership>, reference: Option<String>) -> bool {
    member.take_if(|member| member.left.load(Ordering::Relaxed));
    let Some(Membership { id, room, .. }) = member else { return false };
    let (session, request) = (*id, Request::Leave);
    let is_told = room.send(Command::Request { session, reference, request }).await;
    *member = None;
    is_told
}

impl Limits {
    /// Reads a media event, unless that is too much.
    fn read_event(&mut self, now: Instant, payload: &RawValue) -> Option<ClientEvent<Metadata>> {
        if self.events.take(now).is_ok() {
            let event = read_event(payload);
            if event.is_none() {
                tracing::debug!("what is no media event was passed over");
            }
            return event;
        }
        // Looked at only if that can change anything: a flood is not to cost the reading of each event.
        let mut rest = self.negotiations;
        rest.take(now).ok()?;
        if !may_be_negotiation(payload.get()) {
            return None;
        }
        let event = read_event(payload).filter(is_negotiation)?;
        self.negotiations = rest;
        Some(event)
    }
}

/// Whether an event must not be lost: its page would wait for ever, or be there for ever.
fn is_negotiation(event: &ClientEvent<Metadata>) -> bool {
    match event {
        ClientEvent::Disconnect | ClientEvent::Leave => true,
        ClientEvent::Custom(event) => {
            matches!(event, CustomEvent::RenegotiateTracks | CustomEvent::SdpOffer(_))
        }
        _ => false,
    }
}

/// Whether the text of a payload has a word in it that an event of negotiation has. These are written without escapes,
/// within whatever quotes.
fn may_be_negotiation(payload: &str) -> bool {
    ["sdpOffer", "renegotiateTracks", "disconnect", "leave"]
        .iter()
        .any(|word| payload.contains(word))
}

fn read_event(payload: &RawValue) -> Option<ClientEvent<Metadata>> {
    let Wrapped { data } = serde_json::from_str(payload.get()).ok()?;
    serde_json::from_str(&data).ok()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_room_that_is_slow_to_hear_of_a_leave_is_still_known_when_the_socket_dies_meanwhile() {
        let (room, _mailbox) = RoomHandle::stuck();
        let mut member = Some(Membership { id: SessionId(1), room, left: Arc::default() });
        assert!(leave_room(&mut member, None).now_or_never().is_none(), "it has no room for it");
        assert!(member.is_some());
    }

    #[test]
    fn every_event_of_negotiation_is_found_by_its_text_and_others_are_not() {
        for (event, is_one) in [
            (json!({ "type": "disconnect" }), true),
            (json!({ "type": "leave" }), true),
            (json!({ "type": "custom", "data": { "type": "renegotiateTracks" } }), true),
            (
                json!({ "type": "custom", "data": { "type": "sdpOffer", "data": {
                    "sdpOffer": { "type": "offer", "sdp": "v=0" }
                } } }),
                true,
            ),
            (
                json!({ "type": "disableTrackEncoding", "data": {
                    "trackId": "p1:cam", "encoding": "h"
                } }),
                false,
            ),
        ] {
            let text = json!({ "data": event.to_string() }).to_string();
            assert_eq!(may_be_negotiation(&text), is_one, "{text}");
            let payload = RawValue::from_string(text).unwrap();
            assert_eq!(read_event(&payload).is_some_and(|it| is_negotiation(&it)), is_one);
        }
    }

    #[test]
    fn who_has_said_goodbye_leaves_no_room() {
        let (room, _mailbox) = RoomHandle::stuck();
        let left = Arc::new(AtomicBool::new(true));
        let mut member = Some(Membership { id: SessionId(1), room, left });
        assert_eq!(leave_room(&mut member, None).now_or_never(), Some(false));
    }
}
