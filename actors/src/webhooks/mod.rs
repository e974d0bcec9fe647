//! Webhook deliveries.
use vetd_model::webhook::Endpoint;
use vetd_model::EndpointId;

pub(crate) struct Webhooks;
impl Webhooks {
    pub(crate) fn endpoint_changed(&self, _e: Endpoint) {}
    pub(crate) fn endpoint_removed(&self, _id: EndpointId) {}
}
