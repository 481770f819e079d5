//! A thread that carries many people: their sockets, their deadlines, and what they count.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use parlor_media::udp::ReceiveBatch;

use crate::alarm::Alarm;
use crate::outbox::Outbox;
use crate::person::{Newcomer, Person};
use crate::tally::Tally;
use crate::transport::Transport;

/// Events taken from the kernel at once.
const EVENTS: usize = 1024;
const WAKE: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);
/// Who leaves waits so long for the server's word: a socket that is closed before is reset, and the leave lost with it.
const LEAVING: Duration = Duration::from_secs(1);
/// Longest wait, so that a clock that jumps does no harm.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// What a worker is told.
pub enum Order {
    /// Somebody has joined; their media begins.
    Enter(Box<(Newcomer, Transport)>),
    /// Somebody leaves.
    Leave(u32),
    /// So many of the people, from the first, speak; the others are silent.
    Speak(u32),
    /// Cameras make pictures, or none, also those of who joins later.
    Film(bool),
    /// Tell what was counted since the last time.
    Tell(Sender<Told>),
    /// Everybody leaves.
    End,
}

/// What a worker tells.
pub struct Told {
    /// What its people counted.
    pub tally: Tally,
    /// How many are connected.
    pub connected: usize,
    /// How many of them are to see or hear others, and get nothing.
    pub starved: usize,
    /// How long its thread has been busy since the last time, and how long that is ago.
    pub busy: Duration,
    /// See `busy`.
    pub elapsed: Duration,
    /// The cipher of somebody's media.
    pub cipher: Option<String>,
}

/// Another thread's handle of a worker.
pub struct Worker {
    orders: Sender<Order>,
    waker: Waker,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Worker {
    /// Starts a thread. Who only receives is read from once every `read_every`, if that is given, and else whenever something comes.
    ///
    /// # Errors
    /// When the system gives none, or no poller.
    pub fn start(number: usize, read_every: Option<Duration>) -> io::Result<Worker> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let alarm = Alarm::new()?;
        poll.registry().register(&mut SourceFd(&alarm.as_raw_fd()), ALARM, Interest::READABLE)?;
        let (orders, heard) = channel();
        let thread = thread::Builder::new().name(format!("load-{number}")).spawn(move || {
            Carrier { read_every, ..Carrier::new(poll, alarm, heard) }.run();
        })?;
        Ok(Worker { orders, waker, thread: Mutex::new(Some(thread)) })
    }

    /// Tells it something. One that is gone has nobody left to tell.
    pub fn order(&self, order: Order) {
        let _gone = self.orders.send(order);
        let _gone = self.waker.wake();
    }

    /// Waits until it is gone, after [`Order::End`].
    pub fn join(&self) {
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        // One that panicked has said so.
        let _panicked = thread.map(thread::JoinHandle::join);
    }
}

/// Somebody and what carries their media.
struct Place {
    person: Person,
    transport: Transport,
    /// The deadline for which there is an entry on the heap.
    due: Instant,
    /// When their socket is read next; none: when something comes.
    read_at: Option<Instant>,
    /// They have left, and wait until then at most to hear that the server knows.
    left_until: Option<Instant>,
}

impl Place {
    fn deadline(&self) -> Instant {
        let deadline = self.person.deadline();
        self.read_at.map_or(deadline, |at| at.min(deadline))
    }
}

struct Carrier {
    poll: Poll,
    alarm: Alarm,
    orders: Receiver<Order>,
    places: Vec<Option<Place>>,
    free: Vec<usize>,
    deadlines: BinaryHeap<Reverse<(Instant, usize)>>,
    batch: ReceiveBatch,
    outbox: Outbox,
    tally: Tally,
    busy: Duration,
    since: Instant,
    /// Those who were told to leave before their join was done.
    left_early: Vec<u32>,
    read_every: Option<Duration>,
    start: Instant,
    films: bool,
    ends: bool,
}

