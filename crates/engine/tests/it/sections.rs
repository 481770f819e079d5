//! Sections that come and go with later offers.

use std::fmt::Write;

use parlor_engine::{Join, JoinError, Joined, PeerId, Receive, RoomId, Sender, Source, TrackId};
use parlor_rtc::MediaKind::{self, Audio, Video};

use crate::world::World;

/// As many tracks as a peer may publish at a time.
const LIMIT: u64 = 16;

/// What an offer says of one m-line.
#[derive(Clone, Copy)]
enum Line {
    Sends,
    Receives,
    /// It may come back.
    Inactive,
    /// It may not; another section may take its place.
    Stopped,
}

/// Somebody whose browser offers these sections again and again.
struct Talker {
    world: World,
    sections: Vec<(u64, MediaKind, Line)>,
}

impl Talker {
    fn new(sections: &[(u64, MediaKind, Line)], senders: &[(u64, u64)]) -> Talker {
        let mut talker = Talker { world: World::new(), sections: sections.to_vec() };
        let offer = talker.offer();
        let senders = talker.senders(senders);
        let join = Join {
            room: RoomId(1),
            peer: PeerId(1),
            opening: offer.into(),
            senders,
            receive: Receive::Floating,
        };
        talker.world.engine.join(talker.world.now, join).unwrap();
        talker
    }

    /// Offers again, with these tracks: of each its section and its name.
    fn offer_again(&mut self, senders: &[(u64, u64)]) -> Result<Joined, JoinError> {
        let (offer, senders) = (self.offer(), self.senders(senders));
        self.world.engine.reoffer(self.world.now, PeerId(1), &offer, &senders, &[])
    }

    fn tracks(&self) -> usize {
        self.world.engine.census().tracks
    }

    fn senders(&self, named: &[(u64, u64)]) -> Vec<Sender> {
        let sender = |&(mid, track): &(u64, u64)| {
            let kind = self.sections.iter().find(|section| section.0 == mid).unwrap().1;
            let (track, source) = (TrackId(track), Source::Custom(kind));
            Sender { mid: mid.to_string().parse().unwrap(), track, source, on: true }
        };
        named.iter().map(sender).collect()
    }

    fn offer(&self) -> String {
        let fingerprint = ["AB"; 32].join(":");
        let mut sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\na=group:BUNDLE"
        );
        for (mid, _, _) in self.sections.iter().filter(|s| !matches!(s.2, Line::Stopped)) {
            write!(sdp, " {mid}").unwrap();
        }
        sdp.push_str("\r\n");
        for (mid, kind, line) in &self.sections {
            let (port, direction) = match line {
                Line::Sends => (9, "sendonly"),
                Line::Receives => (9, "recvonly"),
                Line::Inactive => (9, "inactive"),
                Line::Stopped => (0, "inactive"),
            };
            let (number, codec) =
                if *kind == Audio { (111, "opus/48000/2") } else { (96, "VP8/90000") };
            write!(
                sdp,
                "m={kind} {port} UDP/TLS/RTP/SAVPF {number}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\n\
                 a=ice-ufrag:user0\r\na=ice-pwd:password-of-user-00000000\r\na=rtcp-mux\r\n\
                 a={direction}\r\na=rtpmap:{number} {codec}\r\n"
            )
            .unwrap();
        }
        sdp
    }
}

#[test]
fn sections_that_are_stopped_and_recycled_use_up_no_limit() {
    let sections = [(0, Audio, Line::Sends), (1, Video, Line::Sends)];
    let mut talker = Talker::new(&sections, &[(0, 100), (1, 101)]);
    for mid in 2..500 {
        talker.sections[1].2 = Line::Stopped;
        talker.offer_again(&[(0, 100)]).unwrap();
        assert_eq!(talker.tracks(), 1);
        talker.sections[1] = (mid, Video, Line::Sends);
        talker.offer_again(&[(0, 100), (mid, 100 + mid)]).unwrap();
        assert_eq!(talker.tracks(), 2);
    }
}

