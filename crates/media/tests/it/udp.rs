//! The socket against real loopback sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use parlor_media::poll::Poller;
use parlor_media::udp::{
    BindError, Buffers, Datagrams, Patience, ReceiveBatch, Socket, bind_group,
};
use parlor_rtc::path::UdpPath;

fn bind(address: &str) -> Socket {
    let sockets = bind_group(address.parse().unwrap(), 1, Buffers::default()).unwrap();
    sockets.into_iter().next().unwrap()
}

/// Receives until `count` datagrams are there.
fn receive(socket: &mut Socket, count: usize) -> Vec<(UdpPath, Vec<u8>)> {
    let mut poller = Poller::new().unwrap();
    let mut batch = ReceiveBatch::default();
    let mut received = Vec::new();
    let give_up = Instant::now() + Duration::from_secs(10);
    while received.len() < count {
        assert!(Instant::now() < give_up, "only {} of {count} datagrams came", received.len());
        let patience = Some(Duration::from_secs(1));
        poller.wait(std::slice::from_ref(socket), patience).unwrap();
        socket.receive(&mut batch).unwrap();
        received.extend(batch.arrivals().map(|a| (a.path, a.datagram.to_vec())));
    }
    received
}

fn path(from: IpAddr, to: SocketAddr) -> UdpPath {
    UdpPath { remote: to, local: from }
}

fn at(ip: &str, socket: &Socket) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), socket.local().port())
}

fn send(socket: &mut Socket, path: UdpPath, bytes: &[u8], segment: u16) {
    let messages = std::iter::once(Datagrams { path, bytes, segment });
    socket.send(messages, &mut Patience::default());
}

/// Datagram `i` is full of the byte `i`; the last is half as long.
fn run_of(count: u8, segment: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let len = |i| if i + 1 == count { segment / 2 } else { segment };
    let datagrams: Vec<Vec<u8>> = (0..count).map(|i| vec![i; len(i)]).collect();
    (datagrams.concat(), datagrams)
}

#[test]
fn a_run_of_equal_datagrams_arrives_as_separate_datagrams_on_v4_and_v6() {
    for ip in ["127.0.0.1", "::1"] {
        let ip: IpAddr = ip.parse().unwrap();
        let (mut sender, mut receiver) = (bind("[::]:0"), bind("[::]:0"));
        let (bytes, datagrams) = run_of(20, 1200);
        let to = SocketAddr::new(ip, receiver.local().port());
        send(&mut sender, path(ip, to), &bytes, 1200);
        let received = receive(&mut receiver, 20);
        let expected = path(ip, SocketAddr::new(ip, sender.local().port()));
        assert!(received.iter().all(|(path, _)| *path == expected));
        assert_eq!(received.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), datagrams);
        assert_eq!(sender.sent().datagrams, 20);
        assert_eq!(sender.sent().bytes, bytes.len() as u64);
    }
}

#[test]
fn without_gso_the_same_datagrams_arrive() {
    let (mut sender, mut receiver) = (bind("[::]:0"), bind("0.0.0.0:0"));
    sender.refuse_gso();
    let (bytes, datagrams) = run_of(70, 900);
    let to = at("127.0.0.1", &receiver);
    let bytes = &bytes[..];
    send(&mut sender, path(Ipv4Addr::LOCALHOST.into(), to), bytes, 900);
    let received = receive(&mut receiver, 70);
    assert_eq!(received.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), datagrams);
    assert_eq!(sender.sent().gso_messages, 0);
    assert_eq!(sender.sent().messages, 70);
}

