//! Simulated browsers whose network lets no datagrams through, on real connections of loopback.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_engine::{Join, PeerId, RoomId, Source};
use parlor_media::poll::Poller;
use parlor_media::{Carries, Media, MediaConfig, MediaError, NewStream, StreamFacts};
use parlor_rtc::MediaKind;
use parlor_rtc::framing::{frame_header, next_frame};
use parlor_sim::client::{self, Client, Datagram};

use crate::browser::{PATIENCE, senders_of};
use crate::task::block_on;

const SOURCES: [Source; 2] = [Source::Microphone, Source::Camera];

/// Both ends of a TCP connection, neither of which waits.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    for end in [&near, &far] {
        end.set_nonblocking(true).unwrap();
        end.set_nodelay(true).unwrap();
    }
    (near, far)
}

/// A simulated browser that says all it has to say over one TCP connection.
struct Browser {
    client: Client,
    stream: TcpStream,
    /// The server's end, until it has been handed over.
    far: Option<(TcpStream, Arc<()>)>,
    server: SocketAddr,
    unread: Vec<u8>,
    unsent: Vec<u8>,
    /// It reads nothing, as one whose network has become slow.
    is_stuck: bool,
}

impl Browser {
    fn join(media: &Media, room: RoomId, number: u32) -> Browser {
        let (stream, far) = connection();
        let now = Instant::now();
        let mut client = Client::new(now, number, stream.local_addr().unwrap());
        let kinds: Vec<_> = SOURCES.iter().map(|source| client::kind(source.kind())).collect();
        let offer = client.offer(now, &kinds, 3);
        let senders = senders_of(&client, number, &SOURCES);
        let receive = Default::default();
        let join =
            Join { room, peer: PeerId(number.into()), opening: offer.into(), senders, receive };
        let joined = block_on(media.handle().join(join)).unwrap();
        client.accept(&joined.answer).unwrap();
        Browser {
            client,
            stream,
            far: Some((far, Arc::new(()))),
            server: media.handle().candidates()[0],
            unread: Vec::new(),
            unsent: Vec::new(),
            is_stuck: false,
        }
    }

    /// Hands the server's end over with what has been written to it; returns what says whether it is still open.
    fn hand_over(&mut self, media: &Media) -> Arc<()> {
        let (socket, share) = self.far.take().unwrap();
        let head = std::mem::take(&mut self.unsent);
        let remote = self.stream.local_addr().unwrap();
        let kept = Arc::clone(&share);
        let (carries, share) = (Carries::Ice, Box::new(share));
        let stream = NewStream { socket, remote, tls: None, head, carries, share };
        block_on(media.handle().adopt(stream)).unwrap();
        kept
    }

    fn run(&mut self) {
        let Browser { client, stream, unread, unsent, server, .. } = self;
        let say = |Datagram { bytes, .. }: Datagram| {
            unsent.extend_from_slice(&frame_header(bytes.len()).unwrap());
            unsent.extend_from_slice(&bytes);
        };
        client.run(Instant::now(), say).unwrap();
        if self.far.is_some() || self.is_stuck {
            return;
        }
        if let Ok(sent) = stream.write(unsent) {
            unsent.drain(..sent);
        }
        let mut room = vec![0; 65_536];
        while let Ok(count @ 1..) = stream.read(&mut room) {
            unread.extend_from_slice(&room[..count]);
        }
        while let Some(frame) = next_frame(unread).unwrap() {
            client.receive(Instant::now(), *server, &unread[frame.datagram]).unwrap();
            unread.drain(..frame.len);
        }
    }

    fn frames_of(&self, publisher: u32, kind: MediaKind) -> usize {
        self.client.frames_of(publisher, client::kind(kind)).len()
    }
}

fn run_while(browsers: &mut [Browser], holds: impl Fn(&[Browser]) -> bool) {
    let mut poller = Poller::new().unwrap();
    let give_up = Instant::now() + PATIENCE;
    while holds(browsers) {
        assert!(Instant::now() < give_up, "it does not come to that");
        browsers.iter_mut().for_each(Browser::run);
        poller.wait(&[], Some(Duration::from_millis(1))).unwrap();
    }
}

fn start() -> Media {
    let bind = vec![Ipv4Addr::LOCALHOST.into()];
    Media::start(MediaConfig { bind, threads: 2, ..MediaConfig::default() }).unwrap()
}

