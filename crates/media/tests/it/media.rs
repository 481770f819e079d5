//! Whole media threads, on loopback.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use parlor_engine::Join;
use parlor_engine::{PeerId, Receive, RoomId};
use parlor_media::udp::{Datagrams, Patience, bind_group};
use parlor_media::{
    BindError, Buffers, GoneReason, MAX_THREADS, Media, MediaConfig, MediaError, RoomEvents,
    StartError,
};
use parlor_rtc::path::UdpPath;

use crate::task::block_on;

const PATIENCE: Duration = Duration::from_secs(20);

fn start(threads: usize) -> Media {
    let bind = vec![Ipv4Addr::LOCALHOST.into()];
    Media::start(MediaConfig { bind, threads, ..MediaConfig::default() }).unwrap()
}

fn gone(events: &mut RoomEvents) -> GoneReason {
    loop {
        if let Err(gone) = block_on(events.changed()) {
            return gone.reason;
        }
    }
}

fn bad_join(room: RoomId) -> Join {
    Join {
        room,
        peer: PeerId(1),
        opening: String::new().into(),
        senders: Vec::new(),
        receive: Receive::Floating,
    }
}

#[test]
fn the_whole_machine_is_served_on_one_port_by_default() {
    let media = Media::start(MediaConfig::default()).unwrap();
    let handle = media.handle();
    assert_ne!(handle.local_port(), 0);
    assert!(!handle.candidates().is_empty());
    assert!(handle.candidates().iter().all(|c| c.port() == handle.local_port()));
    assert!(media.shutdown(PATIENCE));
}

#[test]
fn two_addresses_share_the_port() {
    let bind: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into(), Ipv4Addr::new(127, 0, 0, 2).into()];
    let media =
        Media::start(MediaConfig { bind: bind.clone(), threads: 2, ..MediaConfig::default() });
    let media = media.unwrap();
    let port = media.handle().local_port();
    let expected: Vec<_> = bind.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    assert_eq!(media.handle().candidates(), expected);
}

/// The processors that threads of a name may use, one line for each.
fn processors_of(name: &str) -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let named = tasks.filter(|task| {
        let comm = std::fs::read_to_string(task.join("comm"));
        comm.is_ok_and(|comm| comm.trim() == name)
    });
    let status = named.filter_map(|task| std::fs::read_to_string(task.join("status")).ok());
    let allowed = status.filter_map(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        line.map(|line| line.trim().to_owned())
    });
    allowed.collect()
}

#[test]
fn a_thread_that_is_pinned_stays_on_one_processor() {
    let bind = vec![Ipv4Addr::LOCALHOST.into()];
    let config = MediaConfig { bind, threads: 1, pin_threads: true, ..MediaConfig::default() };
    let media = Media::start(config).unwrap();
    // Once it does what it is asked, it has begun.
    let _events = block_on(media.handle().create_room(RoomId(1))).unwrap();
    let allowed = processors_of("media-0");
    assert!(allowed.iter().any(|list| list.parse::<u32>().is_ok()), "{allowed:?}");
    assert!(media.shutdown(PATIENCE));
}

