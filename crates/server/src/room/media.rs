//! Between a room's words and the media side's: the same facts under the ids of each.

use std::time::Duration;

use parlor_engine::allocate::Reason as PauseCause;
use parlor_engine::{self as engine, RoomId, Source};
use parlor_engine::{Change, ConnectionState, PeerState, SlotState};
use parlor_engine::{Join, JoinError, Opening, Receive, Sender, View};
use parlor_media::{MediaError, MediaHandle};
use parlor_rtc::connection::CloseReason;
use parlor_rtc::dtls::Failure;
use parlor_rtc::{MediaKind, Mid, Rid};
use parlor_wire::{
    Kind, MoreSlots, Network, PauseReason, PeerId, Quality, Reason, Refusal, Slot, Speakers,
    TrackId, TrackQuality, TrackState, ViewedTrack, Wanted, WantedTrack,
};
use tokio::time::timeout;

use super::command::{
    Answer, Command, Heard, Invite, MediaCommand, MediaNews, NamedSender, Negotiate,
};

/// A media thread answers within milliseconds; one that takes longer than this is taken for dead.
const PATIENCE: Duration = Duration::from_secs(5);

/// A room's way to its media.
#[derive(Clone, Debug)]
pub(super) struct RoomMedia {
    pub(super) handle: MediaHandle,
    pub(super) room: RoomId,
}

impl RoomMedia {
    /// Has the media side do something; returns its answer to an offer.
    pub(super) async fn perform(&self, command: MediaCommand) -> Option<Command> {
        match command {
            MediaCommand::Join(Negotiate { peer, attempt, offer, senders, pins, is_new }) => {
                let senders = match senders_of(&senders) {
                    Ok(senders) => senders,
                    Err(refusal) => return Some(answered(peer, attempt, Err(refusal))),
                };
                let receive =
                    pins.map_or(Receive::Floating, |pins| Receive::Pinned(tracks_of(&pins)));
                let (room, peer_id, opening) = (self.room, peer_of(peer), offer.into());
                let join = Join { room, peer: peer_id, opening, senders, receive };
                let result = match is_new {
                    true => timeout(PATIENCE, self.handle.join(join)).await,
                    false => timeout(PATIENCE, self.handle.rejoin(join)).await,
                };
                Some(answered(peer, attempt, answer_of(result)))
            }
            MediaCommand::Invite(Invite { peer, attempt, sections, pins }) => {
                let receive =
                    pins.map_or(Receive::Floating, |pins| Receive::Pinned(tracks_of(&pins)));
                let opening = Opening::Invited(sections.into_iter().map(media_kind_of).collect());
                let (room, senders) = (self.room, Vec::new());
                let join = Join { room, peer: peer_of(peer), opening, senders, receive };
                let result = timeout(PATIENCE, self.handle.join(join)).await;
                Some(answered(peer, attempt, answer_of(result)))
            }
            MediaCommand::Accept { peer, attempt, answer } => {
                let accept = self.handle.accept(self.room, peer_of(peer), answer);
                let result = answer_of(timeout(PATIENCE, accept).await);
                let result = result.map_err(|refusal| {
                    let message = refusal.message.replacen("offer: ", "answer: ", 1);
                    Refusal { message, ..refusal }
                });
                Some(answered(peer, attempt, result))
            }
            MediaCommand::Offer(Negotiate { peer, attempt, offer, senders, pins, .. }) => {
                let senders = match senders_of(&senders) {
                    Ok(senders) => senders,
                    Err(refusal) => return Some(answered(peer, attempt, Err(refusal))),
                };
                let pins = tracks_of(&pins.unwrap_or_default());
                let reoffer = self.handle.reoffer(self.room, peer_of(peer), offer, senders, pins);
                let result = timeout(PATIENCE, reoffer).await;
                Some(answered(peer, attempt, answer_of(result)))
            }
            MediaCommand::SwitchTrack { peer, track, on } => {
                let track = engine::TrackId(track.0);
                let switch = self.handle.switch_track(self.room, peer_of(peer), track, on);
                self.note(timeout(PATIENCE, switch).await)
            }
            MediaCommand::View { peer, tracks } => {
                let tracks = tracks.iter().map(view_of).collect();
                let view = self.handle.view(self.room, peer_of(peer), tracks);
                self.note(timeout(PATIENCE, view).await)
            }
            MediaCommand::Cap { peer, track, up_to } => {
                // A rid that cannot be one names no encoding: that is no cap.
                let up_to = up_to.and_then(|rid| rid.parse().ok());
                let track = engine::TrackId(track.0);
                let cap = self.handle.cap(self.room, peer_of(peer), track, up_to);
                self.note(timeout(PATIENCE, cap).await)
            }
            MediaCommand::Remove { peer } => {
                let remove = self.handle.remove_peer(self.room, peer_of(peer));
                self.note(timeout(PATIENCE, remove).await)
            }
        }
    }

