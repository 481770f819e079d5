//! Encoders whose media really flows, by offers that browsers do not make.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parlor_server::server::Server;
use parlor_sim::Client;
use str0m::media::MediaKind;

use super::meeting::{enter, part};
use super::whip::{location, post};
use super::{metric, start, until_metric};

const NUMBER: u32 = 1;
const SOUND_AND_PICTURE: [MediaKind; 2] = [MediaKind::Audio, MediaKind::Video];

/// A program that publishes by WHIP.
struct Encoder {
    client: Client,
    udp: UdpSocket,
}

impl Encoder {
    fn new() -> Encoder {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = Client::new(Instant::now(), NUMBER, udp.local_addr().unwrap());
        Encoder { client, udp }
    }

    /// Publishes by an offer that is changed so, which is answered so.
    async fn publish(mut self, server: &Server, change: impl Fn(&str) -> String) -> Publishing {
        let offer = change(&self.client.offer(Instant::now(), &SOUND_AND_PICTURE, 0));
        let made = post(server.address(), "/whip/tea", &offer).await;
        location(&made);
        self.client.accept(&made.1).unwrap();
        self.start(0)
    }

    /// Sends, and loses each datagram of this number once it is connected; none if that is 0.
    fn start(mut self, losing: usize) -> Publishing {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut sent = 0;
            while !stopped.load(Ordering::Relaxed) {
                self.step(losing, &mut sent);
            }
        });
        Publishing { stop, thread }
    }

    fn step(&mut self, losing: usize, sent: &mut usize) {
        let losing = if self.client.is_connected() { losing } else { 0 };
        let udp = &self.udp;
        let send = |out: parlor_sim::client::Datagram| {
            *sent += 1;
            // Nothing is a multiple of 0.
            if !sent.is_multiple_of(losing) {
                udp.send_to(&out.bytes, out.to).unwrap();
            }
        };
        self.client.run(Instant::now(), send).unwrap();
        let mut datagram = [0; 2048];
        self.udp.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        if let Ok((len, from)) = self.udp.recv_from(&mut datagram) {
            self.client.receive(Instant::now(), from, &datagram[..len]).unwrap();
        }
    }
}

/// One that sends.
struct Publishing {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Publishing {
    /// Waits until a viewer has been sent a few seconds of it, all of which the viewer has seen and heard.
    async fn until_seen_and_heard(self, server: &Server) {
        let viewer = enter(server, "tea", 2);
        until_metric(server.address(), "parlor_packets_out_total", |packets| packets > 300.0).await;
        let bot = part(viewer).await;
        let pictures = bot.pictures_of(NUMBER);
        let sounds = bot.frames_received() - pictures;
        assert!(pictures > 20 && sounds > 60, "{pictures} pictures, {sounds} sounds");
        self.stop.store(true, Ordering::Relaxed);
        tokio::task::spawn_blocking(|| self.thread.join().unwrap()).await.unwrap();
    }
}

/// Lines but those that begin so.
fn without(sdp: &str, beginnings: &[&str]) -> String {
    let stays = |line: &&str| !beginnings.iter().any(|beginning| line.starts_with(beginning));
    sdp.lines().filter(stays).map(|line| format!("{line}\r\n")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_without_candidates_is_taken_and_its_media_flows() {
    let server = start().await;
    let change = |offer: &str| {
        assert!(offer.contains("a=candidate:"), "{offer}");
        without(offer, &["a=candidate:", "a=end-of-candidates"])
    };
    Encoder::new().publish(&server, change).await.until_seen_and_heard(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_waits_for_our_handshake_is_taken_and_its_media_flows() {
    let server = start().await;
    let change = |offer: &str| {
        assert!(offer.contains("a=setup:actpass"), "{offer}");
        offer.replace("a=setup:actpass", "a=setup:passive")
    };
    Encoder::new().publish(&server, change).await.until_seen_and_heard(&server).await;
    server.stop().await;
}

/// What names streams in packets: without them streams are known by their SSRCs alone.
const NAMES: [&str; 2] = ["a=extmap:", "a=rid"];

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_ssrc_group_lines_alone_tell_apart_flow_and_what_is_lost_of_them_is_repaired()
{
    let server = start().await;
    let mut encoder = Encoder::new();
    let offer = encoder.client.offer(Instant::now(), &SOUND_AND_PICTURE, 0);
    let offer = without(&offer, &NAMES);
    assert!(offer.contains("a=ssrc-group:FID "), "{offer}");
    let made = post(server.address(), "/whip/tea", &offer).await;
    location(&made);
    assert!(!made.1.contains("a=extmap:"), "{}", made.1);
    encoder.client.accept(&made.1).unwrap();
    let publishing = encoder.start(20);
    until_metric(server.address(), "parlor_packets_recovered_total", |packets| packets > 3.0).await;
    publishing.until_seen_and_heard(&server).await;
    server.stop().await;
}

/// A section's lines that begin so.
fn lines<'a>(section: &'a str, beginning: &str) -> Vec<&'a str> {
    section.lines().filter(|line| line.starts_with(beginning)).collect()
}

/// The offer of a picture in three sections as one section with three sizes, told apart by their SSRCs.
fn as_sizes(offer: &str) -> String {
    let sections: Vec<&str> = offer.split("m=").collect();
    let [session, sound, small, middle, large] = sections[..] else { panic!("{offer}") };
    let streams =
        |section| [lines(section, "a=ssrc-group:FID "), lines(section, "a=ssrc:")].concat();
    let first = |section| lines(section, "a=ssrc:")[0][7..].split(' ').next().unwrap();
    let sizes = [small, middle, large].map(first).join(" ");
    let mut one: Vec<&str> = small.lines().collect();
    one.extend([middle, large].into_iter().flat_map(streams));
    let group = format!("a=ssrc-group:SIM {sizes}");
    one.push(&group);
    let session = session.replace("BUNDLE 0 1 2 3", "BUNDLE 0 1");
    let one = one.join("\r\n");
    let [session, sound, one] = [&session, sound, &one].map(|part| part.trim_end());
    without(&[session, "\r\nm=", sound, "\r\nm=", one, "\r\n"].concat(), &NAMES)
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_that_an_ssrc_group_of_simulcast_names_are_one_picture_and_it_flows() {
    let server = start().await;
    let mut encoder = Encoder::new();
    let kinds = [MediaKind::Audio, MediaKind::Video, MediaKind::Video, MediaKind::Video];
    let offer = encoder.client.offer(Instant::now(), &kinds, 0);
    let made = post(server.address(), "/whip/tea", &as_sizes(&offer)).await;
    location(&made);
    // The client's own library has three sections, all answered as the one.
    let (rest, picture) = made.1.rsplit_once("m=").unwrap();
    let mids = lines(&offer, "a=mid:");
    let answers = mids[1..].iter().map(|mid| format!("m={}", picture.replace(mids[1], mid)));
    let bundle = mids.iter().map(|mid| &mid[6..]).collect::<Vec<_>>().join(" ");
    let group = lines(rest, "a=group:BUNDLE")[0];
    let rest = rest.replace(group, &format!("a=group:BUNDLE {bundle}"));
    encoder.client.accept(&(rest + &answers.collect::<String>())).unwrap();
    let publishing = encoder.start(0);
    until_metric(server.address(), "parlor_tracks", |tracks| tracks == 2.0).await;
    publishing.until_seen_and_heard(&server).await;
    assert_eq!(
        metric(server.address(), "parlor_packets_refused_total").await,
        0.0,
        "all are known"
    );
    server.stop().await;
}