#[test]
fn threads_are_spread_over_so_many_ports_counted_up_from_the_first() {
    let bind = vec![Ipv4Addr::LOCALHOST.into()];
    let config = MediaConfig { bind, threads: 3, ports: 3, ..MediaConfig::default() };
    let media = Media::start(config.clone()).unwrap();
    let ports = |media: &Media| -> Vec<u16> {
        media.handle().candidates().iter().map(SocketAddr::port).collect()
    };
    let free = ports(&media);
    assert_eq!(free.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{free:?}");
    assert!(media.shutdown(PATIENCE));
    // Three free ones in a row: somewhere there are.
    let found = (20_000..60_000).step_by(7).find_map(|port| {
        let media = Media::start(MediaConfig { port, ..config.clone() }).ok()?;
        Some((port, ports(&media)))
    });
    let (first, found) = found.unwrap();
    assert_eq!(found, [first, first + 1, first + 2]);
}

#[test]
fn there_are_no_more_ports_than_threads_and_one_at_least() {
    for (ports, expected) in [(0, 1), (1, 1), (2, 2), (3, 3), (9, 3)] {
        let bind = vec![Ipv4Addr::LOCALHOST.into()];
        let config = MediaConfig { bind, threads: 3, ports, ..MediaConfig::default() };
        let media = Media::start(config).unwrap();
        assert_eq!(media.handle().local_ports().len(), expected, "{ports} were asked for");
        assert_eq!(media.handle().candidates().len(), expected);
        assert!(media.shutdown(PATIENCE));
    }
}

#[test]
fn a_start_that_cannot_be_says_why() {
    let running = start(1);
    let port = running.handle().local_port();
    let bind = vec![Ipv4Addr::LOCALHOST.into()];
    let again = Media::start(MediaConfig { bind, port, ..MediaConfig::default() });
    match again.err().unwrap() {
        StartError::Bind(error @ BindError::InUse(_)) => {
            assert!(error.to_string().contains(&port.to_string()));
        }
        other => panic!("unexpected: {other}"),
    }
    for threads in [0, MAX_THREADS + 1] {
        let refused = Media::start(MediaConfig { threads, ..MediaConfig::default() });
        assert!(matches!(refused.err().unwrap(), StartError::Threads(_)));
    }
    let nowhere = Media::start(MediaConfig { bind: Vec::new(), ..MediaConfig::default() });
    assert!(matches!(nowhere.err().unwrap(), StartError::NoAddress));
}

#[test]
fn a_room_lives_from_its_making_to_its_removal() {
    let media = start(2);
    let handle = media.handle();
    let room = RoomId(5);
    let missing = Err(MediaError::NoSuchRoom(room));
    assert_eq!(block_on(handle.remove_room(room)), missing);
    let mut events = block_on(handle.create_room(room)).unwrap();
    let again = block_on(handle.create_room(room)).err();
    assert_eq!(again, Some(MediaError::RoomExists(room)));
    let refused = block_on(handle.join(bad_join(room)));
    assert!(matches!(refused, Err(MediaError::Refused(_))), "{refused:?}");
    assert_eq!(block_on(handle.remove_peer(room, PeerId(1))), Ok(()));
    assert_eq!(block_on(handle.remove_room(room)), Ok(()));
    assert_eq!(gone(&mut events), GoneReason::Removed);
    assert_eq!(block_on(handle.view(room, PeerId(1), Vec::new())), missing);
}

#[test]
fn a_thread_that_panics_takes_its_rooms_with_it_and_nothing_else() {
    let media = start(2);
    let handle = media.handle();
    let (struck, spared) = (RoomId(1), RoomId(2));
    let mut struck_events = block_on(handle.create_room(struck)).unwrap();
    let mut spared_events = block_on(handle.create_room(spared)).unwrap();

    assert_eq!(
        block_on(handle.panic_thread(handle.threads_of(struck)[0])),
        Err(MediaError::ThreadDied)
    );
    assert_eq!(gone(&mut struck_events), GoneReason::ThreadDied);
    let refused = block_on(handle.join(bad_join(struck)));
    assert_eq!(refused, Err(MediaError::NoSuchRoom(struck)));

    let refused = block_on(handle.join(bad_join(spared)));
    assert!(matches!(refused, Err(MediaError::Refused(_))), "{refused:?}");

    // The room can be made anew, and both threads still take rooms.
    let mut again: Vec<RoomEvents> = [struck, RoomId(3), RoomId(4)]
        .into_iter()
        .map(|room| block_on(handle.create_room(room)).unwrap())
        .collect();
    assert!(media.shutdown(PATIENCE));
    assert_eq!(gone(&mut spared_events), GoneReason::Stopped);
    assert!(again.iter_mut().all(|events| gone(events) == GoneReason::Stopped));
    assert_eq!(handle.facts().iter().map(|facts| facts.deaths).sum::<u64>(), 1);
}

#[test]
fn after_the_end_commands_are_refused_and_rooms_have_ended() {
    let media = start(3);
    let handle = media.handle();
    let mut events = block_on(handle.create_room(RoomId(1))).unwrap();
    assert!(media.shutdown(PATIENCE));
    assert_eq!(gone(&mut events), GoneReason::Stopped);
    let refused = block_on(handle.create_room(RoomId(2))).err();
    assert_eq!(refused, Some(MediaError::Stopped));
    let refused = block_on(handle.join(bad_join(RoomId(1))));
    assert_eq!(refused, Err(MediaError::NoSuchRoom(RoomId(1))));
}

#[test]
fn ten_thousand_datagrams_of_garbage_do_no_harm() {
    let media = start(2);
    let handle = media.handle();
    block_on(handle.create_room(RoomId(1))).unwrap();
    let mut socket = bind_group("127.0.0.1:0".parse().unwrap(), 1, Buffers::default()).unwrap();
    let to = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), handle.local_port());
    let path = UdpPath { remote: to, local: Ipv4Addr::LOCALHOST.into() };
    let mut state = 1_u32;
    for _ in 0..10_000 {
        let mut datagram = [0_u8; 96];
        for byte in &mut datagram {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (state >> 24) as u8;
        }
        // One in four of each kind that demultiplexing tells apart: STUN, DTLS, RTP, anything.
        datagram[0] = [0, 22, 0x80, datagram[0]][(state >> 16) as usize % 4];
        let len = 1 + (state >> 8) as usize % datagram.len();
        let bytes = &datagram[..len];
        let messages = std::iter::once(Datagrams { path, bytes, segment: u16::MAX });
        socket[0].send(messages, &mut Patience::default());
    }
    let refused = block_on(handle.join(bad_join(RoomId(1))));
    assert!(matches!(refused, Err(MediaError::Refused(_))), "{refused:?}");
    assert!(media.shutdown(PATIENCE));
    let facts = handle.facts();
    let received: u64 = facts.iter().map(|facts| facts.received.datagrams).sum();
    let strangers: u64 = facts.iter().map(|facts| facts.strangers).sum();
    assert!(received > 1000, "{received} arrived");
    assert!(strangers > received / 2, "{strangers} of {received} were strangers");
    assert_eq!(facts.iter().map(|facts| facts.sent.datagrams).sum::<u64>(), 0);
    assert_eq!(facts.iter().map(|facts| facts.deaths).sum::<u64>(), 0);
}
