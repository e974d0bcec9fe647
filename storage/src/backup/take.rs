//! Taking a backup: the tree in short look-ups, what is written meanwhile, then the key file.

use std::path::Path;
use std::sync::Arc;

use vetd_model::Timestamp;

use super::frame::{FrameWriter, Kind, Sink, put_change};
use super::manifest::{Origin, hex};
use super::restore::in_pieces;
use super::{BackupError, Tap};
use crate::keys;
use crate::shared::Shared;
use crate::table::{Direction, Table};

/// How many entries one look-up reads.
const LOOK_UP: usize = 256;
/// Changes are put into frames of about this many bytes.
const FRAME: usize = 64 * 1024;
/// How many slots of the key file are copied at a time.
const SLOTS: u64 = 1024;
/// No key is longer.
const LONGEST_KEY: usize = 128;

impl Shared {
    /// Takes a backup, begun at `at`, and hands it to `to` piece by piece. Blocks for as long as
    /// that takes; neither the writer nor a reader waits for it.
    pub(crate) fn backup(&self, at: Timestamp, to: Sink<'_>) -> Result<(), BackupError> {
        let tapped = Tapped::begin(&self.table)?;
        let mut writer = FrameWriter::begin(to)?;
        let taken = self.take(&tapped, at, &mut writer);
        if let Err(error) = &taken {
            // If nobody is there any more to be told, that is the error already.
            let _ = writer.frame(Kind::Failed, error.to_string().as_bytes());
        }
        taken
    }

    fn take(&self, tapped: &Tapped<'_>, at: Timestamp, writer: &mut FrameWriter<'_>) -> Result<(), BackupError> {
        let seen = take_tree(tapped, LOOK_UP, FRAME, writer)?;
        self.slots.copy(SLOTS, |piece| writer.frame(Kind::Keys, piece))?;
        for (name, path) in self.shelf.files().map_err(BackupError::io("looking into", &self.folder))? {
            take_imported(&name, &path, writer)?;
        }
        let origin = Origin {
            vetd: env!("CARGO_PKG_VERSION").to_owned(),
            schema: seen.schema,
            created: at.seconds(),
            position: seen.position,
            changes: seen.changes,
            key_check: hex(&self.keyring.check()),
        };
        let origin = serde_json::to_vec(&origin).map_err(|error| BackupError::Refused(error.into()))?;
        writer.frame(Kind::End, &origin)
    }
}

/// A file that is replaced meanwhile is read to its end as it was; one that was removed is left out.
fn take_imported(name: &str, path: &Path, writer: &mut FrameWriter<'_>) -> Result<(), BackupError> {
    if !path.exists() {
        return Ok(());
    }
    let head = [&[u8::try_from(name.len()).unwrap_or(u8::MAX)], name.as_bytes()].concat();
    in_pieces(path, |piece| writer.frame(Kind::Imported, &[head.as_slice(), piece].concat()))
}

/// What the store says of itself at the end of the backup.
#[derive(Default)]
struct Seen {
    schema: u32,
    position: u64,
    changes: u64,
}

/// A tap that is on the table for as long as this lives.
struct Tapped<'a> {
    table: &'a Table,
    tap: Arc<Tap>,
}

impl<'a> Tapped<'a> {
    fn begin(table: &'a Table) -> Result<Self, BackupError> {
        let tap = Arc::new(Tap::default());
        if table.attach(&tap) { Ok(Self { table, tap }) } else { Err(BackupError::Busy) }
    }
}

impl Drop for Tapped<'_> {
    fn drop(&mut self) {
        self.table.detach(&self.tap);
    }
}

/// Hands over all changes; the module's documentation says why this order is right.
fn take_tree(
    tapped: &Tapped<'_>,
    look_up: usize,
    frame: usize,
    writer: &mut FrameWriter<'_>,
) -> Result<Seen, BackupError> {
    let mut list = List { writer, frame, content: Vec::new(), seen: Seen::default() };
    let (mut first, last) = (vec![0], vec![0xff; LONGEST_KEY]);
    loop {
        let entries = tapped.table.view()?.range(&first, &last, Direction::Ascending, look_up)?;
        for (key, value) in &entries {
            list.push(key, Some(value))?;
        }
        list.push_waiting(&tapped.tap)?;
        match entries.last() {
            Some((key, _)) if entries.len() == look_up => first = [key.as_ref(), &[0]].concat(),
            _ => break,
        }
    }
    // From here on nothing more is queued: the end of the backup, between two groups.
    if !tapped.table.detach(&tapped.tap) {
        return Err(BackupError::Interrupted);
    }
    list.push_waiting(&tapped.tap)?;
    list.end()
}

/// The list of changes, in the order in which they are to be applied.
struct List<'a, 'b> {
    writer: &'a mut FrameWriter<'b>,
    /// Frames are sent from this many bytes on.
    frame: usize,
    content: Vec<u8>,
    seen: Seen,
}

impl List<'_, '_> {
    fn push(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), BackupError> {
        self.seen.changes += 1;
        match (key, value) {
            (keys::META_SCHEMA, Some(value)) => self.seen.schema = value.try_into().map_or(0, u32::from_be_bytes),
            (keys::META_POSITION, Some(value)) => self.seen.position = value.try_into().map_or(0, u64::from_be_bytes),
            _ => {}
        }
        put_change(&mut self.content, key, value)?;
        if self.content.len() < self.frame { Ok(()) } else { self.send() }
    }

