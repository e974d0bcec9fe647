//! The queue between the writer and a backup: groups that have become durable, in order.

use parking_lot::Mutex;

use super::BackupError;
use crate::table::{Change, Changes};

/// The most that waits for a backup, in bytes. The writer never waits: beyond this the backup
/// fails.
const LIMIT: usize = 64 * 1024 * 1024;

/// Groups that wait to be taken into a backup.
#[derive(Default)]
pub(crate) struct Tap(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    groups: Vec<Changes>,
    bytes: usize,
    overflowed: bool,
}

impl Tap {
    /// Takes what a group has changed.
    pub(crate) fn log(&self, settled: Changes) {
        let mut queue = self.0.lock();
        if queue.overflowed {
            return;
        }
        queue.bytes += settled.iter().map(|(key, change)| key.len() + size(change)).sum::<usize>();
        if queue.bytes <= LIMIT {
            queue.groups.push(settled);
        } else {
            *queue = Queue { overflowed: true, ..Queue::default() };
        }
    }

    /// The groups that wait, oldest first.
    ///
    /// # Errors
    /// [`BackupError::Behind`] if some had to be let go.
    pub(super) fn drain(&self) -> Result<Vec<Changes>, BackupError> {
        let mut queue = self.0.lock();
        if queue.overflowed {
            return Err(BackupError::Behind);
        }
        queue.bytes = 0;
        Ok(std::mem::take(&mut queue.groups))
    }
}

/// What a change keeps in memory, about.
fn size(change: &Change) -> usize {
    let length = |value: &Option<sled::IVec>| value.as_ref().map_or(0, |value| value.len());
    size_of::<Change>() + length(&change.before) + length(&change.after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(bytes: usize) -> Changes {
        Changes::from([(sled::IVec::from(b"k"), Change { before: None, after: Some(vec![0; bytes].into()) })])
    }

    #[test]
    fn a_backup_that_cannot_keep_up_fails_and_holds_nothing() {
        let tap = Tap::default();
        tap.log(group(LIMIT / 2));
        assert_eq!(tap.drain().unwrap().len(), 1);
        tap.log(group(LIMIT / 2));
        tap.log(group(LIMIT / 2));
        assert!(matches!(tap.drain(), Err(BackupError::Behind)));
        tap.log(group(1));
        assert!(matches!(tap.drain(), Err(BackupError::Behind)));
        assert_eq!(tap.0.lock().groups.len(), 0);
    }
}
