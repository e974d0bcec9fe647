//! The bodies of requests that make or change something.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetd_model::Mode;
use vetd_model::address::WebhookTargets;
use vetd_model::new_session::NewSession;
use vetd_model::provider::ProviderChange;
use vetd_model::retention::RetentionPolicy;
use vetd_model::template::NewTemplate;
use vetd_model::webhook::EndpointChange;
use vetd_model::workspace::SettingsPatch;

fuzz_target!(|body: &[u8]| {
    let Ok(value) = serde_json::from_slice(body) else { return };
    let targets = WebhookTargets::default();
    for mode in [Mode::Test, Mode::Live] {
        let _ = NewSession::parse(&value, mode);
        let _ = EndpointChange::parse(&value, mode, &targets);
        let _ = ProviderChange::parse(&value, mode, &targets);
        let _ = SettingsPatch::parse(&value, mode);
    }
    let _ = NewTemplate::parse(&value);
    let _ = RetentionPolicy::parse(&value);
});
