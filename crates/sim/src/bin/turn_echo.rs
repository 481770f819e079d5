//! A server of which the TURN part gives back what is sent to addresses that no socket has: to try TURN clients on.

use std::net::SocketAddr;
use std::time::SystemTime;

use clap::Parser;
use parlor_server::config::{Config, Tls};
use parlor_server::server::Server;

/// Prints a line of JSON with credentials when it is ready, and runs until it is killed.
#[derive(Parser)]
struct Options {
    /// Where to take TCP and TLS connections; datagrams are taken on the same port of all addresses.
    #[arg(long, default_value = "127.0.0.1:4000")]
    listen: SocketAddr,
    /// The addresses that everything comes back from.
    #[arg(long, default_values = ["127.0.0.1:3480", "127.0.0.1:3481"])]
    echo: Vec<SocketAddr>,
}

#[tokio::main]
#[allow(clippy::print_stdout)] // What it is started for.
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Options { listen, echo } = Options::parse();
    let config =
        Config { listen, udp_port: listen.port(), tls: Tls::SelfSigned, ..Config::default() };
    let server = Server::start_with_echoes(&config, echo).await?;
    let ways = server.ice_servers().for_peer("p1", None, SystemTime::now());
    let way = ways.first().ok_or("no address is announced")?;
    let (username, password) = (&way.username, &way.password);
    println!("{}", serde_json::json!({ "username": username, "password": password }));
    std::future::pending().await
}
