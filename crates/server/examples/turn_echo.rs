//! A server of which the TURN part gives back what is sent to addresses that no socket has, to try TURN clients on:
//! `turn_echo 127.0.0.1:4000 127.0.0.1:3480 127.0.0.1:3481` takes UDP, TCP and TLS at the first and echoes at the others.
//!
//! It prints a line of JSON with credentials when it is ready, and runs until it is killed.

use std::net::SocketAddr;
use std::time::SystemTime;

use parlor_server::config::{Config, Tls};
use parlor_server::server::Server;

#[tokio::main]
#[allow(clippy::print_stdout)] // What it is started for.
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let addresses: Result<Vec<SocketAddr>, _> =
        std::env::args().skip(1).map(|text| text.parse()).collect();
    let mut addresses = addresses?.into_iter();
    let listen = addresses.next().ok_or("expected an address to listen at, and those to echo")?;
    let config =
        Config { listen, udp_port: listen.port(), tls: Tls::SelfSigned, ..Config::default() };
    let server = Server::start_with_echoes(&config, addresses.collect()).await?;
    let ways = server.ice_servers().for_peer("p1", None, SystemTime::now());
    let way = ways.first().ok_or("no address is announced")?;
    let (username, password) = (&way.username, &way.password);
    println!("{}", serde_json::json!({ "username": username, "password": password }));
    std::future::pending().await
}
