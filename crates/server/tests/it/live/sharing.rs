//! A room that is too large for one media thread is one room for the people in it.

use parlor_engine::RoomId;
use parlor_server::config::Config;
use parlor_server::server::Server;
use serde_json::{Value, json};

use super::meeting::{enter, part};
use super::{config, connect, get, join, metric, until_metric};

/// A metric of one media thread.
async fn of_thread(server: &Server, name: &str, thread: usize) -> f64 {
    let (_, text) = get(server.address(), "/metrics", "").await;
    let begins = format!("{name}{{thread=\"{thread}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&begins));
    line.expect("there is such a metric").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_one_room_on_two_threads_hear_see_and_miss_each_other() {
    let small = Config { peers_per_thread_of_room: 2, ..config() };
    let server = Server::start(&small).await.unwrap();
    let mut watcher = connect(&server).await;
    let joined = watcher.join("room:tea", join("Watcher")).await;
    let watcher_id = joined["response"]["peer"].clone();
    let mut people = Vec::new();
    let mut ids: Vec<Value> = Vec::new();
    for number in 1..=3 {
        people.push(enter(&server, "tea", number));
        while ids.len() < number as usize {
            let presence = watcher.event("presence").await;
            let came = presence[4]["joined"].as_array().unwrap().iter().map(|peer| &peer["id"]);
            ids.extend(came.filter(|id| **id != watcher_id).cloned());
        }
    }
    let threads = server.media().threads_of(RoomId(1));
    assert_eq!(threads.len(), 2);
    for thread in &threads {
        until_metric(server.address(), "parlor_packets_out_total", |packets| packets > 300.0).await;
        assert!(of_thread(&server, "parlor_packets_relayed_in_total", *thread).await > 0.0);
    }
    // Everybody is told of as speaking, whichever thread they are on, and no more once they have left.
    let speaks = |frame: &Value, id: &Value| frame[4]["speaking"].as_array().unwrap().contains(id);
    watcher.expect(|frame| frame[3] == "speakers" && ids.iter().all(|id| speaks(frame, id))).await;
    for number in [3, 2, 1] {
        until_metric(server.address(), "parlor_packets_out_total", |packets| packets > 900.0).await;
        let bot = part(people.pop().unwrap()).await;
        for other in (1..=3).filter(|other| *other != number) {
            let pictures = bot.pictures_of(other);
            assert!(pictures > 10, "{number} saw {pictures} pictures of {other}");
        }
        let gone = ids.pop().unwrap();
        watcher.expect(|frame| frame[3] == "speakers" && !speaks(frame, &gone)).await;
    }
    watcher.call(json!("1"), "room:tea", "phx_leave", json!({})).await;
    for name in ["parlor_rooms", "parlor_thread_rooms", "parlor_thread_peers"] {
        until_metric(server.address(), name, |value| value == 0.0).await;
    }
    assert_eq!(metric(server.address(), "parlor_relays_overtaken_total").await, 0.0);
    server.stop().await;
}
