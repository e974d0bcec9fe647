//! `data_completeness`: whether every required field holds something that can be true, and not
//! a blank or a placeholder.

use vetd_model::check::Finding;
use vetd_model::flow::FieldKind;

use crate::Evidence;

/// What people type to get past a required field, in lower case.
const PLACEHOLDERS: [&str; 12] =
    ["n/a", "na", "none", "null", "nil", "unknown", "undefined", "test", "xxx", "asdf", "qwerty", "tbd"];

/// Codes: `field_missing`, `field_blank`, `field_placeholder` (failed).
pub(crate) fn run(evidence: &Evidence<'_>) -> Finding {
    for field in evidence.asked().iter().filter(|field| field.required) {
        let Some(value) = evidence.typed(&field.name) else {
            return Finding::failed("field_missing", "A required field was not filled in.");
        };
        if !value.chars().any(char::is_alphanumeric) {
            return Finding::failed("field_blank", "A required field holds no letter and no digit.");
        }
        let plain = value.trim().to_lowercase();
        if field.kind == FieldKind::String && PLACEHOLDERS.contains(&plain.as_str()) {
            return Finding::failed("field_placeholder", "A required field holds a placeholder.");
        }
    }
    Finding::passed()
}

#[cfg(test)]
mod tests {
    use vetd_model::check::{CheckKind, CheckStatus};

    use crate::tests::check_typed;

    fn code(value: &str) -> Option<String> {
        check_typed(CheckKind::DataCompleteness, &[("last_name", value)]).code.map(Into::into)
    }

    #[test]
    fn names_of_any_script_pass() {
        for name in ["ERIKSSON", "O", "Nguyễn", "李", "محمد", "Ng", "Test-Meyer"] {
            assert_eq!(code(name), None, "{name}");
        }
        let finding = check_typed(CheckKind::DataCompleteness, &[("last_name", "ERIKSSON")]);
        assert_eq!(finding.status, CheckStatus::Passed);
    }

    #[test]
    fn blanks_and_placeholders_fail() {
        assert_eq!(code("  -- ").as_deref(), Some("field_blank"));
        assert_eq!(code("").as_deref(), Some("field_blank"));
        assert_eq!(code(" N/A ").as_deref(), Some("field_placeholder"));
    }
}
