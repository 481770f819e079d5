//! The channels of one socket: Phoenix's rules of joining and leaving, and our dialect's events.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parlor_wire::frame::{PHOENIX_TOPIC, ROOM_TOPIC_PREFIX, event};
use parlor_wire::{Empty, Frame, Offer, Reason, Refusal, Reply, Report, SwitchTrack, View};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::admission;
use crate::app::App;
use crate::dialect::membrane::channel::{EVENTS, JoinPayload, MembraneChannel, NEGOTIATIONS};
use crate::dialect::membrane::stats::{self, StatsChannel};
use crate::membership::{Channel, Membership};
use crate::rate::TokenBucket;
use crate::room::command::{Command, Request, SessionId};
use crate::room::{Entry, Voice};
use crate::session::{Session, encode};
use crate::socket::{Outbox, Pulse};

/// Most channels of one socket, as Phoenix has it.
pub const MAX_CHANNELS: usize = 100;

/// Longest `join_ref`, `ref` and event, in bytes: they are sent back.
const MAX_WORD_LEN: usize = 128;

/// Longest topic, in bytes: longer than any room's, so that one that is too long for a room is
/// refused as such and its socket lives on.
const MAX_TOPIC_LEN: usize = 1024;

/// Requests at once, and then one every so often: more than a person's clicks and a page's resizes.
const REQUESTS: (u32, Duration) = (100, Duration::from_millis(50));
/// The same of joins, which cost the server most.
const JOINS: (u32, Duration) = (100, Duration::from_millis(200));

/// A frame that is none of Phoenix Channels V2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a frame of Phoenix Channels V2")]
pub struct Malformed;

type RawFrame<'a> = Frame<'a, &'a RawValue>;

/// Reads one text frame.
///
/// # Errors
/// When it is not an array of five whose words are of reasonable length.
pub fn parse_frame(text: &str) -> Result<RawFrame<'_>, Malformed> {
    let frame: RawFrame<'_> = serde_json::from_str(text).map_err(|_| Malformed)?;
    let Frame(join_ref, reference, topic, name, _) = &frame;
    let words = [join_ref.as_deref(), reference.as_deref(), Some(&**name)];
    let fits = words.into_iter().flatten().all(|word| word.len() <= MAX_WORD_LEN);
    if fits && topic.len() <= MAX_TOPIC_LEN { Ok(frame) } else { Err(Malformed) }
}

/// Reads a payload; the refusal of one that cannot be read names the field.
///
/// # Errors
/// [`Reason::BadRequest`].
pub fn parse_payload<T: DeserializeOwned>(payload: &RawValue) -> Result<T, Refusal> {
    let mut json = serde_json::Deserializer::from_str(payload.get());
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { "payload".to_owned() } else { path };
        // serde_json says where in the text, which helps nobody who wrote an object.
        let why = error.inner().to_string();
        let why = why.split(" at line ").next().unwrap_or_default();
        Refusal::new(Reason::BadRequest, format!("{place}: {why}"))
    })
}

/// The channels of one socket.
pub struct Channels {
    app: App,
    outbox: Outbox,
    /// By what name or address its client has reached the server.
    host: Option<String>,
    by_topic: BTreeMap<String, Channel>,
    limits: Limits,
    /// How many frames have come.
    frames: u64,
    pulse: Pulse,
    is_quiet: bool,
}

/// What one socket may still do, in all its channels.
pub(crate) struct Limits {
    requests: TokenBucket,
    pub(crate) joins: TokenBucket,
    /// Of Membrane's dialect.
    pub(crate) events: TokenBucket,
    /// The same, of negotiation when there are too many of those.
    pub(crate) negotiations: TokenBucket,
}

impl Channels {
    /// The channels of a socket that was opened at `host`, none yet.
    pub fn new(app: App, outbox: Outbox, host: Option<String>) -> Channels {
        let now = Instant::now();
        let bucket = |(burst, interval)| TokenBucket::new(now, burst, interval);
        let limits = Limits {
            requests: bucket(REQUESTS),
            joins: bucket(JOINS),
            events: bucket(EVENTS),
            negotiations: bucket(NEGOTIATIONS),
        };
        let (by_topic, pulse, is_quiet) = (BTreeMap::new(), Pulse::new(now), false);
        Channels { app, outbox, host, by_topic, limits, frames: 0, pulse, is_quiet }
    }

