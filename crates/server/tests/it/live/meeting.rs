//! Simulated people whose media really flows.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use parlor_engine::RoomId;
use parlor_server::config::Config;
use parlor_server::server::Server;
use parlor_sim::bot::{Bot, BotConfig};
use serde_json::json;

use super::{config, connect, join, metric, start, until_metric};

pub(super) struct Person {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Bot>,
}

pub(super) fn enter(server: &Server, room: &str, number: u32) -> Person {
    enter_over(server, room, number, 0.0)
}

/// Enters by a cable that loses this share of everything, each way.
fn enter_over(server: &Server, room: &str, number: u32, loss: f64) -> Person {
    let config = BotConfig {
        server: server.address(),
        room: room.to_owned(),
        name: format!("Bot {number}"),
        number,
        video: None,
        frames_per_second: 15,
        audio: None,
        slot_pairs: 2,
        loss,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = std::thread::spawn(move || {
        let mut bot = Bot::enter(config).unwrap();
        bot.run(&stopped).unwrap();
        bot
    });
    Person { stop, thread }
}

/// Leaves, and says how many frames came.
async fn leave(person: Person) -> usize {
    part(person).await.frames_received()
}

/// Leaves, with all that was seen and heard.
pub(super) async fn part(person: Person) -> Bot {
    person.stop.store(true, Ordering::Relaxed);
    tokio::task::spawn_blocking(|| person.thread.join().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_threads_have_ports_of_their_own_nothing_is_handed_over() {
    let settings = Config { udp_ports: 2, ..config() };
    let server = Server::start(&settings).await.unwrap();
    meet_in(&server, &["tea", "coffee"]).await;
    assert_eq!(metric(server.address(), "parlor_datagrams_handed_over_total").await, 0.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_meet_where_several_threads_share_each_of_two_ports() {
    let settings = Config { udp_ports: 2, threads: 4, ..config() };
    let server = Server::start(&settings).await.unwrap();
    let ports = server.media().local_ports();
    assert_eq!(ports.len(), 2);
    let announced: BTreeSet<u16> =
        server.media().candidates().iter().map(SocketAddr::port).collect();
    assert_eq!(announced, ports.into_iter().collect());
    // Each on a thread of its own.
    meet_in(&server, &["tea", "coffee", "milk", "juice"]).await;
    server.stop().await;
}

/// Two people in each of these rooms, until all have seen and heard something of each other.
async fn meet_in(server: &Server, rooms: &[&str]) {
    let people: Vec<_> =
        rooms.iter().flat_map(|room| [1, 2].map(|number| enter(server, room, number))).collect();
    let most = 200.0 * rooms.len() as f64;
    until_metric(server.address(), "parlor_packets_out_total", |packets| packets > most).await;
    for person in people {
        assert!(leave(person).await > 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_hear_and_see_each_other_and_leave_nothing() {
    let server = start().await;
    let mut watcher = connect(&server).await;
    let peer = watcher.join("room:tea", join("Watcher")).await["response"]["peer"].clone();
    let (ann, bo) = (enter(&server, "tea", 1), enter(&server, "tea", 2));
    let mut connected = std::collections::BTreeSet::new();
    while connected.len() < 2 {
        let presence = watcher.event("presence").await;
        // One who connects within 50 ms is connected when first told of.
        let told = ["joined", "changed"].map(|key| presence[4][key].as_array().unwrap().clone());
        for seen in told.iter().flatten() {
            if seen["state"] == "connected" && seen["id"] != peer {
                connected.insert(seen["id"].to_string());
            }
        }
    }
    watcher.event("speakers").await;
    until_metric(server.address(), "parlor_packets_out_total", |packets| packets > 400.0).await;
    for person in [ann, bo] {
        let frames = leave(person).await;
        assert!(frames > 50, "{frames} frames");
    }
    watcher.call(json!("1"), "room:tea", "phx_leave", json!({})).await;
    for name in ["parlor_rooms", "parlor_peers", "parlor_tracks", "parlor_thread_peers"] {
        until_metric(server.address(), name, |value| value == 0.0).await;
    }
    assert_eq!(metric(server.address(), "parlor_join_seconds_count").await, 3.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lossy_call_moves_every_metric_of_losses_and_repairs() {
    let server = start().await;
    let (ann, bo) = (enter_over(&server, "tea", 1, 0.05), enter_over(&server, "tea", 2, 0.05));
    until_metric(server.address(), "parlor_packets_out_total", |packets| packets > 100.0).await;
    // One who comes later needs a key frame to begin with.
    let cy = enter_over(&server, "tea", 3, 0.05);
    for name in [
        "parlor_packets_in_total",
        "parlor_bytes_in_total",
        "parlor_packets_out_total",
        "parlor_bytes_out_total",
        "parlor_packets_lost_out_total",
        "parlor_nacks_in_total",
        "parlor_nacks_out_total",
        "parlor_packets_recovered_total",
        "parlor_packets_retransmitted_total",
        "parlor_key_frame_requests_out_total",
        "parlor_rtcp_in_total",
        "parlor_busy_microseconds_total",
    ] {
        until_metric(server.address(), name, |value| value > 0.0).await;
    }
    let bytes = metric(server.address(), "parlor_bytes_out_total").await;
    let packets = metric(server.address(), "parlor_packets_out_total").await;
    assert!(bytes > 50.0 * packets, "{bytes} bytes in {packets} packets");
    for person in [ann, bo, cy] {
        assert!(leave(person).await > 0);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_moves_every_metric_of_what_paths_carry() {
    let server = start().await;
    let (ann, bo) = (enter(&server, "tea", 1), enter(&server, "tea", 2));
    until_metric(server.address(), "parlor_viewers", |viewers| viewers == 2.0).await;
    for name in [
        "parlor_estimate_bytes_per_second_bucket",
        "parlor_estimate_bytes_per_second_sum",
        "parlor_probes_total",
        "parlor_probe_results_total",
        "parlor_padding_packets_out_total",
    ] {
        until_metric(server.address(), name, |value| value > 0.0).await;
    }
    let count = metric(server.address(), "parlor_estimate_bytes_per_second_count").await;
    let sum = metric(server.address(), "parlor_estimate_bytes_per_second_sum").await;
    assert!(sum / count > 12_500.0, "{sum} bytes per second in {count}: over 100 kbit/s each");
    for person in [ann, bo] {
        assert!(leave(person).await > 0);
    }
    until_metric(server.address(), "parlor_viewers", |viewers| viewers == 0.0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_garbage_datagrams_beside_a_call_are_counted_and_cost_it_nothing() {
    let server = start().await;
    let (ann, bo) = (enter(&server, "tea", 1), enter(&server, "tea", 2));
    until_metric(server.address(), "parlor_packets_out_total", |packets| packets > 100.0).await;
    let port = server.media().local_port();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..10_000u32 {
        // STUN, DTLS, SRTP, and what is nothing, with bytes that follow from the number.
        let mut datagram = number.wrapping_mul(2_654_435_761).to_be_bytes().repeat(20);
        datagram[0] = [0, 22, 0x90, 0xFF][number as usize % 4];
        stranger.send_to(&datagram, ("127.0.0.1", port)).unwrap();
        // No faster than they are counted: what a kernel's full buffer drops proves nothing.
        if number % 500 == 499 {
            let sent = f64::from(number + 1);
            let strange = "parlor_datagrams_strange_total";
            until_metric(server.address(), strange, |counted| counted >= 0.75 * sent).await;
        }
    }
    let packets = metric(server.address(), "parlor_packets_out_total").await;
    until_metric(server.address(), "parlor_packets_out_total", |now| now > packets + 200.0).await;
    for (person, other) in [(ann, 2), (bo, 1)] {
        let bot = part(person).await;
        let (received, missed) = (bot.frames_received(), bot.sounds_missed(other));
        assert!(received > 100 && missed * 100 <= received, "{missed} missed, {received} received");
        assert!(bot.pictures_of(other) > 20, "{} pictures", bot.pictures_of(other));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rooms_hear_nothing_of_each_other() {
    let server = start().await;
    let (ann, bo) = (enter(&server, "tea", 1), enter(&server, "coffee", 2));
    until_metric(server.address(), "parlor_packets_in_total", |packets| packets > 400.0).await;
    // A packet leaves for others in the tick in which it came, if it ever does.
    assert_eq!(metric(server.address(), "parlor_packets_out_total").await, 0.0);
    for person in [ann, bo] {
        assert_eq!(leave(person).await, 0);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_media_thread_that_fails_ends_its_rooms_with_a_reason_and_people_can_come_back() {
    let server = start().await;
    let mut client = connect(&server).await;
    client.join("room:tea", join("Ann")).await;
    // The first room of a server has the first number.
    let thread = server.media().threads_of(RoomId(1))[0];
    let _dead = server.media().panic_thread(thread).await;
    assert_eq!(client.event("ended").await[4]["reason"], "media_failed");
    assert_eq!(client.event("phx_close").await[1], "1");
    let again = client.join("room:tea", join("Ann")).await;
    assert_eq!(again["status"], "ok", "{again}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pages_report_of_freezes_is_in_the_metrics() {
    let server = start().await;
    let mut watcher = connect(&server).await;
    watcher.join("room:tea", join("Watcher")).await;
    for _ in 0..2 {
        let report = json!({"freezes": 2, "frozen_ms": 900});
        let reply = watcher.call(json!("1"), "room:tea", "report", report).await;
        assert_eq!(reply["status"], "ok", "{reply}");
    }
    assert_eq!(metric(server.address(), "parlor_freezes_total").await, 4.0);
    assert_eq!(metric(server.address(), "parlor_frozen_seconds_total").await, 1.8);
    server.stop().await;
}
