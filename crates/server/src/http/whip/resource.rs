//! The resources of WHIP and WHEP sessions: each is kept by a task for as long as its member is in the room, which it
//! is for no longer than its resource is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use parlor_rtc::ice::Credentials;
use parlor_wire::{Refusal, Sender, TrackId};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::fragment::{self, Fragment};
use super::patches::Patches;
use super::problem::Problem;
use super::session::Door;
use super::{MAX_OFFER_LEN, crowded, offers};
use crate::admission::Visit;
use crate::pool::Share;
use crate::room::command::{Manner, Request, Response};
use crate::room::{Rooms, Seat, Token};

/// A room answers within milliseconds; one that takes longer than this is taken for dead. Longer than rooms wait
/// for their media.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Requests of one session that wait for their turn. Clients send one at a time, or two that overlap.
const WAITING_REQUESTS: usize = 8;

/// Answers of a room that wait to be read: one is outstanding at a time, and one may have come too late.
pub(super) const WAITING_REPLIES: usize = 4;

/// What the session of a join has to keep.
pub(super) struct Session {
    pub(super) visit: Visit,
    pub(super) seat: Seat,
    pub(super) replies: mpsc::Receiver<Result<Response, Refusal>>,
    pub(super) senders: Vec<Sender>,
    /// The tracks that its sections are pinned to.
    pub(super) pins: Vec<TrackId>,
    /// Whether the offer was ours.
    pub(super) was_invited: bool,
    /// What the client has said of itself in the ICE session of now; nothing before it has answered our offer.
    pub(super) theirs: Option<Description>,
    /// What we have said last: our answer, or our offer.
    pub(super) ours: String,
    /// What that takes of the memory that all clients share.
    pub(super) memory: Share,
}

/// A client's offer, or its answer to ours, which is one for whoever reads it later.
pub(super) struct Description {
    sdp: String,
    ice: Credentials,
    /// What it takes of the memory that all clients share.
    _memory: Share,
}

impl Description {
    /// `None` when there are no ICE credentials in it.
    pub(super) fn read(sdp: String, memory: Share) -> Option<Description> {
        let ice = offers::credentials(&sdp)?;
        Some(Description { sdp, ice, _memory: memory })
    }
}

/// What If-Match says (RFC 9110 section 13.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IfMatch {
    Missing,
    Any,
    Tags(String),
}

/// What became of a PATCH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Patched {
    /// There was nothing to do.
    Nothing,
    /// Our offer has been answered.
    Answered { etag: String },
    /// ICE has restarted.
    Restarted { etag: String, fragment: String },
}

#[derive(Debug)]
enum Ask {
    Patch {
        fragment: Fragment,
        if_match: IfMatch,
        answer: oneshot::Sender<Result<Patched, Problem>>,
    },
    Answer {
        sdp: String,
        if_match: IfMatch,
        answer: oneshot::Sender<Result<Patched, Problem>>,
    },
    Delete {
        done: oneshot::Sender<()>,
    },
}

/// All sessions, by the last part of their URLs, which nobody can guess.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    by_id: Arc<Mutex<HashMap<String, Found>>>,
}

/// A session that is there.
#[derive(Clone, Debug)]
pub(super) struct Found {
    visit: Visit,
    was_invited: bool,
    patches: Patches,
    asks: mpsc::Sender<Ask>,
}

