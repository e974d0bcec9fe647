//! The tree as readers may see it: sled's tree, less what is applied but not yet durable.
//!
//! sled shows a batch before it is on the disk. The writer therefore files the values from
//! before its group here ahead of applying it, and takes them away once the group is durable.
//! A reader holds the lock for the length of one look-up, so it sees either no group at all or
//! one that is wholly masked; nobody waits for the disk's sync.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::{RwLock, RwLockReadGuard};
use sled::{Db, IVec};

use crate::api::StoreError;
use crate::backup::Tap;
use crate::keys::{self, Key};

/// Longer records are cut into pieces of this size: sled writes a leaf of its tree (up to some
/// twenty entries) as one, and would put what is larger than 128 kB into a file that it does
/// not sync.
pub(crate) const PIECE: usize = 4 * 1024;

/// What a group does to one key.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// The value before the group.
    pub before: Option<IVec>,
    /// The value that the group leaves.
    pub after: Option<IVec>,
}

/// What a group does, by key.
pub(crate) type Changes = BTreeMap<Key, Change>;

struct State {
    tree: Result<Db, String>,
    unsettled: Changes,
    /// Where a backup under way gets what becomes durable.
    tap: Option<Arc<Tap>>,
}

/// The tree, replaceable, and the mask over it.
pub(crate) struct Table(RwLock<State>);

/// The order of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the first key on.
    Ascending,
    /// From the last key back.
    Descending,
}

impl Table {
    pub(crate) fn new(tree: Db) -> Self {
        Self(RwLock::new(State { tree: Ok(tree), unsettled: Changes::new(), tap: None }))
    }

    /// Looks at what is durable now. Not to be held beyond a look-up: the writer waits for it.
    pub(crate) fn view(&self) -> Result<View<'_>, StoreError> {
        let state = self.0.read();
        match &state.tree {
            Ok(_) => Ok(View(state)),
            Err(reason) => Err(StoreError::Unavailable(reason.clone())),
        }
    }

    /// The tree itself, for the writer.
    pub(crate) fn tree(&self) -> Result<Db, StoreError> {
        self.0.read().tree.clone().map_err(StoreError::Unavailable)
    }

    /// Masks what the writer is about to apply.
    pub(crate) fn mask(&self, changes: Changes) {
        self.0.write().unsettled = changes;
    }

    /// What was masked is durable: readers see it, and a backup under way gets it at the same
    /// moment.
    pub(crate) fn unmask(&self) {
        let mut state = self.0.write();
        let settled = std::mem::take(&mut state.unsettled);
        if let Some(tap) = &state.tap {
            tap.log(settled);
        } else {
            drop(state);
            drop(settled);
        }
    }

    /// From here on everything that becomes durable goes into `tap`. False if there is one.
    pub(crate) fn attach(&self, tap: &Arc<Tap>) -> bool {
        let mut state = self.0.write();
        let is_free = state.tap.is_none();
        if is_free {
            state.tap = Some(Arc::clone(tap));
        }
        is_free
    }

    /// Ends that between two groups. False if it has ended before: if the tree was taken away.
    pub(crate) fn detach(&self, tap: &Arc<Tap>) -> bool {
        let mut state = self.0.write();
        let is_on = state.tap.as_ref().is_some_and(|on| Arc::ptr_eq(on, tap));
        if is_on {
            state.tap = None;
        }
        is_on
    }

    /// Takes the tree away: every look-up is refused for this reason. The mask stays. What a
    /// group under way has left is not known, so a backup cannot go on.
    pub(crate) fn take_away(&self, reason: &str) {
        let mut state = self.0.write();
        state.tap = None;
        let tree = std::mem::replace(&mut state.tree, Err(reason.to_owned()));
        drop(state);
        drop(tree);
    }

    /// Gives a newly opened tree, all of which is durable.
    pub(crate) fn replace(&self, tree: Db) {
        let mut state = self.0.write();
        state.tree = Ok(tree);
        state.unsettled.clear();
    }
}

/// What is durable, for the length of a look-up.
pub(crate) struct View<'a>(RwLockReadGuard<'a, State>);

