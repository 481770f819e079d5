//! Slots that are pinned: one track each, announced under its own name, and only an offer changes which.

use parlor_engine::{Change, Joined, Source, TrackId};
use parlor_rtc::MediaKind::{self, Audio, Video};
use parlor_sim::World;
use parlor_sim::link::LinkConfig;
use parlor_sim::world::ROOM;

use crate::layers::TOP_BPS;
use crate::{connect_all, seconds};

/// What an answer says of the section that carries a track: its direction and its msid.
fn section_of(joined: &Joined, mid: &str) -> (String, Option<String>) {
    let sections = joined.answer.split("\r\nm=");
    let is_it = |section: &&str| section.contains(&format!("\r\na=mid:{mid}\r\n"));
    let section = sections.into_iter().find(is_it).expect("a section of that name");
    let directions = ["sendonly", "recvonly", "inactive"];
    let direction = directions.into_iter().find(|it| section.contains(&format!("a={it}\r\n")));
    let msid = section.lines().find_map(|line| line.strip_prefix("a=msid:"));
    (direction.expect("a direction").to_owned(), msid.map(str::to_owned))
}

fn mid_of(joined: &Joined, track: TrackId) -> Option<String> {
    let slot = joined.slots.iter().find(|slot| slot.track == Some(track))?;
    Some(slot.mid.to_string())
}

fn free_mids(joined: &Joined, kind: MediaKind) -> Vec<String> {
    let free = joined.slots.iter().filter(|slot| slot.kind == kind && slot.track.is_none());
    free.map(|slot| slot.mid.to_string()).collect()
}

fn frames_on(world: &World, seat: usize, mid: &str) -> usize {
    world.seats[seat].client.seen.get(mid).map_or(0, Vec::len)
}

#[test]
fn each_pinned_track_is_announced_under_its_own_name_and_flows() {
    let mut world = World::new(1);
    let ann = world.join(1);
    let tracks = world.seats[ann].tracks();
    let (bo, joined) = world.join_pinned(2, &tracks);
    connect_all(&mut world);
    world.run_for(seconds(2));
    let (audio, video) = (mid_of(&joined, tracks[0]).unwrap(), mid_of(&joined, tracks[1]).unwrap());
    let msid = |track: TrackId| format!("{} {track}", world.seats[ann].peer);
    assert_eq!(section_of(&joined, &audio), ("sendonly".into(), Some(msid(tracks[0]))));
    assert_eq!(section_of(&joined, &video), ("sendonly".into(), Some(msid(tracks[1]))));
    for kind in [Audio, Video] {
        for mid in free_mids(&joined, kind) {
            assert_eq!(section_of(&joined, &mid), ("inactive".into(), None));
            assert_eq!(frames_on(&world, bo, &mid), 0);
        }
    }
    assert!(frames_on(&world, bo, &audio) > 50 && frames_on(&world, bo, &video) > 30);
    assert!(world.seen(ann, bo, Video).len() > 30, "who floats sees who is pinned");
}

#[test]
fn a_screen_and_its_sound_are_another_stream_than_the_person() {
    let mut world = World::new(2);
    let sources = [Source::Microphone, Source::Camera, Source::Screen, Source::ScreenAudio];
    let ann = world.join_as(ROOM, &sources, 1, LinkConfig::default());
    let tracks = world.seats[ann].tracks();
    let (_, joined) = world.join_pinned(2, &tracks);
    let streams: Vec<String> = tracks
        .iter()
        .map(|track| section_of(&joined, &mid_of(&joined, *track).unwrap()).1.unwrap())
        .map(|msid| msid.split(' ').next().unwrap().to_owned())
        .collect();
    assert!(streams[0] == streams[1] && streams[2] == streams[3] && streams[1] != streams[2]);
}

#[test]
fn what_comes_between_offers_floats_onto_no_pinned_slot() {
    let mut world = World::new(3);
    let (bo, _) = world.join_pinned(2, &[]);
    let ann = world.join(1);
    connect_all(&mut world);
    world.run_for(seconds(2));
    assert!(world.seen(bo, ann, Video).is_empty() && world.seen(bo, ann, Audio).is_empty());
    let state = world.seats[bo].state.clone().unwrap();
    assert!(state.slots.iter().all(|slot| slot.track.is_none()));
    assert_eq!((state.wanted_slots.audio, state.wanted_slots.video), (2, 2), "it asks for itself");
    let tracks = world.seats[ann].tracks();
    world.repin(bo, 0, &tracks).unwrap();
    world.run_for(seconds(2));
    assert!(world.seen(bo, ann, Video).len() > 20 && world.seen(bo, ann, Audio).len() > 50);
}