    /// Handles one text frame.
    ///
    /// # Errors
    /// When it is no frame; the socket is to be closed then.
    pub async fn handle(&mut self, text: &str) -> Result<(), Malformed> {
        let frame = parse_frame(text)?;
        self.frames = self.frames.saturating_add(1);
        self.app.metrics.frame_received();
        match (&*frame.2, &*frame.3) {
            (PHOENIX_TOPIC, event::HEARTBEAT) => {
                self.pulse.beat(Instant::now());
                self.forget_ended().await;
                self.reply(&frame, Reply::Ok(Empty {}));
            }
            (stats::TOPIC, event::JOIN) => self.join_stats(&frame).await,
            (topic, event::JOIN) => match topic.strip_prefix(ROOM_TOPIC_PREFIX) {
                Some(room) => self.join(&frame, room).await,
                None => self.refuse(&frame, unmatched_topic()),
            },
            _ => self.event(&frame).await,
        }
        self.tell_stats();
        Ok(())
    }

    /// When the socket will be quiet if nothing comes; none if its client beats too slowly to tell,
    /// or the rooms know already.
    pub fn quiet_at(&self) -> Option<Instant> {
        self.pulse.quiet_at().filter(|_| !self.is_quiet)
    }

    /// Something came over the socket: the rooms that thought it quiet are told.
    pub async fn socket_heard(&mut self) {
        self.pulse.heard(Instant::now());
        if std::mem::take(&mut self.is_quiet) {
            self.tell_rooms(|session| Command::SocketHeard { session }).await;
        }
    }

    /// Nothing has come for too long: the rooms are told.
    pub async fn socket_quiet(&mut self) {
        self.is_quiet = true;
        let since = self.pulse.last_heard();
        self.tell_rooms(|session| Command::SocketQuiet { session, since }).await;
    }

    /// Tells every room that the socket is gone.
    pub async fn socket_closed(&mut self) {
        self.tell_rooms(|session| Command::SocketClosed { session }).await;
        self.by_topic.clear();
    }

    /// Forgets the channels that are over. Should one still be a member, as when it entered anew while its earlier
    /// membership closed it, its room is told first.
    async fn forget_ended(&mut self) {
        let ended = self.by_topic.iter().filter(|(_, channel)| channel.session().is_over());
        let ended: Vec<String> = ended.map(|(topic, _)| topic.clone()).collect();
        let members = ended.iter().filter_map(|topic| self.by_topic.get(topic)?.member());
        let told = members.map(|(session, room)| room.send(Command::SocketClosed { session }));
        join_all(told).await;
        for topic in ended {
            self.by_topic.remove(&topic);
        }
    }

    /// Tells every room at once: one that is slow to take it holds up no other.
    async fn tell_rooms(&self, command: impl Fn(SessionId) -> Command) {
        let members = self.by_topic.values().filter_map(Channel::member);
        let told = members.map(|(id, room)| room.send(command(id)));
        join_all(told).await;
    }

    fn reply<R: Serialize>(&self, frame: &RawFrame<'_>, reply: Reply<R, Refusal>) {
        let Frame(join_ref, reference, topic, ..) = frame;
        if reference.is_some() {
            let (join_ref, reference) = (join_ref.as_deref(), reference.as_deref());
            self.outbox.send(encode(join_ref, reference, topic, event::REPLY, reply));
        }
    }

    fn refuse(&self, frame: &RawFrame<'_>, refusal: Refusal) {
        self.app.metrics.refused(refusal.reason);
        self.reply::<Empty>(frame, Reply::Error(refusal));
    }