impl Resources {
    /// Keeps a session until its room has ended it; returns its id and the tag of its ICE session.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub(super) fn keep(&self, session: Session, rooms: Rooms) -> Result<(String, String), Problem> {
        let id = Token::random().map_err(|error| {
            tracing::error!(%error, "no resource can be named");
            Problem::unavailable("media_failed", "The server cannot take anybody now.")
        })?;
        let (id, etag) = (id.to_text(), etag_of(&session.ours));
        let (asks, inbox) = mpsc::channel(WAITING_REQUESTS);
        let (visit, was_invited) = (session.visit.clone(), session.was_invited);
        let patches = Patches::new(Instant::now());
        let found = Found { visit, was_invited, patches: patches.clone(), asks };
        self.lock().insert(id.clone(), found);
        let (resources, name) = (self.clone(), id.clone());
        tokio::spawn(async move {
            Keeper { session, rooms, patches, is_answer_lost: false }.keep(inbox).await;
            resources.lock().remove(&name);
        });
        Ok((id, etag))
    }

    /// The session of this id, if it has come by this door into this room.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn find(&self, door: Option<Door>, room: &str, id: &str) -> Result<Found, Problem> {
        let found = self.lock().get(id).cloned();
        let is_its = |found: &Found| {
            door.is_some_and(|door| door.leads_to(found.visit.manner))
                && found.visit.room.as_str() == room
        };
        found.filter(is_its).ok_or_else(gone)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Found>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    /// Whose it is.
    pub(super) fn visit(&self) -> &Visit {
        &self.visit
    }

    /// Whether its client was offered something, so that it may answer.
    pub(super) fn was_invited(&self) -> bool {
        self.was_invited
    }

    /// How often it may be changed.
    pub(super) fn patches(&self) -> &Patches {
        &self.patches
    }

    /// Takes the client's answer to our offer.
    ///
    /// # Errors
    /// See [`Problem`]; the session goes on as it was.
    pub(super) async fn answer(&self, sdp: String, if_match: IfMatch) -> Result<Patched, Problem> {
        let (answer, answered) = oneshot::channel();
        self.ask(Ask::Answer { sdp, if_match, answer }).await?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Carries out a PATCH.
    ///
    /// # Errors
    /// See [`Problem`]; the session goes on as it was.
    pub(super) async fn patch(
        &self,
        fragment: Fragment,
        if_match: IfMatch,
    ) -> Result<Patched, Problem> {
        let (answer, answered) = oneshot::channel();
        self.ask(Ask::Patch { fragment, if_match, answer }).await?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Ends the session.
    ///
    /// # Errors
    /// When it is over by now.
    pub(super) async fn delete(&self) -> Result<(), Problem> {
        let (done, ended) = oneshot::channel();
        self.ask(Ask::Delete { done }).await?;
        // Ended some other way, if nobody answers.
        let _ = ended.await;
        Ok(())
    }

    async fn ask(&self, ask: Ask) -> Result<(), Problem> {
        self.asks.send(ask).await.map_err(|_| gone())
    }
}

fn gone() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown_session",
        "There is no such session, or it is over.",
    )
}

fn not_answered() -> Problem {
    let detail = "there is no answer to the offer whose ICE could restart; answer first, or begin a new session";
    Problem::new(StatusCode::CONFLICT, "not_answered", detail)
}

/// The tag of an ICE session: our ufrag in it, which is never the same twice.
fn etag_of(answer: &str) -> String {
    format!("\"{}\"", fragment::ufrag_of(answer).unwrap_or_default())
}

/// One session's task.
struct Keeper {
    session: Session,
    rooms: Rooms,
    patches: Patches,
    /// Whether the room was told an answer, and we were not told what became of it.
    is_answer_lost: bool,
}

impl Keeper {
    async fn keep(mut self, mut inbox: mpsc::Receiver<Ask>) {
        loop {
            let ask = tokio::select! {
                ask = inbox.recv() => ask,
                reply = self.session.replies.recv() => match reply {
                    // Too late for whoever waited.
                    Some(_) => continue,
                    None => return,
                },
            };
            match ask {
                None => return,
                Some(Ask::Patch { fragment, if_match, answer }) => {
                    let patched = self.patch(fragment, &if_match).await;
                    // Whoever does not wait any more has lost it.
                    let _ = answer.send(patched);
                }
                Some(Ask::Answer { sdp, if_match, answer }) => {
                    let answered = self.accept(sdp, &if_match).await;
                    let _ = answer.send(answered);
                }
                Some(Ask::Delete { done }) => {
                    let _ = self.request(Request::Leave).await;
                    let _ = done.send(());
                    return;
                }
            }
        }
    }

