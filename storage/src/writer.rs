//! The one thread that writes: it takes all commits that wait, makes one batch of them, makes it
//! durable, and only then answers.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use sled::{Batch, Db};
use tokio::sync::oneshot;
use tracing::Span;
use vetd_model::Session;

use crate::api::{CommitReceipt, StoreError};
use crate::group::Group;
use crate::meters::timed;
use crate::open::{LAST_POSITION_ABSENT, finish_erasures, open_tree, read_position};
use crate::prepare::Prepared;
use crate::shared::{Shared, WriteStage};
use crate::table::unavailable;

/// The most commits in one group.
const GROUP_COMMITS: usize = 1_024;
/// A group takes no further commit beyond this many bytes.
const GROUP_BYTES: usize = 4 * 1024 * 1024;
/// How often a store that failed is opened again before it is given up.
const REOPEN_TRIES: u32 = 5;
/// The wait before each further try.
const REOPEN_WAIT: Duration = Duration::from_millis(200);

/// How a commit ended.
pub(crate) type Outcome = Result<CommitReceipt, StoreError>;

/// What the writer is asked to do.
pub(crate) enum Request {
    /// Make this durable.
    Commit(Prepared, oneshot::Sender<Outcome>),
    /// End, after everything asked before.
    Close(oneshot::Sender<()>),
}

/// A commit taken into the group under way: what it will be answered.
struct Admitted {
    reply: oneshot::Sender<Outcome>,
    receipt: CommitReceipt,
    session: Option<Arc<Session>>,
    /// The status code that a session leaves.
    leaves: Option<u8>,
    write: Option<Span>,
}

impl Admitted {
    /// The commit is durable: readers are handed its session, and it counts.
    fn keep(&self, shared: &Shared) {
        let Some(handle) = &self.receipt.session else { return };
        shared.meters.moved(self.leaves, handle.entry.code);
        if let Some(session) = &self.session {
            shared.recent.put(Arc::clone(session), handle.clone());
        }
    }
}

/// The writer's own state.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    data: File,
    position: u64,
    next_slot: u32,
}

impl Writer {
    pub(crate) const fn new(shared: Arc<Shared>, data: File, position: u64, next_slot: u32) -> Self {
        Self { shared, data, position, next_slot }
    }

    /// Serves requests until it is asked to close, or nobody is left to ask.
    pub(crate) fn run(mut self, requests: &Receiver<Request>) {
        let _fall = Fall(Arc::clone(&self.shared));
        let mut closing = None;
        while closing.is_none() {
            let Ok(first) = requests.recv() else { break };
            let mut group = Vec::new();
            let mut bytes = 0;
            let mut next = Some(first);
            while let Some(request) = next {
                match request {
                    Request::Commit(commit, reply) => {
                        bytes += commit.bytes;
                        group.push((commit, reply));
                    }
                    Request::Close(reply) => {
                        closing = Some(reply);
                        break;
                    }
                }
                let more = group.len() < GROUP_COMMITS && bytes < GROUP_BYTES;
                next = if more { requests.try_recv().ok() } else { None };
            }
            self.shared.meters.group(group.len(), bytes);
            self.settle(group);
        }
        self.shared.table.take_away("it is closed");
        self.shared.unlock();
        if let Some(reply) = closing {
            let _ = reply.send(());
        }
    }