/// More segments than the kernel cuts in one go are refused by it with EINVAL.
#[test]
fn a_message_that_the_kernel_will_not_cut_is_sent_singly_and_remembered() {
    let (mut sender, mut receiver) = (bind("[::]:0"), bind("[::]:0"));
    let to = path(Ipv4Addr::LOCALHOST.into(), at("127.0.0.1", &receiver));
    let bytes = vec![7; 2000];
    send(&mut sender, to, &bytes, 4);
    assert_eq!(sender.sent().gso_refused, 1);
    assert_eq!(sender.sent().datagrams, 500);
    assert_eq!(receive(&mut receiver, 500).len(), 500);
    send(&mut sender, to, &bytes[..40], 4);
    assert_eq!(sender.sent().gso_refused, 1);
    assert_eq!(sender.sent().gso_messages, 0);
    assert_eq!(receive(&mut receiver, 10).len(), 10);
}

#[test]
fn an_answer_leaves_from_the_address_that_was_asked() {
    let mut server = bind("[::]:0");
    let mut client = bind("0.0.0.0:0");
    for asked in ["127.0.0.1", "127.0.0.2", "127.0.0.3"] {
        let asked: IpAddr = asked.parse().unwrap();
        let to = SocketAddr::new(asked, server.local().port());
        send(&mut client, path(Ipv4Addr::UNSPECIFIED.into(), to), b"hello", 5);
        let (arrived, _) = receive(&mut server, 1).remove(0);
        assert_eq!(arrived.local, asked);
        send(&mut server, arrived, b"hello yourself", 100);
        let (answer, _) = receive(&mut client, 1).remove(0);
        assert_eq!(answer.remote.ip(), asked);
    }
}

#[test]
fn addresses_are_never_v4_mapped() {
    let mut server = bind("[::]:0");
    let mut client = bind("[::]:0");
    let to = path(Ipv4Addr::LOCALHOST.into(), at("127.0.0.1", &server));
    send(&mut client, to, b"x", 1);
    let (arrived, _) = receive(&mut server, 1).remove(0);
    assert_eq!(arrived.remote, at("127.0.0.1", &client));
    assert_eq!(arrived.local, Ipv4Addr::LOCALHOST);
}

#[test]
fn a_closed_port_at_the_other_end_does_no_harm() {
    let (mut sender, mut receiver) = (bind("[::]:0"), bind("[::]:0"));
    let closed = at("127.0.0.1", &bind("127.0.0.1:0"));
    let open = at("127.0.0.1", &receiver);
    let local = Ipv4Addr::LOCALHOST.into();
    for _ in 0..10 {
        let messages = [closed, open].map(|to| Datagrams {
            path: path(local, to),
            bytes: b"ping",
            segment: 4,
        });
        sender.send(messages.into_iter(), &mut Patience::default());
    }
    assert_eq!(receive(&mut receiver, 10).len(), 10);
    assert!(!sender.receive(&mut ReceiveBatch::default()).unwrap());
}

#[test]
fn an_unsendable_datagram_is_counted_and_holds_nobody_up() {
    let (mut sender, mut receiver) = (bind("127.0.0.1:0"), bind("127.0.0.1:0"));
    let local = Ipv4Addr::LOCALHOST.into();
    let to = at("127.0.0.1", &receiver);
    let too_long = vec![0; 65_530];
    let messages = [
        Datagrams { path: path(local, to), bytes: b"one", segment: 3 },
        Datagrams { path: path(local, "[::1]:9".parse().unwrap()), bytes: b"v6", segment: 2 },
        Datagrams { path: path(local, to), bytes: &too_long, segment: u16::MAX },
        Datagrams { path: path(local, to), bytes: b"", segment: 0 },
        Datagrams { path: path(local, to), bytes: b"two", segment: 3 },
    ];
    sender.send(messages.into_iter(), &mut Patience::default());
    let received = receive(&mut receiver, 2);
    assert_eq!(received[0].1, b"one");
    assert_eq!(received[1].1, b"two");
    assert_eq!(sender.sent().datagrams, 2);
    assert_eq!(sender.sent().dropped_refused, 2);
}

