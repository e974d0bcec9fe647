//! An endpoint is disabled: it said that it is gone, or nothing but failures came of it.

use std::sync::Arc;

use ractor::ActorRef;
use vetd_model::notice::{Notice, NoticeKind};
use vetd_model::webhook::{Disabled, DisabledReason, Endpoint};
use vetd_storage::{Commit, StoreError, Write};

use crate::entropy::Entropy;
use crate::webhooks::lane::{LaneContext, LaneMsg, TRY_AGAIN};

/// Disables the endpoint and writes the event that tells of it, in one commit; then tells the
/// lane, which attempts nothing meanwhile. Goes on until the store has taken it.
pub(crate) async fn disable(
    context: Arc<LaneContext>,
    endpoint: Arc<Endpoint>,
    reason: DisabledReason,
    lane: ActorRef<LaneMsg>,
) {
    loop {
        match try_to_disable(&context, &endpoint, reason).await {
            Ok(()) => {
                if lane.send_message(LaneMsg::Changed).is_err() {
                    tracing::debug!("the lane has ended; it reads its endpoint when it starts");
                }
                return;
            }
            // Somebody else has changed it since it was read.
            Err(StoreError::Conflict) => {}
            Err(error) => {
                tracing::error!(endpoint = %endpoint.id, %error, "a webhook endpoint could not be disabled; tried again");
                context.clock.sleep(TRY_AGAIN).await;
            }
        }
    }
}

async fn try_to_disable(context: &LaneContext, known: &Endpoint, reason: DisabledReason) -> Result<(), StoreError> {
    let Some(stored) = context.store.endpoint(known.realm, known.id)? else { return Ok(()) };
    let endpoint = stored.value;
    let is_another_now = endpoint.url != known.url || endpoint.enabled_at != known.enabled_at;
    if endpoint.disabled.is_some() || is_another_now {
        return Ok(());
    }
    let at = context.clock.now();
    let disabled = Disabled { at, reason };
    let next = Endpoint { disabled: Some(disabled), updated: at.max(endpoint.updated), ..endpoint };
    let notice = Notice {
        id: Entropy.id(at),
        realm: next.realm,
        endpoint: next.id,
        kind: NoticeKind::Disabled(disabled),
        created: at,
    };
    let writes = vec![Write::Endpoint { revision: stored.revision, endpoint: &next }, Write::Notice(&notice)];
    context.store.commit(Commit { writes, idempotency: None }).await?;
    tracing::warn!(endpoint = %next.id, reason = reason.as_str(), "a webhook endpoint is disabled; its deliveries are held");
    Ok(())
}