    /// A command that failed did so because the room's media is ending, of which the room's
    /// events tell; there is nobody to answer.
    fn note<E>(&self, result: Result<Result<(), MediaError>, E>) -> Option<Command> {
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(room = %self.room, %error, "media command failed"),
            Err(_) => tracing::error!(room = %self.room, "a media thread does not answer"),
        }
        None
    }
}

fn tracks_of(tracks: &[TrackId]) -> Vec<engine::TrackId> {
    tracks.iter().map(|track| engine::TrackId(track.0)).collect()
}

fn media_kind_of(kind: Kind) -> MediaKind {
    match kind {
        Kind::Audio => MediaKind::Audio,
        Kind::Video => MediaKind::Video,
    }
}

fn answered(peer: PeerId, attempt: u64, result: Result<Answer, Refusal>) -> Command {
    Command::Answered { peer, attempt, result }
}

fn answer_of<E>(result: Result<Result<engine::Joined, MediaError>, E>) -> Result<Answer, Refusal> {
    match result {
        Ok(Ok(joined)) => {
            let slots = joined.slots.iter().map(slot_of).collect();
            let names = |rids: &[Rid]| rids.iter().map(Rid::to_string).collect();
            let encodings = joined.encodings.iter();
            let encodings =
                encodings.map(|(track, rids)| (TrackId(track.0), names(rids))).collect();
            Ok(Answer { sdp: joined.answer, slots, encodings })
        }
        Ok(Err(MediaError::Refused(error))) => Err(refusal_of(&error)),
        Ok(Err(MediaError::Busy { retry_after })) => Err(server_busy(retry_after)),
        Ok(Err(error)) => {
            tracing::warn!(%error, "an offer could not be answered");
            Err(media_failed())
        }
        Err(_) => Err(media_failed()),
    }
}

fn media_failed() -> Refusal {
    let message = "The media side of the server failed; join again.";
    Refusal::for_now(Reason::MediaFailed, message, 1_000)
}

/// The media threads have too much to do to take anybody in.
pub(super) fn server_busy(retry_after: Duration) -> Refusal {
    let seconds = retry_after.as_secs().max(1);
    let message = format!("The server is busy. Try again in {seconds} seconds.");
    Refusal::for_now(Reason::ServerBusy, message, seconds * 1000)
}

fn refusal_of(error: &JoinError) -> Refusal {
    match error {
        JoinError::Offer(_) | JoinError::FingerprintChanged => {
            Refusal::new(Reason::BadOffer, format!("offer: {error}"))
        }
        JoinError::NoSuchSection(_)
        | JoinError::SectionNamedTwice(_)
        | JoinError::WrongKind { .. }
        | JoinError::SectionNotNamed(_)
        | JoinError::TooManySenders(_) => {
            Refusal::new(Reason::BadRequest, format!("senders: {error}"))
        }
        JoinError::NothingToAnswer | JoinError::NotAnswered => {
            Refusal::new(Reason::BadRequest, format!("{error}."))
        }
        JoinError::Full => {
            Refusal::for_now(Reason::ServerFull, "This server takes no more people.", 10_000)
        }
        JoinError::UnknownRoom(_)
        | JoinError::UnknownPeer(_)
        | JoinError::PeerExists(_)
        | JoinError::TrackExists(_) => {
            tracing::error!(%error, "the room and its media disagree");
            media_failed()
        }
    }
}

/// What a change means to the room.
pub(super) fn command_of(change: Change) -> Command {
    match change {
        Change::Peer { peer, state } => {
            Command::Media { peer: PeerId(peer.0), news: news_of(&state) }
        }
        Change::Wanted { peer, tracks } => {
            let wanted = Wanted { tracks: tracks.iter().map(wanted_of).collect() };
            Command::Wanted { peer: PeerId(peer.0), wanted }
        }
        Change::Quality { peer, quality } => {
            Command::Quality { peer: PeerId(peer.0), quality: quality_of(&quality) }
        }
        Change::Speaking { peers, dominant, .. } => Command::Speaking(Speakers {
            speaking: peers.iter().map(|peer| PeerId(peer.0)).collect(),
            dominant: dominant.map(|peer| PeerId(peer.0)),
        }),
    }
}

