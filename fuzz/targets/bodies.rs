//! The bodies of requests, of tenants and of the person's page: refused with the path of what is wrong, or
//! taken.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetd_model::address::WebhookTargets;
use vetd_model::api_key::KeyRequest;
use vetd_model::chip::ChipFiles;
use vetd_model::flow::StepKind;
use vetd_model::new_session::NewSession;
use vetd_model::provider::ProviderChange;
use vetd_model::retention::RetentionPolicy;
use vetd_model::review::NewReview;
use vetd_model::submission::Submission;
use vetd_model::template::{NewTemplate, TemplateCommand, TemplatePatch};
use vetd_model::webhook::{EndpointChange, parse_recovery, parse_rotation};
use vetd_model::workspace::SettingsPatch;
use vetd_model::{Mode, Timestamp, scaffold, simulate};

const AT: Timestamp = Timestamp::from_seconds(1_763_800_000);

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
    let _ = TemplatePatch::parse(&value);
    let _ = TemplateCommand::parse_rollback(&value);
    let _ = RetentionPolicy::parse(&value);
    let _ = KeyRequest::parse(&value, AT);
    let _ = NewReview::parse(&value);
    let _ = ChipFiles::parse(&value);
    let _ = parse_rotation(&value);
    let _ = parse_recovery(&value, AT);
    let _ = simulate::parse(&value);
    let _ = simulate::parse_outcome(&value);
    for (_, flow) in [scaffold::SLUG, scaffold::DOCUMENT_SLUG].into_iter().filter_map(scaffold::by_slug) {
        for kind in StepKind::ALL {
            let _ = Submission::parse(&flow, kind, &value, AT);
        }
    }
});
