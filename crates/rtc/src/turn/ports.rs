//! The ports of relayed addresses: each is of one allocation.

/// The first port that relayed addresses have (RFC 8656 section 7.2: the dynamic ones).
pub(super) const FIRST_PORT: u16 = 49_152;

/// How many there are.
const PORTS: usize = 1 << 14;

/// A set of ports.
#[derive(Debug)]
struct PortSet {
    words: Box<[u64; PORTS / 64]>,
}

impl PortSet {
    fn new() -> PortSet {
        PortSet { words: Box::new([0; PORTS / 64]) }
    }

    fn word(&mut self, port: u16) -> Option<(&mut u64, u64)> {
        let at = usize::from(port.checked_sub(FIRST_PORT)?);
        Some((self.words.get_mut(at / 64)?, 1 << (at % 64)))
    }

    fn insert(&mut self, port: u16) {
        if let Some((word, bit)) = self.word(port) {
            *word |= bit;
        }
    }

    fn remove(&mut self, port: u16) {
        if let Some((word, bit)) = self.word(port) {
            *word &= !bit;
        }
    }

    fn contains(&self, port: u16) -> bool {
        let at = port.checked_sub(FIRST_PORT).map(usize::from);
        let word = at.and_then(|at| Some((self.words.get(at / 64)?, at % 64)));
        word.is_some_and(|(word, bit)| word >> bit & 1 == 1)
    }

    fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// Which ports are in use. Each media thread gives out those of its own share, so that no two allocations
/// have the same address; a reserved one may be asked for on another thread than the one that reserved it.
#[derive(Debug)]
pub(super) struct Ports {
    taken: PortSet,
    reserved: PortSet,
    /// The first port of this share, an even one, and how many it has.
    first: u16,
    share: u16,
    /// Where to look next. Ports come in turn, so that an address that was given up is not
    /// soon another's.
    next: u16,
}

impl Ports {
    /// The share of thread number `thread` of `threads`.
    pub(super) fn new(thread: u8, threads: u8) -> Ports {
        let share = (PORTS / usize::from(threads.max(1))) as u16 & !1;
        let first = FIRST_PORT + u16::from(thread % threads.max(1)) * share;
        Ports { taken: PortSet::new(), reserved: PortSet::new(), first, share, next: 0 }
    }

    /// Any port that is free.
    pub(super) fn take(&mut self) -> Option<u16> {
        let port = self.search(1, Self::is_free)?;
        self.taken.insert(port);
        Some(port)
    }

    /// A port that is even.
    pub(super) fn take_even(&mut self) -> Option<u16> {
        let port = self.search(2, Self::is_free)?;
        self.taken.insert(port);
        Some(port)
    }

    /// A port that is even, and reserves the one behind it.
    pub(super) fn take_pair(&mut self) -> Option<u16> {
        let port = self.search(2, |ports, port| ports.is_free(port) && ports.is_free(port + 1))?;
        self.taken.insert(port);
        self.reserved.insert(port + 1);
        Some(port)
    }

    /// The port that was reserved, if it was not taken before.
    pub(super) fn take_reserved(&mut self, port: u16) -> bool {
        let free = port >= FIRST_PORT && !self.taken.contains(port);
        if free {
            self.reserved.remove(port);
            self.taken.insert(port);
        }
        free
    }

    /// Gives a port back.
    pub(super) fn release(&mut self, port: u16) {
        self.taken.remove(port);
    }

    /// The port behind `port` is no longer reserved.
    pub(super) fn release_reserved(&mut self, port: u16) {
        self.reserved.remove(port + 1);
    }

    /// Whether an allocation has the port.
    pub(super) fn is_taken(&self, port: u16) -> bool {
        self.taken.contains(port)
    }

    /// How many ports allocations have.
    pub(super) fn taken(&self) -> usize {
        self.taken.len()
    }

    fn is_free(&self, port: u16) -> bool {
        !self.taken.contains(port) && !self.reserved.contains(port)
    }

    /// The next port at a multiple of `step` that will do.
    fn search(&mut self, step: u16, will_do: impl Fn(&Ports, u16) -> bool) -> Option<u16> {
        let start = self.next.next_multiple_of(step);
        for passed in (0..self.share).step_by(usize::from(step)) {
            let at = (start + passed) % self.share;
            let port = self.first + at;
            if will_do(self, port) {
                self.next = (at + 1) % self.share;
                return Some(port);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_of_a_share_is_given_once_and_again_when_it_is_free() {
        let mut ports = Ports::new(3, 64);
        let mut given: Vec<u16> = std::iter::from_fn(|| ports.take()).collect();
        given.sort_unstable();
        let first = FIRST_PORT + 3 * 256;
        assert_eq!(given, Vec::from_iter(first..first + 256));
        ports.release(first + 7);
        assert_eq!((ports.take(), ports.take()), (Some(first + 7), None));
    }

    #[test]
    fn the_shares_of_all_threads_are_ports_and_apart() {
        for threads in [1, 2, 3, 255] {
            let mut all = Vec::new();
            for thread in 0..threads {
                let mut ports = Ports::new(thread, threads);
                all.extend(std::iter::from_fn(|| ports.take()));
            }
            let given = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(given, all.len());
            assert!(given + 2 * usize::from(threads) >= PORTS && all[0] >= FIRST_PORT);
        }
    }

    #[test]
    fn a_reserved_port_is_kept_for_who_has_the_token() {
        let mut ports = Ports::new(0, 255);
        let even = ports.take_pair().unwrap();
        let others: Vec<u16> = std::iter::from_fn(|| ports.take()).collect();
        assert!(even.is_multiple_of(2) && !others.contains(&(even + 1)));
        assert!(ports.take_reserved(even + 1));
        assert!(!ports.take_reserved(even + 1), "twice");
        ports.release(even);
        ports.release_reserved(even);
        assert_eq!((ports.take_even(), ports.take()), (Some(even), None));
        assert!(!ports.take_reserved(80));
    }
}