    /// RFC 9725 section 4.3.1.
    async fn patch(&mut self, fragment: Fragment, if_match: &IfMatch) -> Result<Patched, Problem> {
        let session = &self.session;
        let Some(theirs) = &session.theirs else {
            self.check_tags(if_match)?;
            // Candidates may be here before the answer, with the credentials that it will have, and are of no use to us.
            let restarts = *if_match == IfMatch::Any || self.is_answer_lost;
            return match fragment.ice.is_some() && restarts {
                true => Err(not_answered()),
                false => Ok(Patched::Nothing),
            };
        };
        let fresh = fragment.ice.filter(|ice| *ice != theirs.ice);
        // Players that are widely used leave it out where the credentials say which ICE session is meant.
        let may_be_missing = fresh.is_none() && matches!(session.visit.manner, Manner::Whep(_));
        if *if_match == IfMatch::Missing && !may_be_missing {
            let detail = "expected If-Match with the ETag of the ICE session, or * for a restart";
            return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, "etag_missing", detail));
        }
        self.check_tags(if_match)?;
        match fresh {
            None => Ok(Patched::Nothing),
            Some(ice) => self.restart(ice).await,
        }
    }

    /// Whether the tags, if there are any, are of the ICE session of now.
    fn check_tags(&self, if_match: &IfMatch) -> Result<(), Problem> {
        let IfMatch::Tags(tags) = if_match else { return Ok(()) };
        let etag = etag_of(&self.session.ours);
        match tags.split(',').any(|tag| tag.trim() == etag) {
            true => Ok(()),
            false => {
                let detail = "this ICE session is over; restart ICE with If-Match: *";
                Err(Problem::new(StatusCode::PRECONDITION_FAILED, "etag_differs", detail))
            }
        }
    }

    /// draft-ietf-wish-whep-03, and draft-murillo-whep-01 before it. The same answer may come twice, since the client may
    /// not have heard that it was taken.
    async fn accept(&mut self, sdp: String, if_match: &IfMatch) -> Result<Patched, Problem> {
        self.check_tags(if_match)?;
        let etag = etag_of(&self.session.ours);
        if let Some(known) = &self.session.theirs {
            return match known.sdp == sdp {
                true => Ok(Patched::Answered { etag }),
                false => {
                    let detail = "the offer has been answered; only ICE can change from now on";
                    Err(Problem::new(StatusCode::CONFLICT, "already_answered", detail))
                }
            };
        }
        let memory = self.memory_for(&sdp)?;
        let answered = self.request(Request::Answer { answer: sdp.clone() }).await;
        // By the room, or by the media of the room.
        self.is_answer_lost |=
            matches!(&answered, Err(problem) if problem.reason == "media_failed");
        let answered = answered.map_err(|problem| match problem.reason {
            "bad_offer" => Problem { reason: "bad_answer", ..problem },
            _ => problem,
        })?;
        match (answered, Description::read(sdp, memory)) {
            (Response::Negotiated(done), Some(theirs)) => {
                (self.session.theirs, self.session.ours) = (Some(theirs), done.answer);
                Ok(Patched::Answered { etag })
            }
            _ => Err(gone()),
        }
    }

    async fn restart(&mut self, ice: Credentials) -> Result<Patched, Problem> {
        self.patches.take_negotiation(Instant::now())?;
        let Some(theirs) = &self.session.theirs else { return Err(gone()) };
        let sdp =
            fragment::with_credentials(&theirs.sdp, &ice, MAX_OFFER_LEN).ok_or_else(|| {
                let detail =
                    "the session's description would be too long with these ICE credentials";
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
            })?;
        let memory = self.memory_for(&sdp)?;
        let senders = self.rooms.name_tracks(self.session.senders.clone());
        let pins = self.session.pins.clone();
        match self.request(Request::Offer { offer: sdp.clone(), senders, pins }).await? {
            Response::Negotiated(done) => {
                let session = &mut self.session;
                session.theirs = Some(Description { sdp, ice, _memory: memory });
                session.ours = done.answer;
                Ok(Patched::Restarted {
                    etag: etag_of(&session.ours),
                    fragment: fragment::of_answer(&session.ours),
                })
            }
            _ => Err(gone()),
        }
    }

    /// What keeping a description takes of the memory that all clients share.
    fn memory_for(&self, sdp: &str) -> Result<Share, Problem> {
        let full = |_| crowded("too many sessions at once");
        self.session.memory.beside(sdp.len()).map_err(full)
    }

    /// Asks the room something and waits for its answer.
    async fn request(&mut self, request: Request) -> Result<Response, Problem> {
        let session = &mut self.session;
        while session.replies.try_recv().is_ok() {}
        if !session.seat.ask(request).await {
            return Err(gone());
        }
        match timeout(PATIENCE, session.replies.recv()).await {
            Ok(Some(reply)) => reply.map_err(Problem::from),
            Ok(None) => Err(gone()),
            Err(_) => Err(Problem::unavailable("media_failed", "The room does not answer.")),
        }
    }
}