    /// Makes a group durable and answers it.
    fn settle(&mut self, commits: Vec<(Prepared, oneshot::Sender<Outcome>)>) {
        let tree = match self.shared.table.tree() {
            Ok(tree) => tree,
            Err(error) => return commits.into_iter().for_each(|(_, reply)| answer(reply, Err(error.clone()))),
        };
        let is_full = commits.iter().any(|(commit, _)| !commit.only_deletes) && self.shared.is_full();
        let mut group = Group::new(tree.clone(), self.position, self.next_slot);
        let mut admitted = Vec::with_capacity(commits.len());
        let mut flows = Vec::new();
        // Told once the group is durable: what they lost to may be in it.
        let mut refused = Vec::new();
        let mut failed = None;
        for (mut commit, reply) in commits {
            if let Some(error) = &failed {
                answer(reply, Err(StoreError::clone(error)));
                continue;
            }
            if is_full && !commit.only_deletes {
                self.shared.meters.refused.inc();
                answer(reply, Err(StoreError::Full));
                continue;
            }
            let (new_flows, session) = (std::mem::take(&mut commit.flows), commit.session.take());
            let (leaves, write) = (commit.leaves, std::mem::take(&mut commit.trail).write());
            match group.admit(commit) {
                Ok(receipt) => {
                    flows.extend(new_flows);
                    admitted.push(Admitted { reply, receipt, session, leaves, write });
                }
                Err(error) => {
                    if matches!(error, StoreError::Unavailable(_)) {
                        failed = Some(error.clone());
                    }
                    refused.push((reply, error));
                }
            }
        }
        let written = match failed {
            None => self.write(&tree, group, &admitted),
            Some(error) => {
                drop(group);
                Err(Failure::Tree(error))
            }
        };
        drop(tree);
        match written {
            Ok(()) => {
                flows.into_iter().for_each(|flow| drop(self.shared.flows.keep(flow)));
                for commit in admitted {
                    drop(commit.write);
                    answer(commit.reply, Ok(commit.receipt));
                }
                refused.into_iter().for_each(|(reply, error)| answer(reply, Err(error)));
            }
            Err(failure) => {
                let error = failure.as_error();
                self.recover(failure);
                let replies = admitted.into_iter().map(|commit| commit.reply);
                replies
                    .chain(refused.into_iter().map(|(reply, _)| reply))
                    .for_each(|reply| answer(reply, Err(error.clone())));
            }
        }
    }

    /// Slots first, then the batch; readers see it once it is durable. Who hears of a position
    /// finds everything up to it, the sessions kept in memory included.
    fn write(&mut self, tree: &Db, group: Group, admitted: &[Admitted]) -> Result<(), Failure> {
        if group.is_empty() {
            return Ok(());
        }
        if !group.secrets.is_empty() {
            let write = || self.shared.slots.write(self.next_slot, &group.secrets);
            timed(&self.shared.meters.slots, write).map_err(Failure::Slots)?;
            self.next_slot = group.next_slot();
        }
        let (position, erased) = (group.position, group.erased.clone());
        let (batch, changes) = group.finish().map_err(Failure::Tree)?;
        self.shared.table.mask(changes);
        self.apply(tree, batch)?;
        self.position = position;
        self.shared.table.unmask();
        admitted.iter().for_each(|commit| commit.keep(&self.shared));
        self.publish();
        // Readers find the record without its sealed part by now, and nobody is answered before this.
        self.erase(&erased).map_err(Failure::Erase)
    }

    fn apply(&self, tree: &Db, batch: Batch) -> Result<(), Failure> {
        let failed = |error| Failure::Tree(unavailable(error));
        self.fault(WriteStage::Apply).map_err(|error| failed(error.into()))?;
        let meters = &self.shared.meters;
        timed(&meters.apply, || tree.apply_batch(batch)).map_err(failed)?;
        self.fault(WriteStage::Flush).map_err(|error| flush_failed(error.into()))?;
        timed(&meters.flush, || tree.flush()).map_err(flush_failed)?;
        // On Linux sled's flush survives a killed process, not a power cut; this does.
        self.fault(WriteStage::Sync).map_err(Failure::Sync)?;
        timed(&meters.sync, || self.data.sync_data()).map_err(Failure::Sync)
    }

    fn erase(&self, slots: &[u32]) -> io::Result<()> {
        if slots.is_empty() {
            return Ok(());
        }
        self.fault(WriteStage::Erase)?;
        self.shared.slots.erase(slots)
    }

    fn fault(&self, stage: WriteStage) -> io::Result<()> {
        self.shared.write_fault.as_ref().map_or(Ok(()), |fault| fault(stage))
    }

    fn publish(&self) {
        self.shared.durable.send_if_modified(|durable| {
            let advanced = self.position > *durable;
            *durable = self.position.max(*durable);
            advanced
        });
    }

    /// After a failure: sled cannot clear an I/O error, and what a batch left half-way stays
    /// visible in memory, so everything is dropped and opened again.
    fn recover(&mut self, failure: Failure) {
        tracing::error!(error = %failure.as_error(), "the store failed to write");
        match failure {
            // The slots were for this group alone; nothing refers to them.
            Failure::Slots(_) => {}
            Failure::Sync(error) => self.give_up_unsynced(&error),
            // The erasure is ordered durably: the next start carries it out.
            Failure::Erase(error) => self.shared.give_up(&format!("a secret could not be erased: {error}")),
            Failure::Tree(_) => self.reopen(),
        }
    }

