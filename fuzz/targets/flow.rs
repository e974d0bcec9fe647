//! A flow_config: what is accepted is read back from its own JSON as the same flow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetd_model::flow::Flow;

fuzz_target!(|body: &[u8]| {
    let Ok(value) = serde_json::from_slice(body) else { return };
    if let Ok(flow) = Flow::parse(&value, "flow_config") {
        let again = Flow::parse(&flow.to_json(), "flow_config").expect("a flow can be read back");
        assert_eq!(again.digest(), flow.digest());
    }
});