impl Carrier {
    fn new(poll: Poll, alarm: Alarm, orders: Receiver<Order>) -> Carrier {
        Carrier {
            poll,
            alarm,
            orders,
            places: Vec::new(),
            free: Vec::new(),
            deadlines: BinaryHeap::new(),
            batch: ReceiveBatch::default(),
            outbox: Outbox::default(),
            tally: Tally::default(),
            busy: Duration::ZERO,
            since: Instant::now(),
            left_early: Vec::new(),
            read_every: None,
            start: Instant::now(),
            films: true,
            ends: false,
        }
    }

    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        while !self.ends || self.places.iter().any(Option::is_some) {
            let next = self.deadlines.peek().map(|Reverse((at, _))| *at);
            let now = Instant::now();
            let wait = next.map_or(LONGEST_WAIT, |at| at.saturating_duration_since(now));
            // Without the alarm it is late by a millisecond, and a poller that is interrupted is asked again.
            let _late = self.alarm.set(wait);
            let longest = if wait.is_zero() { wait } else { LONGEST_WAIT };
            let _interrupted = self.poll.poll(&mut events, Some(longest));
            let begun = Instant::now();
            for event in &events {
                match event.token() {
                    WAKE => self.take_orders(),
                    ALARM => {} // what is due is done below
                    Token(token) if token % 2 == 0 => self.receive(token / 2),
                    Token(token) => self.hear(token / 2),
                }
            }
            self.act();
            self.busy += begun.elapsed();
        }
    }

    fn take_orders(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Enter(newcomer) => self.enter(*newcomer),
                Order::Leave(seat) => {
                    let is_it = |place: &Option<Place>| {
                        place
                            .as_ref()
                            .is_some_and(|it| it.person.seat == seat && it.left_until.is_none())
                    };
                    match self.places.iter().position(is_it) {
                        Some(at) => self.leave(at),
                        None => self.left_early.push(seat),
                    }
                    self.tally.left += 1;
                }
                Order::Speak(speakers) => {
                    for Place { person, .. } in self.places.iter_mut().flatten() {
                        person.speak(person.seat < speakers);
                    }
                }
                Order::Film(films) => {
                    self.films = films;
                    for Place { person, .. } in self.places.iter_mut().flatten() {
                        person.film(films);
                    }
                }
                Order::Tell(answer) => {
                    let told = self.tell();
                    let _gone = answer.send(told);
                }
                Order::End => {
                    (0..self.places.len()).for_each(|at| self.leave(at));
                    self.ends = true;
                }
            }
        }
    }

    fn tell(&mut self) -> Told {
        let now = Instant::now();
        for Place { person, .. } in self.places.iter_mut().flatten() {
            person.look(now, &mut self.tally);
        }
        let elapsed = now - std::mem::replace(&mut self.since, now);
        let people = self.places.iter().flatten().filter(|place| place.left_until.is_none());
        let cipher = people.clone().find_map(|place| place.person.profile());
        Told {
            tally: std::mem::take(&mut self.tally),
            connected: people.clone().filter(|place| place.person.is_connected()).count(),
            starved: people.filter(|place| place.person.is_starved(now)).count(),
            busy: std::mem::take(&mut self.busy),
            elapsed,
            cipher: cipher.map(|profile| format!("{profile:?}")),
        }
    }

    fn enter(&mut self, (newcomer, transport): (Newcomer, Transport)) {
        let now = Instant::now();
        let at = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        let seat = newcomer.seat;
        let mut person = Person::new(now, newcomer, &mut self.tally);
        if !self.films {
            person.film(false);
        }
        let registry = self.poll.registry();
        let media = transport.as_raw_fd();
        let channel = person.channel().stream().as_raw_fd();
        let interest = match transport.is_stream() {
            true => Interest::READABLE | Interest::WRITABLE,
            false => Interest::READABLE,
        };
        let registered =
            registry.register(&mut SourceFd(&media), Token(2 * at), interest).and_then(|()| {
                registry.register(&mut SourceFd(&channel), Token(2 * at + 1), Interest::READABLE)
            });
        if let Err(error) = registered {
            self.tally.failures.push(format!("a socket cannot be polled: {error}"));
            self.free.push(at);
            return;
        }
        if let Some(place) = self.places.get_mut(at) {
            *place = Some(Place { person, transport, due: now, read_at: None, left_until: None });
        }
        self.deadlines.push(Reverse((now, at)));
        // What came before it was polled makes no event.
        self.hear(at);
        self.receive(at);
        // Their join was under way when they, or all, were told to leave.
        let left = self.left_early.iter().position(|early| *early == seat);
        if left.map(|early| self.left_early.swap_remove(early)).is_some() || self.ends {
            self.leave(at);
        }
    }

    fn leave(&mut self, at: usize) {
        let Some(place) = self.places.get_mut(at).and_then(Option::as_mut) else { return };
        if place.left_until.is_some() {
            return;
        }
        let now = Instant::now();
        place.person.look(now, &mut self.tally);
        place.person.leave(now, &mut self.outbox);
        place.transport.send(&mut self.outbox);
        place.transport.close();
        place.left_until = Some(now + LEAVING);
        place.due = now + LEAVING;
        self.deadlines.push(Reverse((place.due, at)));
    }

    /// Forgets somebody. Closing the sockets takes them out of the poller.
    fn remove(&mut self, at: usize) {
        if self.places.get_mut(at).and_then(Option::take).is_some() {
            self.free.push(at);
        }
    }

    fn receive(&mut self, at: usize) {
        let Carrier { places, batch, outbox, tally, .. } = self;
        let Some(place) = places.get_mut(at).and_then(Option::as_mut) else { return };
        let Place { person, transport, left_until, .. } = place;
        let mut has_more = true;
        let mut result = Ok(());
        while has_more && result.is_ok() {
            let received = transport.receive(batch, |now, incoming| {
                if left_until.is_none() && result.is_ok() {
                    result = person.handle_datagram(now, incoming, outbox, tally);
                }
            });
            has_more = match received {
                Ok(has_more) => has_more,
                Err(error) => {
                    result = Err(format!("media can travel no more: {error}"));
                    break;
                }
            };
        }
        transport.send(outbox);
        if let Some(every) = self.read_every
            && place.read_at.is_none()
            && place.person.only_receives()
            && self.poll.registry().deregister(&mut SourceFd(&place.transport.as_raw_fd())).is_ok()
        {
            place.read_at = Some(tick_after(self.start, Instant::now(), every));
        }
        self.follow(at, result);
    }

    fn hear(&mut self, at: usize) {
        let Some(place) = self.places.get_mut(at).and_then(Option::as_mut) else { return };
        let result = place.person.hear_channel(Instant::now());
        self.follow(at, result);
    }

    fn act(&mut self) {
        let now = Instant::now();
        while let Some(&Reverse((due, at))) = self.deadlines.peek()
            && due <= now
        {
            self.deadlines.pop();
            let Carrier { places, outbox, tally, .. } = self;
            let Some(place) = places.get_mut(at).and_then(Option::as_mut) else { continue };
            if place.due != due {
                continue; // a later entry has taken its place
            }
            if place.left_until.is_some() {
                self.remove(at);
                continue;
            }
            // Others may have taken long, and what is sent says when.
            let now = Instant::now();
            let result = place.person.act(now, outbox, tally);
            place.transport.send(outbox);
            let reads = place.read_at.is_some_and(|at| at <= now);
            if reads {
                place.read_at = self.read_every.map(|every| tick_after(self.start, now, every));
            }
            place.due = place.deadline().max(now + Duration::from_micros(1));
            self.deadlines.push(Reverse((place.due, at)));
            self.follow(at, result);
            if reads {
                self.receive(at);
            }
        }
    }

    /// Ends who cannot go on, and keeps an eye on when the others have something to do.
    fn follow(&mut self, at: usize, result: Result<(), String>) {
        let Some(place) = self.places.get_mut(at).and_then(Option::as_mut) else { return };
        if let Err(reason) = result {
            if place.left_until.is_none() {
                self.tally.failures.push(reason);
            }
            self.remove(at);
            return;
        }
        if place.left_until.is_some() {
            return;
        }
        let deadline = place.deadline();
        if deadline < place.due {
            place.due = deadline;
            self.deadlines.push(Reverse((deadline, at)));
        }
    }
}

/// The next of the times at which everybody is read: all at once, so that the thread wakes once.
fn tick_after(start: Instant, now: Instant, every: Duration) -> Instant {
    let ticks = now.saturating_duration_since(start).as_micros() / every.as_micros().max(1);
    start + every.saturating_mul(ticks as u32 + 1)
}
