//! What a client shows: it decides which video tracks flow, and which come first.

use parlor_rtc::MediaKind;

use crate::command::View;
use crate::track::Track;

/// What a peer has said that it shows.
#[derive(Debug, Default)]
pub(crate) enum Shown {
    /// It has not said; everything, then.
    #[default]
    Everything,
    /// These video tracks, by ascending id.
    Only(Vec<View>),
}

impl Shown {
    pub(crate) fn new(mut views: Vec<View>) -> Shown {
        views.sort_by_key(|view| view.track);
        views.dedup_by_key(|view| view.track);
        Shown::Only(views)
    }

    /// Where and how `track` is shown, as far as the client has said.
    pub(crate) fn view(&self, track: &Track) -> Option<&View> {
        let Shown::Only(views) = self else { return None };
        let at = views.binary_search_by_key(&track.id, |view| view.track).ok()?;
        views.get(at)
    }

    /// The priority with which `track` is shown; `None` when it is not. Sound is always heard.
    pub(crate) fn priority(&self, track: &Track) -> Option<u8> {
        match self {
            Shown::Only(views) if track.source.kind() == MediaKind::Video => {
                let at = views.binary_search_by_key(&track.id, |view| view.track).ok()?;
                views.get(at).map(|view| view.priority)
            }
            Shown::Only(_) | Shown::Everything => Some(0),
        }
    }
}
