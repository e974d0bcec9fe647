//! The one port through which time comes in.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use tokio::sync::watch;
use vetd_model::Timestamp;

/// Tells the time and waits for it. No timer goes around it.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Resolves once [`Self::now`] is at or after `at`, also when the clock was stepped or the
    /// machine slept meanwhile: for deadlines.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;

    /// Resolves after this much time, however the clock is stepped: for time-outs.
    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()>;
}

/// The machine's clock, shifted by a fixed offset.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock {
    offset_seconds: i64,
}

/// How long a sleeper goes without looking at the wall clock.
const GLANCE: Duration = Duration::from_secs(1);

impl SystemClock {
    /// A clock that runs `offset_seconds` ahead of the machine's (behind, if negative).
    #[must_use]
    pub const fn shifted(offset_seconds: i64) -> Self {
        Self { offset_seconds }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp::default().after(since_epoch);
        let offset = Duration::from_secs(self.offset_seconds.unsigned_abs());
        if self.offset_seconds < 0 { now.before(offset) } else { now.after(offset) }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the port")]
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let clock = *self;
        Box::pin(async move {
            loop {
                let now = clock.now();
                if now >= at {
                    return;
                }
                // The runtime's timer counts in whole milliseconds of a clock that stands still
                // while the machine sleeps, hence the glance at the wall clock.
                tokio::time::sleep(at.since(now).min(GLANCE)).await;
            }
        })
    }

    #[expect(clippy::disallowed_methods, reason = "this is the port")]
    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(pause))
    }
}

/// A clock that moves when a test says so: stored deadlines, timers and backoff move together.
#[derive(Debug, Clone)]
pub struct TestClock {
    hands: Arc<watch::Sender<Hands>>,
}

#[derive(Debug, Clone, Copy)]
struct Hands {
    now: Timestamp,
    /// How much time has passed, which no setting back undoes.
    passed: Duration,
}

impl TestClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self { hands: Arc::new(watch::Sender::new(Hands { now: start, passed: Duration::ZERO })) }
    }

    /// Lets this much time pass at once.
    pub fn advance(&self, by: Duration) {
        self.hands.send_modify(|hands| *hands = Hands { now: hands.now.after(by), passed: hands.passed + by });
    }

    /// Sets the clock: forwards, this much time passes; backwards, none does.
    pub fn set(&self, at: Timestamp) {
        self.hands.send_modify(|hands| *hands = Hands { now: at, passed: hands.passed + at.since(hands.now) });
    }

    fn wait(&self, is_over: impl Fn(&Hands) -> bool + Send + 'static) -> BoxFuture<'static, ()> {
        let mut hands = self.hands.subscribe();
        Box::pin(async move {
            // The sender lives in the clock that the caller holds; once it is gone, so is time.
            if hands.wait_for(is_over).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.hands.borrow().now
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        self.wait(move |hands| hands.now >= at)
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        let until = self.hands.borrow().passed + pause;
        self.wait(move |hands| hands.passed >= until)
    }
}