#[test]
fn sections_that_are_inactive_do_not_count_as_tracks() {
    let mut talker = Talker::new(&[(0, Audio, Line::Sends)], &[(0, 100)]);
    for mid in 1..100 {
        talker.sections.push((mid, Video, Line::Sends));
        talker.offer_again(&[(0, 100), (mid, 100 + mid)]).unwrap();
        assert_eq!(talker.tracks(), 2);
        talker.sections.last_mut().unwrap().2 = Line::Inactive;
        talker.offer_again(&[(0, 100)]).unwrap();
        assert_eq!(talker.tracks(), 1);
    }
}

#[test]
fn a_section_that_comes_back_carries_a_new_track() {
    let sections = [(0, Audio, Line::Sends), (1, Video, Line::Sends)];
    let mut talker = Talker::new(&sections, &[(0, 100), (1, 101)]);
    for track in 102..120 {
        talker.sections[1].2 = Line::Inactive;
        let refused = talker.offer_again(&[(1, track)]);
        assert_eq!(refused, Err(JoinError::NoSuchSection("1".parse().unwrap())));
        talker.offer_again(&[(0, 100)]).unwrap();
        talker.sections[1].2 = Line::Sends;
        talker.offer_again(&[(0, 100), (1, track)]).unwrap();
        assert_eq!(talker.tracks(), 2);
    }
}

#[test]
fn a_section_that_still_sends_is_not_forgotten_by_an_offer_that_does_not_name_it() {
    let sections = [(0, Audio, Line::Sends), (1, Video, Line::Sends)];
    let mut talker = Talker::new(&sections, &[(0, 100), (1, 101)]);
    let refused = talker.offer_again(&[(0, 100)]);
    assert_eq!(refused, Err(JoinError::SectionNotNamed("1".parse().unwrap())));
    assert_eq!(talker.tracks(), 2);
    talker.offer_again(&[(0, 100), (1, 101)]).unwrap();
}

#[test]
fn one_track_may_take_the_place_of_another_at_the_limit_but_not_come_on_top() {
    let sections: Vec<_> = (0..LIMIT).map(|mid| (mid, Audio, Line::Sends)).collect();
    let mut all: Vec<_> = (0..LIMIT).map(|mid| (mid, 100 + mid)).collect();
    let mut talker = Talker::new(&sections, &all);
    talker.sections.push((LIMIT, Video, Line::Sends));
    all.push((LIMIT, 200));
    let refused = talker.offer_again(&all);
    assert_eq!(refused, Err(JoinError::TooManySenders(LIMIT as usize)));
    assert_eq!(talker.tracks(), LIMIT as usize);
    talker.sections[3].2 = Line::Inactive;
    all.remove(3);
    talker.offer_again(&all).unwrap();
    assert_eq!(talker.tracks(), LIMIT as usize);
}

#[test]
fn slots_whose_sections_are_recycled_do_not_run_out() {
    let sections = [(0, Audio, Line::Sends), (1, Video, Line::Receives)];
    let mut talker = Talker::new(&sections, &[(0, 100)]);
    let mut before = String::new();
    for mid in 2..500 {
        talker.sections[1].2 = Line::Stopped;
        assert!(talker.offer_again(&[(0, 100)]).unwrap().slots.is_empty());
        talker.sections[1] = (mid, Video, Line::Receives);
        let Joined { answer, slots, .. } = talker.offer_again(&[(0, 100)]).unwrap();
        assert_eq!(slots.len(), 1, "section {mid}");
        assert_eq!(slots[0].mid, mid.to_string().parse().unwrap());
        let ssrc = answer.lines().find(|line| line.starts_with("a=ssrc:")).unwrap().to_owned();
        assert_ne!(ssrc, before, "no number of the old stream is used again");
        before = ssrc;
    }
}