    fn reopen(&mut self) {
        self.shared.table.take_away("it is being reopened after an error of the disk");
        let mut reason = String::new();
        for attempt in 0..REOPEN_TRIES {
            if attempt > 0 {
                thread::park_timeout(REOPEN_WAIT * attempt);
            }
            match self.open_again() {
                Ok(Reopened { tree, data, position }) => {
                    // The kernel tells each handle once of what it failed to write. The new one
                    // knows nothing of what came before it; the old one knows it all, also what
                    // sled's own thread was told.
                    if let Err(error) = self.fault(WriteStage::Sync).and_then(|()| self.data.sync_data()) {
                        drop(tree);
                        return self.give_up_unsynced(&error);
                    }
                    // The group that failed may have ordered an erasure, durably.
                    if let Err(error) = finish_erasures(&tree, &self.shared.slots) {
                        drop(tree);
                        return self.shared.give_up(&format!("a secret could not be erased: {error}"));
                    }
                    self.data = data;
                    self.position = self.position.max(position);
                    // What was refused may stand on the disk after all.
                    self.shared.recent.clear();
                    self.shared.table.replace(tree);
                    self.publish();
                    self.count_again();
                    tracing::warn!("the store was reopened after an error of the disk");
                    return;
                }
                Err(error) => reason = error,
            }
            tracing::error!(%reason, attempt, "the store could not be reopened");
        }
        self.shared.give_up(&format!("it could not be reopened: {reason}"));
    }

    /// What the group that failed has left behind is known only now.
    fn count_again(&self) {
        self.shared.meters.reopenings.inc();
        match self.shared.count_live_sessions(&mut |_| {}) {
            Ok(found) => self.shared.meters.count_live(found, true),
            Err(error) => tracing::error!(%error, "the live sessions could not be counted again"),
        }
    }

    fn open_again(&self) -> Result<Reopened, String> {
        let tree = open_tree(&self.shared.folder, self.shared.cache_bytes).map_err(|error| error.to_string())?;
        let data = open_data_file(&self.shared.folder).map_err(|error| error.to_string())?;
        data.sync_data().map_err(|error| error.to_string())?;
        let position = read_position(&tree).map_err(|error| error.to_string())?;
        Ok(Reopened { tree, data, position: position.unwrap_or(LAST_POSITION_ABSENT) })
    }

    /// What the kernel failed to write it forgets: reading it back proves nothing.
    fn give_up_unsynced(&self, error: &io::Error) {
        self.shared.give_up(&format!("the data file could not be synced: {error}"));
    }
}

/// A store that was opened again.
struct Reopened {
    tree: Db,
    data: File,
    position: u64,
}

/// Where sled keeps its files.
pub(crate) fn sled_folder(folder: &Path) -> PathBuf {
    folder.join("sled")
}

/// A handle of one's own on sled's data file, to sync it with.
pub(crate) fn open_data_file(folder: &Path) -> io::Result<File> {
    File::options().read(true).write(true).open(sled_folder(folder).join("db"))
}

fn answer(reply: oneshot::Sender<Outcome>, outcome: Outcome) {
    // Whoever asked may have gone; the commit stands all the same.
    let _ = reply.send(outcome);
}

/// What failed while a group was written.
enum Failure {
    /// The key file was not written or not synced.
    Slots(io::Error),
    /// sled could not take the group, or the disk has no space for it.
    Tree(StoreError),
    /// What sled wrote may never reach the disk.
    Sync(io::Error),
    /// A secret that must go is still in the key file.
    Erase(io::Error),
}

/// sled's flush ends in `sync_file_range`, which reports what the kernel failed to write and
/// thereby clears it: as final as a failed sync. A full disk is met before that, by the write.
fn flush_failed(error: sled::Error) -> Failure {
    match error {
        sled::Error::Io(error) if error.kind() != io::ErrorKind::StorageFull => Failure::Sync(error),
        error => Failure::Tree(unavailable(error)),
    }
}

impl Failure {
    fn as_error(&self) -> StoreError {
        match self {
            Self::Slots(error) if error.kind() == io::ErrorKind::StorageFull => StoreError::Full,
            Self::Slots(error) => StoreError::Unavailable(format!("the key file: {error}")),
            Self::Tree(error) => error.clone(),
            Self::Sync(error) => StoreError::Unavailable(format!("sync: {error}")),
            Self::Erase(error) => StoreError::Unavailable(format!("the key file: {error}")),
        }
    }
}

/// If the writer falls, the store says so instead of going silent.
struct Fall(Arc<Shared>);

impl Drop for Fall {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.give_up("its writer fell");
        }
    }
}
