//! Small ordered maps and sets: a sorted list each. The standard library's trees are compiled
//! anew for every pair of types and weigh kilobytes each time, which a WebAssembly module
//! cannot afford; the maps of documents have a handful of entries.

use alloc::string::String;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::ops::Index;

use super::diag::{Diagnostic, Path};
use super::json::{Print, Value, Writer};
use super::record::{Scan, members};

/// A map in the order of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map<K, V>(Vec<(K, V)>);

/// A set in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set<K>(Map<K, ()>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> Map<K, V> {
    /// Creates a map without entries.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns the number of entries.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is no entry.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Walks keys and values in the order of the keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + Clone {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Walks the keys in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + Clone {
        self.0.iter().map(|(key, _)| key)
    }

    /// Walks the values in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.0.iter().map(|(_, value)| value)
    }

    /// Finds the place of a key, or the one where it belongs.
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(own, _)| own.borrow().cmp(key))
    }

    /// Returns the value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let entry = self.0.get(self.place(key).ok()?)?;
        Some(&entry.1)
    }

    /// Returns the value of a key, to change it.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        let entry = self.0.get_mut(place)?;
        Some(&mut entry.1)
    }

    /// Tells whether there is a key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_ok()
    }

    /// Removes a key; returns its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        Some(self.0.remove(place).1)
    }
}

impl<K: Ord, V> Map<K, V> {
    /// Gives a key a value; returns the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(place) => {
                let entry = self.0.get_mut(place)?;
                Some(core::mem::replace(&mut entry.1, value))
            }
            Err(place) => {
                self.0.insert(place, (key, value));
                None
            }
        }
    }

    /// Returns the value of a key, which gets one if it has none.
    pub fn or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let place = match self.place(&key) {
            Ok(place) => place,
            Err(place) => {
                self.0.insert(place, (key, make()));
                place
            }
        };
        #[expect(
            clippy::indexing_slicing,
            reason = "it is there, or has just been put there"
        )]
        let entry = &mut self.0[place];
        &mut entry.1
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        map.extend(entries);
        map
    }
}

impl<K: Ord, V> Extend<(K, V)> for Map<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for Map<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K, V> IntoIterator for Map<K, V> {
    type Item = (K, V);
    type IntoIter = alloc::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'m, K, V> IntoIterator for &'m Map<K, V> {
    type Item = (&'m K, &'m V);
    type IntoIter = core::iter::Map<core::slice::Iter<'m, (K, V)>, fn(&'m (K, V)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl<K: Borrow<Q>, Q: Ord + ?Sized, V> Index<&Q> for Map<K, V> {
    type Output = V;

    /// Returns the value of a key.
    ///
    /// # Panics
    /// There is no such key.
    #[expect(clippy::expect_used, reason = "indexing promises that there is one")]
    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("a key of the map")
    }
}

impl<'a, T: Scan<'a>> Scan<'a> for Map<String, T> {
    fn scan(value: &Value<'a>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        let mut map = Self::new();
        for (key, item) in members(value, at)?.iter() {
            map.insert(String::from(key), T::scan(item, &at.field(key))?);
        }
        Ok(map)
    }
}

impl<T: Print> Print for Map<String, T> {
    fn print(&self, out: &mut Writer) {
        out.begin_object();
        for (key, item) in self {
            out.field(key, item);
        }
        out.end_object();
    }
}

impl<K> Default for Set<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Set<K> {
    /// Creates an empty set.
    pub const fn new() -> Self {
        Self(Map::new())
    }

    /// Tells whether something is in it.
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// Walks it in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &K> + Clone {
        self.0.keys()
    }
}

impl<K: Ord> Set<K> {
    /// Adds something; tells whether it was new.
    pub fn insert(&mut self, key: K) -> bool {
        self.0.insert(key, ()).is_none()
    }
}

impl<K: Ord> FromIterator<K> for Set<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut set = Self::new();
        set.extend(keys);
        set
    }
}

impl<K: Ord> Extend<K> for Set<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        for key in keys {
            self.insert(key);
        }
    }
}

impl<K> IntoIterator for Set<K> {
    type Item = K;
    type IntoIter = core::iter::Map<alloc::vec::IntoIter<(K, ())>, fn((K, ())) -> K>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.0.into_iter().map(|(key, ())| key)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::{Map, Set};

    #[test]
    fn entries_stand_in_the_order_of_their_keys() {
        let mut map = Map::from([(String::from("b"), 2), (String::from("a"), 1)]);
        assert_eq!(map.insert("c".into(), 3), None);
        assert_eq!(map.insert("a".into(), 4), Some(1));
        *map.or_insert_with("d".into(), || 5) += 1;
        let entries: Vec<_> = map.iter().map(|(key, value)| (&**key, *value)).collect();
        assert_eq!(entries, [("a", 4), ("b", 2), ("c", 3), ("d", 6)]);
        assert_eq!((map.get("b"), map.get("x")), (Some(&2), None));
        assert_eq!((map.remove("b"), map.len()), (Some(2), 3));
    }

    #[test]
    fn a_set_has_everything_once() {
        let mut set: Set<&str> = ["b", "a", "b"].into_iter().collect();
        assert!(!set.insert("a"));
        assert_eq!(set.iter().copied().collect::<Vec<_>>(), ["a", "b"]);
    }
}
