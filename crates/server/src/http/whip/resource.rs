//! The resources of WHIP and WHEP sessions: each is kept by a task for as long as its member is in the room, which it
//! is for no longer than its resource is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use parlor_rtc::ice::Credentials;
use parlor_wire::{Refusal, Sender, TrackId};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::fragment::{self, Fragment};
use super::problem::Problem;
use super::session::Door;
use crate::admission::Visit;
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
    pub(super) offer: String,
    pub(super) senders: Vec<Sender>,
    /// The tracks that its sections are pinned to.
    pub(super) pins: Vec<TrackId>,
    /// The client's credentials in the ICE session of now.
    pub(super) ice: Credentials,
    /// What the answer to `offer` was.
    pub(super) answer: String,
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
        let (id, etag) = (id.to_text(), etag_of(&session.answer));
        let (asks, inbox) = mpsc::channel(WAITING_REQUESTS);
        self.lock().insert(id.clone(), Found { visit: session.visit.clone(), asks });
        let (resources, name) = (self.clone(), id.clone());
        tokio::spawn(async move {
            Keeper { session, rooms }.keep(inbox).await;
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

/// The tag of an ICE session: our ufrag in it, which is never the same twice.
fn etag_of(answer: &str) -> String {
    format!("\"{}\"", fragment::ufrag_of(answer).unwrap_or_default())
}

/// One session's task.
struct Keeper {
    session: Session,
    rooms: Rooms,
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
        let fresh = fragment.ice.filter(|ice| *ice != session.ice);
        let is_of_now = match if_match {
            IfMatch::Any => true,
            IfMatch::Tags(tags) => {
                let etag = etag_of(&session.answer);
                tags.split(',').any(|tag| tag.trim() == etag)
            }
            // Players that are widely used leave it out where the credentials say which ICE session is meant.
            IfMatch::Missing => fresh.is_none() && matches!(session.visit.manner, Manner::Whep(_)),
        };
        match (is_of_now, if_match) {
            (true, _) => {}
            (false, IfMatch::Missing) => {
                let detail =
                    "expected If-Match with the ETag of the ICE session, or * for a restart";
                let status = StatusCode::PRECONDITION_REQUIRED;
                return Err(Problem::new(status, "etag_missing", detail));
            }
            (false, _) => {
                let detail = "this ICE session is over; restart ICE with If-Match: *";
                return Err(Problem::new(StatusCode::PRECONDITION_FAILED, "etag_differs", detail));
            }
        }
        match fresh {
            None => Ok(Patched::Nothing),
            Some(ice) => self.restart(ice).await,
        }
    }

    async fn restart(&mut self, ice: Credentials) -> Result<Patched, Problem> {
        let offer = fragment::with_credentials(&self.session.offer, &ice);
        let senders = self.rooms.name_tracks(self.session.senders.clone());
        let pins = self.session.pins.clone();
        let request = Request::Offer { offer: offer.clone(), senders, pins };
        match self.request(request).await? {
            Response::Negotiated(done) => {
                let session = &mut self.session;
                (session.offer, session.ice, session.answer) = (offer, ice, done.answer);
                Ok(Patched::Restarted {
                    etag: etag_of(&session.answer),
                    fragment: fragment::of_answer(&session.answer),
                })
            }
            _ => Err(gone()),
        }
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