    async fn join(&mut self, frame: &RawFrame<'_>, room: &str) {
        let now = Instant::now();
        let Frame(join_ref, reference, topic, _, payload) = frame;
        self.forget_ended().await;
        if says_no_protocol(payload) {
            return self.join_membrane(frame, room).await;
        }
        if matches!(self.by_topic.get(&**topic), Some(Channel::Membrane(_))) {
            self.leave(topic, None).await;
        }
        let old = self.by_topic.get(&**topic);
        let replaces = old.and_then(Channel::member).map(|(id, _)| id);
        let wish = self
            .may_join(now, old.is_some())
            .and_then(|()| admission::check(admission::room_name(room)?, parse_payload(payload)?));
        let session = Session::new(self.outbox.clone(), topic, join_ref.as_deref(), now);
        let entered = wish.and_then(|wish| {
            let voice = Voice::Parlor(session.clone());
            let reference = reference.as_deref().map(str::to_owned);
            let host = self.host.clone();
            self.app.rooms.enter(Entry { wish, voice, reference, replaces, host })
        });
        match entered {
            Ok((id, room)) => {
                let channel = Channel::Parlor(Membership { id, session, room });
                self.by_topic.insert(topic.clone().into_owned(), channel);
            }
            Err(refusal) => {
                // Phoenix stops the old channel before it looks at the new join.
                self.leave(topic, None).await;
                self.refuse(frame, refusal);
            }
        }
    }

    /// Joins a room in Membrane's dialect. It is in the room once it says so.
    async fn join_membrane(&mut self, frame: &RawFrame<'_>, room: &str) {
        let now = Instant::now();
        let Frame(join_ref, reference, topic, _, payload) = frame;
        let wish = self.may_join(now, self.by_topic.contains_key(&**topic)).and_then(|()| {
            Ok((admission::room_name(room)?, parse_payload::<JoinPayload>(payload)?))
        });
        self.leave(topic, None).await;
        match wish {
            Ok((room, payload)) => {
                let session = Session::new(self.outbox.clone(), topic, join_ref.as_deref(), now);
                let with = (payload, self.host.clone(), self.is_older(reference.as_deref()));
                let (app, reference) = (self.app.clone(), reference.as_deref());
                let channel = MembraneChannel::join(app, session, reference, room, with);
                let channel = Channel::Membrane(Box::new(channel));
                self.by_topic.insert(topic.clone().into_owned(), channel);
            }
            Err(refusal) => self.refuse(frame, refusal),
        }
    }

    /// Whether a client has numbered many more frames than have come over this socket: it had others before. Phoenix
    /// counts on for as long as the page lives, and takes up to three numbers for a join.
    fn is_older(&self, reference: Option<&str>) -> bool {
        let number = reference.and_then(|reference| reference.parse::<u64>().ok());
        number.is_some_and(|number| number > 4 + 4 * self.frames)
    }

    /// Joins the channel of the server's numbers. What else is said in the join does not matter.
    async fn join_stats(&mut self, frame: &RawFrame<'_>) {
        let now = Instant::now();
        let Frame(join_ref, reference, topic, ..) = frame;
        let may_join = self.may_join(now, self.by_topic.contains_key(&**topic));
        self.leave(topic, None).await;
        match may_join {
            Ok(()) => {
                let session = Session::new(self.outbox.clone(), topic, join_ref.as_deref(), now);
                let channel = Channel::Stats(StatsChannel::join(session, reference.as_deref()));
                self.by_topic.insert(topic.clone().into_owned(), channel);
            }
            Err(refusal) => self.refuse(frame, refusal),
        }
    }

    /// Numbers are of the rooms that the socket is in itself.
    fn tell_stats(&self) {
        if let Some(Channel::Stats(stats)) = self.by_topic.get(stats::TOPIC) {
            let members = self.by_topic.values().filter_map(Channel::member);
            stats.rooms_are(members.map(|(id, room)| (id, room.clone())).collect());
        }
    }

    /// Leaves a topic, if it was joined. The channel is forgotten only when its room has been told:
    /// a socket that closes meanwhile tells it then.
    async fn leave(&mut self, topic: &str, reference: Option<String>) {
        if let Some(channel) = self.by_topic.get_mut(topic) {
            channel.leave(reference).await;
            self.by_topic.remove(topic);
        }
    }