fn facts(media: &Media) -> StreamFacts {
    let all = media.handle().facts();
    all.iter().fold(StreamFacts::default(), |sum, thread| StreamFacts {
        open: sum.open + thread.streams.open,
        taken: sum.taken + thread.streams.taken,
        slow: sum.slow + thread.streams.slow,
        dropped: sum.dropped + thread.streams.dropped,
        ..sum
    })
}

#[test]
fn people_see_and_hear_each_other_over_tcp_alone() {
    let media = start();
    let _events = block_on(media.handle().create_room(RoomId(1))).unwrap();
    let mut browsers = [1, 2].map(|number| Browser::join(&media, RoomId(1), number));
    run_while(&mut browsers, |browsers| browsers.iter().any(|browser| browser.unsent.is_empty()));
    let open: Vec<_> = browsers.iter_mut().map(|browser| browser.hand_over(&media)).collect();
    run_while(&mut browsers, |browsers| {
        [(0, 2), (1, 1)].iter().any(|(viewer, publisher)| {
            let kinds = [MediaKind::Audio, MediaKind::Video];
            kinds.iter().any(|kind| browsers[*viewer].frames_of(*publisher, *kind) < 60)
        })
    });
    assert!(open.iter().all(|share| Arc::strong_count(share) == 2), "what they take is counted");
    // Who hangs up gives back what they have taken.
    let [gone, mut other] = browsers;
    drop(gone);
    run_while(std::slice::from_mut(&mut other), |_| Arc::strong_count(&open[0]) == 2);
}

#[test]
fn a_viewer_whose_network_stops_is_sent_whole_pictures_again_when_it_goes_on() {
    let media = start();
    let _events = block_on(media.handle().create_room(RoomId(1))).unwrap();
    let mut browsers = [1, 2].map(|number| Browser::join(&media, RoomId(1), number));
    run_while(&mut browsers, |browsers| browsers.iter().any(|browser| browser.unsent.is_empty()));
    let _open: Vec<_> = browsers.iter_mut().map(|browser| browser.hand_over(&media)).collect();
    let pictures = |browsers: &[Browser]| browsers[1].frames_of(1, MediaKind::Video);
    run_while(&mut browsers, |browsers| pictures(browsers) < 30);
    browsers[1].is_stuck = true;
    run_while(&mut browsers, |_| facts(&media).slow == 0);
    let left_out = || -> u64 {
        media.handle().facts().iter().map(|thread| thread.engine.pictures_too_late).sum()
    };
    run_while(&mut browsers, |_| left_out() == 0);
    browsers[1].is_stuck = false;
    let before = pictures(&browsers);
    run_while(&mut browsers, |browsers| pictures(browsers) < before + 30);
    assert_eq!(facts(&media).dropped, 0, "nothing was cut off in its midst");
}

#[test]
fn a_stream_that_names_nobody_here_is_refused_and_one_of_nobody_is_closed() {
    let media = start();
    let handle = media.handle();
    let new = |head: &[u8], carries| {
        let (near, socket) = connection();
        let share = Arc::new(());
        let kept = Arc::clone(&share);
        let remote = near.local_addr().unwrap();
        let (head, share) = (head.to_vec(), Box::new(share));
        (near, kept, NewStream { socket, remote, tls: None, head, carries, share })
    };
    for head in [&b""[..], b"\x00\x04\x00\x01\x00\x00", b"\x00\x14not a check for anybody"] {
        let (_near, kept, stream) = new(head, Carries::Ice);
        assert_eq!(block_on(handle.adopt(stream)), Err(MediaError::StreamRefused));
        assert_eq!(Arc::strong_count(&kept), 1);
    }
    // Nonsense ends it at once, silence after a while.
    let (_near, nonsense, stream) = new(b"GET / HTTP/1.1", Carries::Turn);
    block_on(handle.adopt(stream)).unwrap();
    let (_near, silent, stream) = new(b"", Carries::Turn);
    block_on(handle.adopt(stream)).unwrap();
    run_while(&mut [], |_| Arc::strong_count(&nonsense) == 2);
    assert_eq!(Arc::strong_count(&silent), 2);
    run_while(&mut [], |_| Arc::strong_count(&silent) == 2);
}
