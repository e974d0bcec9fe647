//! Work that is done to its end whatever becomes of whoever waits for it.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Runs within the task that polls it; if that task drops it half-way (its client hung up), the
/// rest runs in a task of its own. So the usual case costs no task and no wake-up.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Finishing<F>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    /// Taken out while it is polled: work that panicked is not run again.
    rest: Option<Pin<Box<F>>>,
}

impl<F> Finishing<F>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    pub(crate) fn new(work: F) -> Self {
        Self { rest: Some(Box::pin(work)) }
    }
}

impl<F> Future for Finishing<F>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Some(mut work) = self.rest.take() else { return Poll::Pending };
        let polled = work.as_mut().poll(cx);
        if polled.is_pending() {
            self.rest = Some(work);
        }
        polled
    }
}

impl<F> Drop for Finishing<F>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn drop(&mut self) {
        if let Some(rest) = self.rest.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_dropped_half_way_is_finished_elsewhere() {
        let (go, gone) = oneshot::channel::<()>();
        let (done, outcome) = oneshot::channel();
        let mut work = Box::pin(Finishing::new(async move {
            gone.await.unwrap();
            done.send(7).unwrap();
        }));
        assert!(futures::poll!(work.as_mut()).is_pending());
        drop(work);
        go.send(()).unwrap();
        assert_eq!(outcome.await, Ok(7));
    }

    #[tokio::test]
    async fn work_that_nobody_ever_polled_is_done_all_the_same() {
        let (done, outcome) = oneshot::channel();
        drop(Finishing::new(async move { done.send(7).unwrap() }));
        assert_eq!(outcome.await, Ok(7));
    }
}