#[test]
fn a_slot_whose_track_has_ended_is_silent_then_inactive_then_free() {
    let mut world = World::new(4);
    let (ann, cy) = (world.join(1), world.join(1));
    let (anns, cys) = (world.seats[ann].tracks(), world.seats[cy].tracks());
    let (bo, joined) = world.join_pinned(1, &anns);
    connect_all(&mut world);
    world.run_for(seconds(2));
    let mid = mid_of(&joined, anns[1]).unwrap();
    world.leave(ann);
    world.run_for(seconds(1));
    let silent = frames_on(&world, bo, &mid);
    let swapped = world.repin(bo, 0, &cys).unwrap();
    assert_eq!(mid_of(&swapped, cys[1]), None, "browsers would not tell their page");
    assert_eq!(section_of(&swapped, &mid), ("inactive".into(), None));
    world.run_for(seconds(1));
    assert_eq!(frames_on(&world, bo, &mid), silent);
    let later = world.repin(bo, 0, &cys).unwrap();
    assert_eq!(mid_of(&later, cys[1]), Some(mid.clone()));
    world.run_for(seconds(2));
    assert!(frames_on(&world, bo, &mid) > silent + 30);
}

#[test]
fn pinned_tracks_keep_their_sections_while_others_come_and_go() {
    let mut world = World::new(5);
    let people: Vec<usize> = (0..3).map(|_| world.join(1)).collect();
    let tracks: Vec<Vec<TrackId>> = people.iter().map(|it| world.seats[*it].tracks()).collect();
    let (bo, first) =
        world.join_pinned(2, &[tracks[0][0], tracks[0][1], tracks[1][0], tracks[1][1]]);
    connect_all(&mut world);
    world.run_for(seconds(1));
    let kept = mid_of(&first, tracks[1][1]).unwrap();
    let pins = [tracks[1][1], tracks[1][0], tracks[2][0], tracks[2][1]];
    let more = world.repin(bo, 1, &pins).unwrap();
    assert_eq!(mid_of(&more, tracks[1][1]), Some(kept.clone()));
    let new = mid_of(&more, tracks[2][1]).unwrap();
    assert!(new != kept && Some(&new) != mid_of(&first, tracks[0][1]).as_ref());
    assert_eq!(mid_of(&more, tracks[0][1]), None, "it is named no more");
    let before = frames_on(&world, bo, &kept);
    world.run_for(seconds(2));
    assert!(frames_on(&world, bo, &kept) > before + 50 && frames_on(&world, bo, &new) > 30);
}

#[test]
fn nobody_is_pinned_to_tracks_of_their_own_or_of_other_rooms() {
    let mut world = World::new(6);
    let other = parlor_engine::RoomId(2);
    world.engine.add_room(other);
    let cy = world.join_as(other, &[Source::Microphone, Source::Camera], 1, LinkConfig::default());
    let strange = world.seats[cy].tracks();
    let (bo, joined) = world.join_pinned(2, &[strange[0], strange[1], TrackId(4711)]);
    assert!(joined.slots.iter().all(|slot| slot.track.is_none()));
    let own = world.seats[bo].tracks();
    let joined = world.repin(bo, 0, &own).unwrap();
    assert!(joined.slots.iter().all(|slot| slot.track.is_none()));
}

#[test]
fn a_track_that_is_off_keeps_its_section_and_flows_when_it_is_on() {
    let mut world = World::new(7);
    let ann = world.join(1);
    let tracks = world.seats[ann].tracks();
    let (bo, joined) = world.join_pinned(1, &tracks);
    connect_all(&mut world);
    world.run_for(seconds(1));
    world.switch(ann, 1, false);
    world.run_for(seconds(1));
    let mid = mid_of(&joined, tracks[1]).unwrap();
    let before = frames_on(&world, bo, &mid);
    let again = world.repin(bo, 0, &tracks).unwrap();
    assert_eq!(mid_of(&again, tracks[1]), Some(mid.clone()));
    world.switch(ann, 1, true);
    world.run_for(seconds(2));
    assert!(frames_on(&world, bo, &mid) > before + 30);
}

#[test]
fn a_receiver_gets_no_better_encoding_than_it_asked_for() {
    let mut world = World::new(8);
    let ann = world.join_with_simulcast(&["l", "m", "h"], 1, LinkConfig::default());
    world.seats[ann].client.senders[1].bitrate_bps = TOP_BPS;
    let tracks = world.seats[ann].tracks();
    let (bo, joined) = world.join_pinned(1, &tracks);
    let cy = world.join(1);
    connect_all(&mut world);
    let mid = mid_of(&joined, tracks[1]).unwrap();
    let layer = |world: &World, seat: usize| {
        let told = world.changes.iter().rev().find_map(|(_, change)| match change {
            Change::Quality { peer, quality } if *peer == world.seats[seat].peer => Some(quality),
            _ => None,
        });
        let track = told?.tracks.iter().find(|quality| quality.track == tracks[1]);
        track.and_then(|quality| quality.given.ok()?.layer).map(|rid| rid.to_string())
    };
    world.run_for(seconds(20));
    assert_eq!(layer(&world, bo).as_deref(), Some("h"));
    for (rid, expected) in [(Some("m"), "m"), (Some("l"), "l"), (Some("h"), "h"), (None, "h")] {
        world.cap(bo, tracks[1], rid);
        world.run_for(seconds(20));
        assert_eq!(layer(&world, bo).as_deref(), Some(expected), "after {rid:?}");
        assert_eq!(layer(&world, cy).as_deref(), Some("h"), "others have what they like");
        let last = world.seats[bo].client.seen[&mid].last().unwrap();
        assert!(world.now() - last.at < seconds(1));
    }
}