fn news_of(state: &PeerState) -> MediaNews {
    let connection = match state.connection {
        ConnectionState::Connecting => Heard::Connecting,
        ConnectionState::Connected => Heard::Connected,
        ConnectionState::Silent { since } => Heard::Silent { since },
        ConnectionState::Closed(CloseReason::Dtls(Failure::ClosedByClient)) => {
            Heard::ClosedByClient
        }
        ConnectionState::Closed(reason) => {
            Heard::Failed(format!("Your media connection failed: {reason}."))
        }
    };
    let wanted = MoreSlots { audio: state.wanted_slots.audio, video: state.wanted_slots.video };
    MediaNews { connection, slots: state.slots.iter().map(slot_of).collect(), wanted }
}

fn wanted_of(wanted: &engine::WantedLayers) -> WantedTrack {
    let layers = wanted.layers.iter().map(|layer| name_of(*layer)).collect();
    WantedTrack {
        track: TrackId(wanted.track.0),
        layers,
        spatial_layers: wanted.spatial,
        payload_type: wanted.payload_type,
    }
}

fn quality_of(quality: &engine::PeerQuality) -> Quality {
    let estimate = quality.estimate_bps.map(|bps| u32::try_from(bps).unwrap_or(u32::MAX));
    Quality {
        network: match quality.network {
            engine::Network::Unknown => Network::Unknown,
            engine::Network::Poor => Network::Poor,
            engine::Network::Fair => Network::Fair,
            engine::Network::Good => Network::Good,
        },
        estimate_bps: estimate,
        tracks: quality.tracks.iter().map(track_quality_of).collect(),
    }
}

fn track_quality_of(quality: &engine::TrackQuality) -> TrackQuality {
    let picture = quality.given.ok();
    TrackQuality {
        track: TrackId(quality.track.0),
        state: if picture.is_some() { TrackState::Live } else { TrackState::Paused },
        reason: quality.given.err().map(|reason| match reason {
            PauseCause::Bandwidth => PauseReason::Bandwidth,
            PauseCause::ServerBusy => PauseReason::ServerBusy,
            PauseCause::NotShown => PauseReason::NotShown,
            PauseCause::PublisherOff => PauseReason::PublisherOff,
            PauseCause::CodecNotSupported => PauseReason::CodecNotSupported,
        }),
        layer: picture.map(|picture| name_of(picture.layer)),
        spatial: picture.map_or(0, |picture| picture.spatial),
        temporal: picture.map_or(0, |picture| picture.temporal),
        width: picture.and_then(|picture| Some(picture.resolution?.width)),
        height: picture.and_then(|picture| Some(picture.resolution?.height)),
        frames_per_second: picture.and_then(|picture| picture.frames_per_second),
    }
}

/// The name of an encoding: its rid; the only one has none.
fn name_of(layer: Option<Rid>) -> String {
    layer.map(|rid| rid.to_string()).unwrap_or_default()
}

fn slot_of(slot: &SlotState) -> Slot {
    Slot {
        mid: slot.mid.to_string(),
        kind: match slot.kind {
            MediaKind::Audio => Kind::Audio,
            MediaKind::Video => Kind::Video,
        },
        track: slot.track.map(|track| TrackId(track.0)),
    }
}

fn peer_of(peer: PeerId) -> engine::PeerId {
    engine::PeerId(peer.0)
}

fn view_of(viewed: &ViewedTrack) -> View {
    View {
        track: engine::TrackId(viewed.track.0),
        width: viewed.width,
        height: viewed.height,
        priority: viewed.priority,
    }
}

fn senders_of(senders: &[NamedSender]) -> Result<Vec<Sender>, Refusal> {
    senders.iter().enumerate().map(|(index, named)| sender_of(index, named)).collect()
}

fn sender_of(
    index: usize,
    NamedSender { track, sender, .. }: &NamedSender,
) -> Result<Sender, Refusal> {
    let mid: Mid = sender.mid.parse().map_err(|error| {
        Refusal::new(Reason::BadRequest, format!("senders[{index}].mid: {error}"))
    })?;
    let source = match (sender.source, sender.kind) {
        (parlor_wire::Source::Microphone, _) => Source::Microphone,
        (parlor_wire::Source::Camera, _) => Source::Camera,
        (parlor_wire::Source::Screen, _) => Source::Screen,
        (parlor_wire::Source::ScreenAudio, _) => Source::ScreenAudio,
        (parlor_wire::Source::Custom, Some(Kind::Audio)) => Source::Custom(MediaKind::Audio),
        (parlor_wire::Source::Custom, _) => Source::Custom(MediaKind::Video),
    };
    Ok(Sender { mid, track: engine::TrackId(track.0), source, on: sender.on })
}