impl View<'_> {
    fn tree(&self) -> Result<&Db, StoreError> {
        self.0.tree.as_ref().map_err(|reason| StoreError::Unavailable(reason.clone()))
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        match self.0.unsettled.get(key) {
            Some(change) => Ok(change.before.clone()),
            None => self.tree()?.get(key).map_err(unavailable),
        }
    }

    /// The record under a key, put together of its pieces.
    pub(crate) fn record(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        self.get(key)?.map(|head| self.assemble(key, &head)).transpose()
    }

    fn assemble(&self, key: &[u8], head: &IVec) -> Result<IVec, StoreError> {
        let damaged = || StoreError::Inconsistent { key: keys::in_words(key) };
        let (&more, first) = head.split_last().ok_or_else(damaged)?;
        if more == 0 {
            return Ok(head.subslice(0, head.len() - 1));
        }
        let mut record = first.to_vec();
        for number in 1..=more {
            record.extend_from_slice(&self.get(&keys::continuation(key, number))?.ok_or_else(damaged)?);
        }
        Ok(IVec::from(record))
    }

    /// The entries from `first` to `last`, both included, at most `limit`.
    pub(crate) fn range(
        &self,
        first: &[u8],
        last: &[u8],
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(IVec, IVec)>, StoreError> {
        if first > last {
            return Ok(Vec::new());
        }
        let mut entries = self.settled(first, last, direction, limit)?;
        let masked = self.0.unsettled.range::<[u8], _>((Bound::Included(first), Bound::Included(last)));
        let masked = masked.filter_map(|(key, change)| Some((key.clone(), change.before.clone()?)));
        let untouched = entries.len();
        entries.extend(masked);
        if entries.len() > untouched {
            entries.sort_unstable_by(|(a, _), (b, _)| match direction {
                Direction::Ascending => a.cmp(b),
                Direction::Descending => b.cmp(a),
            });
        }
        entries.truncate(limit);
        Ok(entries)
    }

    /// The entries of the tree that no group is changing.
    fn settled(
        &self,
        first: &[u8],
        last: &[u8],
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(IVec, IVec)>, StoreError> {
        let mut range = self.tree()?.range::<&[u8], _>(first..=last);
        let mut entries = Vec::new();
        while entries.len() < limit {
            let next = match direction {
                Direction::Ascending => range.next(),
                Direction::Descending => range.next_back(),
            };
            let Some(entry) = next else { break };
            let (key, value) = entry.map_err(unavailable)?;
            if !self.0.unsettled.contains_key(key.as_ref()) {
                entries.push((key, value));
            }
        }
        Ok(entries)
    }
}

/// How many entries a scan reads in one look-up.
const SCAN: usize = 256;

/// Hands every entry under `prefix` to `each`, in order. Each look-up is short, and none is
/// under way while `each` runs; what changes between two of them is seen or not.
pub(crate) fn scan(table: &Table, prefix: &[u8], mut each: impl FnMut(&IVec, &IVec)) -> Result<(), StoreError> {
    let last = keys::last_under(prefix);
    let mut first = prefix.to_vec();
    loop {
        let entries = table.view()?.range(&first, &last, Direction::Ascending, SCAN)?;
        entries.iter().for_each(|(key, value)| each(key, value));
        match entries.last() {
            Some((key, _)) if entries.len() == SCAN => {
                first = key.to_vec();
                first.push(0);
            }
            _ => return Ok(()),
        }
    }
}

/// A record as it is written: its first piece, which ends in how many follow, and those with their
/// numbers.
pub(crate) fn cut(value: &[u8]) -> (Vec<u8>, impl Iterator<Item = (u8, &[u8])>) {
    let (first, rest) = value.split_at(value.len().min(PIECE));
    let pieces = rest.chunks(PIECE);
    let mut head = Vec::with_capacity(first.len() + 1);
    head.extend_from_slice(first);
    // The largest record has far fewer pieces than a byte can count.
    head.push(u8::try_from(pieces.len()).unwrap_or(u8::MAX));
    (head, (1..=u8::MAX).zip(pieces))
}

/// What sled says of its disk.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn unavailable(error: sled::Error) -> StoreError {
    StoreError::Unavailable(format!("sled: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(entries: &[(IVec, IVec)]) -> Vec<&[u8]> {
        entries.iter().map(|(key, _)| key.as_ref()).collect()
    }

    #[test]
    fn readers_see_a_group_only_once_it_is_settled() {
        let tree = sled::Config::new().temporary(true).open().unwrap();
        for (key, value) in [(b"a", b"1"), (b"c", b"1"), (b"e", b"1")] {
            tree.insert(key, value).unwrap();
        }
        let table = Table::new(tree.clone());
        let value = |text: &[u8]| Some(IVec::from(text));
        let changes = Changes::from([
            (IVec::from(b"a"), Change { before: value(b"1"), after: None }),
            (IVec::from(b"b"), Change { before: None, after: value(b"2") }),
            (IVec::from(b"c"), Change { before: value(b"1"), after: value(b"2") }),
        ]);
        table.mask(changes);
        tree.remove(b"a").unwrap();
        tree.insert(b"b", b"2").unwrap();
        tree.insert(b"c", b"2").unwrap();

        let range = |direction, limit| table.view().unwrap().range(b"a", b"z", direction, limit).unwrap();
        let get = |key: &[u8]| table.view().unwrap().get(key).unwrap();
        assert_eq!((get(b"a"), get(b"b"), get(b"c"), get(b"e")), (value(b"1"), None, value(b"1"), value(b"1")));
        assert_eq!(keys(&range(Direction::Ascending, 9)), [b"a", b"c", b"e"]);
        assert_eq!(keys(&range(Direction::Descending, 2)), [b"e", b"c"]);
        assert_eq!(keys(&range(Direction::Ascending, 1)), [b"a"]);
        assert_eq!(range(Direction::Descending, 9)[1].1, b"1");

        table.unmask();
        assert_eq!((get(b"a"), get(b"b"), get(b"c")), (None, value(b"2"), value(b"2")));
        assert_eq!(keys(&range(Direction::Descending, 9)), [b"e", b"c", b"b"]);

        table.take_away("it is gone");
        assert_eq!(table.view().err(), Some(StoreError::Unavailable("it is gone".to_owned())));
        table.replace(tree);
        assert_eq!(keys(&range(Direction::Ascending, 9)), [b"b", b"c", b"e"]);
    }

    #[test]
    fn a_scan_meets_every_entry_once_over_many_look_ups() {
        let tree = sled::Config::new().temporary(true).open().unwrap();
        for number in 0..1000_u16 {
            tree.insert([b"k".as_slice(), &number.to_be_bytes()].concat(), b"").unwrap();
        }
        tree.insert(b"l", b"").unwrap();
        let mut seen = 0_u16;
        scan(&Table::new(tree), b"k", |key, _| {
            assert_eq!(key[1..], seen.to_be_bytes());
            seen += 1;
        })
        .unwrap();
        assert_eq!(seen, 1000);
    }
}
