//! One alarm: rings its owner at the time the owner last asked for.

use std::sync::Arc;

use tokio::sync::watch;
use vetd_model::Timestamp;

use crate::clock::Clock;

/// Sets the alarm; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Alarm {
    next: watch::Sender<Option<Timestamp>>,
}

impl Alarm {
    /// Starts an alarm. `ring` tells the owner which time has come and returns false once the
    /// owner is gone. If the clock is set back meanwhile, the alarm rings all the same after as
    /// much time as there was to wait. After each ring the owner must call [`Self::answer`].
    pub(crate) fn start(
        clock: Arc<dyn Clock>,
        first: Option<Timestamp>,
        ring: impl Fn(Timestamp) -> bool + Send + Sync + 'static,
    ) -> Self {
        let (next, asked) = watch::channel(first);
        tokio::spawn(run(clock, asked, ring));
        Self { next }
    }

    /// Sets the time, if it is another one.
    pub(crate) fn set(&self, at: Option<Timestamp>) {
        self.next.send_if_modified(|next| std::mem::replace(next, at) != at);
    }

    /// Sets the time after a ring, also if it is the same one: the clock may have been set back
    /// between the ring and its hearing.
    pub(crate) fn answer(&self, at: Option<Timestamp>) {
        self.next.send_replace(at);
    }
}

async fn run(clock: Arc<dyn Clock>, mut asked: watch::Receiver<Option<Timestamp>>, ring: impl Fn(Timestamp) -> bool) {
    loop {
        let next = *asked.borrow_and_update();
        let due = async {
            match next {
                Some(at) => {
                    tokio::select! {
                        () = clock.sleep_until(at) => {}
                        () = clock.sleep(at.since(clock.now())) => {}
                    }
                    at
                }
                None => std::future::pending().await,
            }
        };
        let rung = tokio::select! {
            at = due => ring(at),
            changed = asked.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        if !rung || asked.changed().await.is_err() {
            return;
        }
    }
}
