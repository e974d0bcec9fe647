//! A registry shard's address, which counts what waits there.

use prometheus_client::metrics::gauge::Gauge;
use ractor::ActorRef;

use crate::shard::ShardMsg;

/// Where messages for a shard are sent.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    shard: ActorRef<ShardMsg>,
    waiting: Gauge,
}

/// The shard has ended.
#[derive(Debug)]
pub(crate) struct ShardGone;

impl Mailbox {
    pub(crate) const fn new(shard: ActorRef<ShardMsg>, waiting: Gauge) -> Self {
        Self { shard, waiting }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// If the shard has ended.
    pub(crate) fn send(&self, message: ShardMsg) -> Result<(), ShardGone> {
        self.waiting.inc();
        self.shard.send_message(message).map_err(|_| {
            self.waiting.dec();
            ShardGone
        })
    }

    /// The shard has taken a message up.
    pub(crate) fn taken(&self) {
        self.waiting.dec();
    }

    /// Ends the shard.
    pub(crate) fn stop(&self) {
        self.shard.stop(None);
    }
}