    /// `replaces`: a channel that the new one takes the place of.
    fn may_join(&mut self, now: Instant, replaces: bool) -> Result<(), Refusal> {
        if self.by_topic.len() >= MAX_CHANNELS + usize::from(replaces) {
            let message = format!("A socket has at most {MAX_CHANNELS} channels.");
            return Err(Refusal::new(Reason::TooManyChannels, message));
        }
        self.limits.joins.take(now).map_err(too_many_requests)
    }

    async fn event(&mut self, frame: &RawFrame<'_>) {
        let Frame(join_ref, reference, topic, name, payload) = frame;
        let left = &**name == event::LEAVE;
        let channel = self.by_topic.get_mut(&**topic);
        let channel = channel.filter(|channel| !channel.session().is_over());
        let Some(channel) = channel else {
            // One who wants to be out, and is, has what was asked for.
            let is_out = Reply::Ok(Empty {});
            return if left {
                self.reply(frame, is_out)
            } else {
                self.refuse(frame, unmatched_topic())
            };
        };
        if !channel.session().is_meant(join_ref.as_deref()) {
            return;
        }
        let reference = reference.as_ref().map(Cow::to_string);
        if left {
            return self.leave(topic, reference).await;
        }
        let membership = match channel {
            Channel::Membrane(channel) => {
                return channel.event(&mut self.limits, name, payload).await;
            }
            Channel::Stats(_) => return self.refuse(frame, unknown_event()),
            Channel::Parlor(membership) => (membership.id, membership.room.clone()),
        };
        let limited = self.limits.requests.take(Instant::now()).map_err(too_many_requests);
        if &**name == "report" && limited.is_ok() {
            return self.report(frame);
        }
        match limited.and_then(|()| self.request(name, payload)) {
            Ok(request) => {
                let (session, room) = membership;
                let command = Command::Request { session, reference, request };
                if !room.send(command).await {
                    self.refuse(frame, unmatched_topic());
                }
            }
            Err(refusal) => self.refuse(frame, refusal),
        }
    }

    /// What a client saw go wrong concerns no room, only who runs the server.
    fn report(&self, frame: &RawFrame<'_>) {
        match parse_payload::<Report>(frame.4) {
            Ok(report) => {
                self.app.metrics.froze(report);
                self.reply(frame, Reply::Ok(Empty {}));
            }
            Err(refusal) => self.refuse(frame, refusal),
        }
    }

    fn request(&self, name: &str, payload: &RawValue) -> Result<Request, Refusal> {
        match name {
            "track" => {
                let SwitchTrack { track, on } = parse_payload(payload)?;
                Ok(Request::SwitchTrack { track, on })
            }
            "view" => parse_payload::<View>(payload).map(|view| Request::View(view.tracks)),
            "offer" => {
                let Offer { offer, senders } = parse_payload(payload)?;
                admission::check_senders(&senders)?;
                let senders = self.app.rooms.name_tracks(senders);
                Ok(Request::Offer { offer, senders, pins: Vec::new() })
            }
            _ => Err(unknown_event()),
        }
    }
}

/// Whether a join is in Membrane's dialect: an object without any key by which ours is known.
fn says_no_protocol(payload: &RawValue) -> bool {
    let said: Result<BTreeMap<Cow<'_, str>, serde::de::IgnoredAny>, _> =
        serde_json::from_str(payload.get());
    let ours = ["protocol", "version", "name", "offer", "resume"];
    said.is_ok_and(|said| ours.iter().all(|key| !said.contains_key(*key)))
}

fn unmatched_topic() -> Refusal {
    Refusal::new(Reason::UnmatchedTopic, "There is no such topic on this server.")
}

fn unknown_event() -> Refusal {
    Refusal::new(Reason::UnknownEvent, "There is no such event in this topic.")
}

pub(crate) fn too_many_requests(wait: Duration) -> Refusal {
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    Refusal::for_now(Reason::TooManyRequests, "That was too much at once; slow down.", wait_ms)
}
