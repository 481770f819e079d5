//! Simulated people whose media really flows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use parlor_engine::RoomId;
use parlor_server::server::Server;
use parlor_sim::bot::{Bot, BotConfig};
use serde_json::json;

use super::{connect, join, metric, start, until_metric};

struct Person {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

fn enter(server: &Server, room: &str, number: u32) -> Person {
    let config = BotConfig {
        server: server.address(),
        room: room.to_owned(),
        name: format!("Bot {number}"),
        number,
        video: None,
        frames_per_second: 15,
        audio: None,
        slot_pairs: 2,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = std::thread::spawn(move || {
        let mut bot = Bot::enter(config).unwrap();
        bot.run(&stopped).unwrap();
        bot.frames_received()
    });
    Person { stop, thread }
}

/// Leaves, and says how many frames came.
async fn leave(person: Person) -> usize {
    person.stop.store(true, Ordering::Relaxed);
    tokio::task::spawn_blocking(|| person.thread.join().unwrap()).await.unwrap()
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
    let _dead = server.media().panic_thread_of(RoomId(1)).await;
    assert_eq!(client.event("ended").await[4]["reason"], "media_failed");
    assert_eq!(client.event("phx_close").await[1], "1");
    let again = client.join("room:tea", join("Ann")).await;
    assert_eq!(again["status"], "ok", "{again}");
    server.stop().await;
}
