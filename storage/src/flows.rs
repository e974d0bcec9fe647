//! The flows in memory: sessions that share a flow share one value.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use vetd_model::flow::{Flow, FlowDigest};

/// Above this many, those that nobody uses are let go.
const IDLE_LIMIT: usize = 1_024;

/// Flows known to be on the disk, by digest.
#[derive(Default)]
pub(crate) struct Flows(Mutex<HashMap<FlowDigest, Arc<Flow>>>);

impl Flows {
    /// True if the flow is known to be on the disk.
    pub(crate) fn has(&self, digest: FlowDigest) -> bool {
        self.0.lock().contains_key(&digest)
    }

    /// The flow, if it is in memory.
    pub(crate) fn get(&self, digest: FlowDigest) -> Option<Arc<Flow>> {
        self.0.lock().get(&digest).cloned()
    }

    /// Takes in a flow that is on the disk; returns the one to use.
    pub(crate) fn keep(&self, flow: Arc<Flow>) -> Arc<Flow> {
        let mut flows = self.0.lock();
        if flows.len() >= IDLE_LIMIT {
            flows.retain(|_, flow| Arc::strong_count(flow) > 1);
        }
        Arc::clone(flows.entry(flow.digest()).or_insert(flow))
    }
}
