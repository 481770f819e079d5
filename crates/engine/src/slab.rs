//! A table of values at fixed places, each named by a key that no later value at that place has.

use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;

/// Most values one table holds: a key's index travels as 24 bits in a local username.
pub(crate) const MAX_ENTRIES: usize = 1 << 24;

/// The place of a `T` in its table, and which of the values that were there it is.
pub(crate) struct Key<T> {
    /// The place, below [`MAX_ENTRIES`].
    pub(crate) index: u32,
    /// Counts the values that have been at that place; wraps.
    pub(crate) generation: u16,
    names: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    pub(crate) const fn new(index: u32, generation: u16) -> Self {
        Key { index, generation, names: PhantomData }
    }
}

// Derives would ask the same of `T`, of which a key holds none.
impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Key<T> {}

impl<T> PartialOrd for Key<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Key<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.index, self.generation).cmp(&(other.index, other.generation))
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

#[derive(Debug)]
struct Place<T> {
    generation: u16,
    value: Option<T>,
}

/// Values in a `Vec` with their keys; taking one out frees its place for a later one.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Slab { places: Vec::new(), free: Vec::new() }
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// The key that the next value will have; `None` when the table is full.
    pub(crate) fn vacant_key(&self) -> Option<Key<T>> {
        match self.free.last() {
            Some(&index) => {
                let generation = self.places.get(index as usize)?.generation;
                Some(Key::new(index, generation))
            }
            None if self.places.len() < MAX_ENTRIES => Some(Key::new(self.places.len() as u32, 0)),
            None => None,
        }
    }

    /// Puts a value in; `None`, and the value is gone, when the table is full.
    pub(crate) fn insert(&mut self, value: T) -> Option<Key<T>> {
        let key = self.vacant_key()?;
        match self.free.pop() {
            Some(index) => self.places.get_mut(index as usize)?.value = Some(value),
            None => self.places.push(Place { generation: 0, value: Some(value) }),
        }
        Some(key)
    }

    /// Takes the value out.
    pub(crate) fn remove(&mut self, key: Key<T>) -> Option<T> {
        let place = self.place_mut(key)?;
        let value = place.value.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(key.index);
        Some(value)
    }

    pub(crate) fn get(&self, key: Key<T>) -> Option<&T> {
        let place = self.places.get(key.index as usize)?;
        if place.generation == key.generation { place.value.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        self.place_mut(key)?.value.as_mut()
    }

    /// Every value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|place| place.value.as_ref())
    }

    /// The same, to change it.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().filter_map(|place| place.value.as_mut())
    }

    /// The key of the value that is at a place now.
    pub(crate) fn key_at(&self, index: u32) -> Option<Key<T>> {
        let place = self.places.get(index as usize)?;
        place.value.as_ref()?;
        Some(Key::new(index, place.generation))
    }

    fn place_mut(&mut self, key: Key<T>) -> Option<&mut Place<T>> {
        let place = self.places.get_mut(key.index as usize)?;
        (place.generation == key.generation).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_name_the_value_that_came_after() {
        let mut slab = Slab::new();
        let first = slab.insert("first").unwrap();
        assert_eq!(slab.remove(first), Some("first"));
        assert_eq!(slab.key_at(first.index), None);
        let second = slab.insert("second").unwrap();
        assert_eq!(first.index, second.index);
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&"second"));
        assert_eq!(slab.key_at(0), Some(second));
    }

    #[test]
    fn the_table_is_empty_when_everything_was_taken_out() {
        let mut slab = Slab::new();
        let keys: Vec<_> = (0..10).map(|i| slab.insert(i).unwrap()).collect();
        assert_eq!(slab.len(), 10);
        for key in keys {
            slab.remove(key);
        }
        assert_eq!(slab.len(), 0);
    }

    #[test]
    fn the_vacant_key_is_the_one_that_the_next_value_has() {
        let mut slab = Slab::new();
        for round in 0..4 {
            let expected = slab.vacant_key();
            let key = slab.insert(round);
            assert_eq!(key, expected);
            if round % 2 == 0 {
                slab.remove(key.unwrap());
            }
        }
    }
}