    fn push_waiting(&mut self, tap: &Tap) -> Result<(), BackupError> {
        for group in tap.drain()? {
            for (key, change) in &group {
                self.push(key, change.after.as_deref())?;
            }
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), BackupError> {
        self.writer.frame(Kind::Changes, &self.content)?;
        self.content.clear();
        Ok(())
    }

    fn end(mut self) -> Result<Seen, BackupError> {
        if !self.content.is_empty() {
            self.send()?;
        }
        Ok(self.seen)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use sled::IVec;

    use super::super::frame::{FrameReader, changes};
    use super::*;
    use crate::table::{Change, Changes};

    type Model = BTreeMap<Vec<u8>, Vec<u8>>;
    type Group = BTreeMap<u8, Option<u8>>;

    /// A table that is written in groups, as the writer does it.
    struct Written {
        table: Arc<Table>,
        /// The content after each group that is durable.
        durable: Vec<Model>,
        under_way: Option<Model>,
    }

    impl Written {
        fn new() -> Self {
            let tree = sled::Config::new().temporary(true).open().unwrap();
            Self { table: Arc::new(Table::new(tree)), durable: vec![Model::new()], under_way: None }
        }

        fn apply(&mut self, group: &Group) {
            let tree = self.table.tree().unwrap();
            let mut model = self.durable.last().unwrap().clone();
            let mut changes = Changes::new();
            for (key, value) in group {
                let after = value.map(|value| IVec::from(&[value]));
                changes.insert(IVec::from(&[*key]), Change { before: tree.get([*key]).unwrap(), after });
            }
            self.table.mask(changes);
            for (key, value) in group {
                if let Some(value) = value {
                    tree.insert([*key], &[*value]).unwrap();
                    model.insert(vec![*key], vec![*value]);
                } else {
                    tree.remove([*key]).unwrap();
                    model.remove([*key].as_slice());
                }
            }
            self.under_way = Some(model);
        }

        fn settle(&mut self) {
            self.table.unmask();
            self.durable.extend(self.under_way.take());
        }
    }

    fn replayed(bytes: &[u8]) -> Model {
        let (mut frames, mut model) = (FrameReader::default(), Model::new());
        frames.push(bytes);
        while let Some(frame) = frames.next().unwrap() {
            let each = |key: &[u8], value: Option<&[u8]>| match value {
                Some(value) => drop(model.insert(key.to_vec(), value.to_vec())),
                None => drop(model.remove(key)),
            };
            changes(frame.content, each).unwrap();
        }
        assert!(frames.is_between_frames());
        model
    }

    fn groups(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Group>> {
        let group = prop::collection::btree_map(1..40_u8, prop::option::weighted(0.7, any::<u8>()), 1..6);
        prop::collection::vec(group, count)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

        /// Groups are applied and become durable between the look-ups, one is under way when the
        /// backup begins: what comes out is the store as it was between two groups, none of
        /// those that were durable when it began left out.
        #[test]
        fn a_backup_is_the_store_between_two_groups(
            before in groups(0..12), during in groups(1..40), look_up in 1..7_usize,
        ) {
            let written = RefCell::new(Written::new());
            for group in &before {
                written.borrow_mut().apply(group);
                written.borrow_mut().settle();
            }
            let mut during = during.iter();
            written.borrow_mut().apply(during.next().unwrap());
            let table = Arc::clone(&written.borrow().table);
            let mut bytes = Vec::new();
            let mut sink = |piece: &[u8]| {
                let mut written = written.borrow_mut();
                if written.under_way.is_some() {
                    written.settle();
                } else if let Some(group) = during.next() {
                    written.apply(group);
                }
                bytes.extend_from_slice(piece);
                Ok(())
            };
            let tapped = Tapped::begin(&table).unwrap();
            let mut writer = FrameWriter::begin(&mut sink).unwrap();
            let seen = take_tree(&tapped, look_up, 1, &mut writer).unwrap();
            let model = replayed(&bytes);
            let allowed = &written.borrow().durable[before.len()..];
            prop_assert!(allowed.contains(&model), "{model:?} is none of {allowed:?}");
            prop_assert!(seen.changes >= model.len() as u64);
            prop_assert!(table.attach(&Arc::new(Tap::default())), "the tap is off");
        }
    }

    #[test]
    fn a_backup_ends_if_the_tree_is_taken_away_or_its_taker_goes() {
        let mut written = Written::new();
        written.apply(&(1..20).map(|key| (key, Some(key))).collect());
        written.settle();
        let table = &written.table;
        let take = |sink: &mut dyn FnMut() -> std::io::Result<()>| {
            let mut pieces = 0;
            let mut sink = |_: &[u8]| {
                pieces += 1;
                if pieces == 5 { sink() } else { Ok(()) }
            };
            let tapped = Tapped::begin(table).unwrap();
            let mut writer = FrameWriter::begin(&mut sink).unwrap();
            take_tree(&tapped, 1, 1, &mut writer).err()
        };
        let busy = take(&mut || {
            assert!(matches!(Tapped::begin(table), Err(BackupError::Busy)));
            Ok(())
        });
        assert!(busy.is_none(), "the first goes on: {busy:?}");
        let gone = take(&mut || Err(std::io::ErrorKind::BrokenPipe.into()));
        assert!(matches!(gone, Some(BackupError::Refused(_))), "{gone:?}");
        let reopened = take(&mut || {
            let tree = table.tree().unwrap();
            table.take_away("it is being reopened");
            table.replace(tree);
            Ok(())
        });
        assert!(matches!(reopened, Some(BackupError::Interrupted)), "{reopened:?}");
        assert!(take(&mut || Ok(())).is_none(), "the next one is taken");
    }
}