#[test]
fn an_empty_datagram_is_not_an_arrival() {
    let mut server = bind("127.0.0.1:0");
    let client = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    let to = server.local().into();
    client.send_to(b"", &to).unwrap();
    client.send_to(b"x", &to).unwrap();
    assert_eq!(receive(&mut server, 1)[0].1, b"x");
    assert_eq!(server.received().unusable, 1);
}

#[test]
fn a_port_in_use_is_named_even_when_its_holder_shares_it() {
    let holder = bind("[::]:0");
    let address = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), holder.local().port());
    for address in [address, holder.local()] {
        match bind_group(address, 2, Buffers::default()) {
            Err(BindError::InUse(named)) => assert_eq!(named.port(), holder.local().port()),
            Err(other) => panic!("unexpected: {other}"),
            Ok(_) => panic!("bound a port twice"),
        }
    }
}

#[test]
fn an_address_of_another_machine_is_refused_by_name() {
    let refused = bind_group("203.0.113.77:0".parse().unwrap(), 1, Buffers::default());
    match refused.err().unwrap() {
        BindError::NotOurs(ip) => assert_eq!(ip, Ipv4Addr::new(203, 0, 113, 77)),
        other => panic!("unexpected: {other}"),
    }
}

#[test]
fn one_remote_address_always_reaches_the_same_socket_of_a_group() {
    let mut group = bind_group("127.0.0.1:0".parse().unwrap(), 4, Buffers::default()).unwrap();
    let to = group[0].local();
    let mut senders: Vec<Socket> = (0..16).map(|_| bind("127.0.0.1:0")).collect();
    for _ in 0..5 {
        for sender in &mut senders {
            send(sender, path(Ipv4Addr::LOCALHOST.into(), to), b"x", 1);
        }
    }
    let mut batch = ReceiveBatch::default();
    let mut home = std::collections::BTreeMap::new();
    let mut total = 0;
    let give_up = Instant::now() + Duration::from_secs(10);
    while total < 80 {
        assert!(Instant::now() < give_up, "only {total} of 80 datagrams came");
        for (index, socket) in group.iter_mut().enumerate() {
            socket.receive(&mut batch).unwrap();
            for arrival in batch.arrivals() {
                total += 1;
                assert_eq!(*home.entry(arrival.path.remote).or_insert(index), index);
            }
        }
    }
    assert!(home.values().collect::<std::collections::BTreeSet<_>>().len() > 1);
}

/// Sends a run of six, reads it 30 ms later, and says whether all were there in the time of the sending.
fn kernel_told_when(sender: &mut Socket, receiver: &mut Socket) -> bool {
    let before = SystemTime::now();
    let (bytes, _) = run_of(6, 1200);
    send(sender, path(receiver.local().ip(), receiver.local()), &bytes, 1200);
    let sent = SystemTime::now();
    // Nobody watches what this waits for: it is only late.
    Poller::new().unwrap().wait(&[], Some(Duration::from_millis(30))).unwrap();
    let mut batch = ReceiveBatch::default();
    receiver.receive(&mut batch).unwrap();
    let times: Vec<_> = batch.arrivals().map(|arrival| (arrival.at, arrival.path.local)).collect();
    assert_eq!(times.len(), 6);
    assert!(times.iter().all(|(_, local)| *local == receiver.local().ip()));
    times.iter().all(|(at, _)| at.is_some_and(|at| before <= at && at <= sent))
}

#[test]
fn a_socket_can_tell_when_the_kernel_had_a_datagram_however_late_it_is_read() {
    for ip in ["127.0.0.1", "[::1]"] {
        let (mut sender, mut receiver) = (bind(&format!("{ip}:0")), bind(&format!("{ip}:0")));
        receiver.tell_times().unwrap();
        // The kernel begins to take times a moment after the first socket has asked for them.
        let told = (0..50).any(|_| kernel_told_when(&mut sender, &mut receiver));
        assert!(told, "{ip}");
    }
    assert!(bind("[::]:0").tell_times().is_err(), "it must tell to which address a datagram came");
}
