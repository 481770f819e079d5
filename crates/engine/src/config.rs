//! What an engine is made with: who it is, where it can be reached, and how much it takes on.

use std::sync::Arc;

use parlor_rtc::dtls::Identity;
use parlor_rtc::sdp::Candidates;

/// What an engine is made with.
#[derive(Clone)]
pub struct Config {
    /// The certificate of every DTLS association.
    pub identity: Arc<Identity>,
    /// The addresses that answers tell clients.
    pub candidates: Candidates,
    /// The number of the media thread, named in every local username.
    pub thread: u8,
    /// Where all randomness comes from, except DTLS keys. Two engines must not share one.
    pub seed: [u8; 32],
    /// The time of day at the instant the engine is made, in NTP format (RFC 3550 section 4).
    pub ntp_at_start: u64,
    /// How much the engine takes on.
    pub limits: Limits,
}

/// How much an engine takes on. Beyond these it refuses, or ignores, and counts.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Peers in the engine.
    pub peers: usize,
    /// Peers in one room. Each publishes to all others, so the work grows with its square.
    pub peers_per_room: usize,
    /// Tracks that one peer publishes at a time.
    pub tracks_per_peer: usize,
    /// Slots of each kind that one peer is asked for.
    pub slots_per_kind: u16,
    /// Microphones of one room that are all forwarded, silent or not. Where more are on, it is the loudest.
    pub open_microphones: u16,
    /// How many the loudest are; where it is more than the above, that counts as this.
    pub loudest_microphones: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            // About 80 KiB each: 800 MiB at worst.
            peers: 10_000,
            // As many as the server can be told to admit to one; this bounds what it could ask for.
            peers_per_room: 2_500,
            // Microphone, camera, a few screens with sound, and as many of the application's own.
            tracks_per_peer: 16,
            // More people than a page can show, and 128 sections are an offer that fits a frame.
            slots_per_kind: 64,
            // As many people as a page shows at once.
            open_microphones: 16,
            // Nobody follows more voices at once, and a phone decodes so many beside its pictures.
            loudest_microphones: 6,
        }
    }
}
