//! Chips of specimens, right ones and wrong ones, and the check over them.

use proptest::prelude::*;
use vetd_model::check::{CheckStatus, Finding};
use vetd_specimens::chip::{CertificatePlan, Issued, group_1};
use vetd_specimens::{Format, Person};

use super::*;

/// 22 November 2025.
const AT: Timestamp = Timestamp::from_seconds(1_763_800_000);
const DG2: &[u8] = b"a portrait";

/// Changes one byte of a file.
fn flipped(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place] ^= 1;
    bytes
}

struct Plan {
    authority: CertificatePlan,
    signer: CertificatePlan,
    lines: Vec<String>,
}

impl Plan {
    /// A passport of this country, by its codes of three and two letters.
    fn of(issuer: &str, country: &'static str) -> Self {
        let mut lines = vetd_specimens::lines(Format::Td3, "P<", &Person::invented(7), None);
        lines[0].replace_range(2..5, issuer);
        Self { authority: CertificatePlan::authority(country), signer: CertificatePlan::signer(country), lines }
    }

    fn usual() -> Self {
        Self::of("SWE", "SE")
    }

    fn issue(&self) -> (Issued, ChipFiles) {
        let authority = self.authority.issue(None);
        let signer = self.signer.issue(Some(&authority));
        let dg1 = group_1(&self.lines);
        let sod = signer.sign_groups(&[(1, &dg1), (2, DG2), (14, b"other")]);
        (authority, ChipFiles { sod, groups: [(1, dg1), (2, DG2.to_vec())].into() })
    }
}

fn trusting(files: &[&[u8]]) -> Trust {
    let mut trust = Trust::default();
    files.iter().for_each(|file| trust.add(file).unwrap());
    trust
}

fn judged(files: &ChipFiles, trust: &Trust) -> Finding {
    let chip = read(files, trust, AT).unwrap();
    crate::judge_chip(&chip, AT)
}

fn code(plan: &Plan) -> Option<String> {
    let (authority, files) = plan.issue();
    judged(&files, &trusting(&[&authority.der])).code.map(Into::into)
}

#[test]
fn an_authentic_chip_passes() {
    let (authority, files) = Plan::usual().issue();
    let finding = judged(&files, &trusting(&[&authority.der]));
    assert_eq!((finding.status, finding.code), (CheckStatus::Passed, None));
    assert_eq!(finding.details["data_groups"], serde_json::json!([1, 2]));
    assert_eq!(finding.details["revocation"], "no_list");
}

#[test]
fn data_that_were_not_signed_fail() {
    let (authority, files) = Plan::usual().issue();
    let trust = trusting(&[&authority.der]);
    let other = group_1(&Plan::of("NOR", "SE").lines);
    let altered = ChipFiles { groups: [(1, other)].into(), ..files.clone() };
    let finding = judged(&altered, &trust);
    assert_eq!((finding.code.as_deref(), &finding.details["data_group"]), (Some("chip_data_altered"), &1.into()));
    let mut unsigned = files.clone();
    unsigned.groups.insert(3, b"not in the object".to_vec());
    assert_eq!(judged(&unsigned, &trust).code.as_deref(), Some("chip_data_altered"));
    // The last bytes of the object are those of the signature.
    let broken = ChipFiles { sod: flipped(&files.sod, files.sod.len() - 2), ..files };
    assert_eq!(judged(&broken, &trust).code.as_deref(), Some("chip_signature_invalid"));
}

#[test]
fn without_an_anchor_nothing_passes() {
    let (_, files) = Plan::usual().issue();
    let stranger = CertificatePlan { seed: 9, ..CertificatePlan::authority("SE") }.issue(None);
    let namesake = CertificatePlan { name: "Other", ..CertificatePlan::authority("SE") }.issue(None);
    for trust in [trusting(&[]), trusting(&[&stranger.der]), trusting(&[&namesake.der])] {
        let finding = judged(&files, &trust);
        assert_eq!((finding.status, finding.code.as_deref()), (CheckStatus::NeedsReview, Some("chip_anchor_unknown")));
    }
    // One authority with an old key and the one that counts.
    let (authority, files) = Plan::usual().issue();
    assert_eq!(judged(&files, &trusting(&[&stranger.der, &authority.der])).status, CheckStatus::Passed);
}

#[test]
fn certificates_count_within_their_time_alone() {
    let with = |change: &dyn Fn(&mut Plan)| {
        let mut plan = Plan::usual();
        change(&mut plan);
        code(&plan)
    };
    let code = |text: &str| Some(text.to_owned());
    assert_eq!(with(&|plan| plan.signer.not_after = "251121235959Z"), code("chip_signer_expired"));
    assert_eq!(with(&|plan| plan.signer.not_before = "251123000000Z"), code("chip_signer_not_yet_valid"));
    assert_eq!(with(&|plan| plan.authority.not_after = "251121235959Z"), code("chip_anchor_expired"));
    assert_eq!(with(&|plan| plan.authority.not_before = "251123000000Z"), code("chip_anchor_not_yet_valid"));
    assert_eq!(with(&|plan| plan.signer.not_after = "251122090000Z"), None);
}

#[test]
fn certificates_count_for_what_they_were_issued_for() {
    let with = |change: &dyn Fn(&mut Plan)| {
        let mut plan = Plan::usual();
        change(&mut plan);
        code(&plan)
    };
    let code = |text: &str| Some(text.to_owned());
    assert_eq!(with(&|plan| plan.signer.usage = 0x20), code("chip_signer_key_usage"));
    assert_eq!(with(&|plan| plan.authority.usage = 0x80), code("chip_anchor_key_usage"));
    assert_eq!(with(&|plan| plan.authority.is_authority = false), code("chip_anchor_key_usage"));
}

#[test]
fn a_country_signs_its_own_documents_alone() {
    assert_eq!(code(&Plan::of("NOR", "SE")).as_deref(), Some("chip_issuer_mismatch"));
    assert_eq!(code(&Plan::of("D<<", "DE")), None);
    assert_eq!(code(&Plan::of("EUE", "EU")), None);
    assert_eq!(code(&Plan::of("RKS", "KS")), None);
}

#[test]
fn revocation_lists_are_heeded() {
    let (authority, files) = Plan::usual().issue();
    let with = |serials: &[u8], next| judged(&files, &trusting(&[&authority.der, &authority.revoke(serials, next)]));
    assert_eq!(with(&[3, 7], "260101000000Z").code.as_deref(), Some("chip_signer_revoked"));
    assert_eq!(with(&[1], "260101000000Z").code.as_deref(), Some("chip_signer_revoked"));
    let good = with(&[3], "260101000000Z");
    assert_eq!((good.status, &good.details["revocation"]), (CheckStatus::Passed, &"not_listed".into()));
    assert_eq!(good.details["revocation_list_outdated"], false);
    assert_eq!(with(&[], "250601000000Z").details["revocation_list_outdated"], true);
    let other = CertificatePlan::authority("NO").issue(None);
    let of_another = judged(&files, &trusting(&[&authority.der, &other.revoke(&[7], "260101000000Z")]));
    assert_eq!(of_another.details["revocation"], "no_list");
}

#[test]
fn a_zone_with_wrong_check_digits_fails() {
    let mut plan = Plan::usual();
    let wrong = if plan.lines[1].as_bytes()[9] == b'0' { "1" } else { "0" };
    plan.lines[1].replace_range(9..10, wrong);
    assert_eq!(code(&plan).as_deref(), Some("chip_zone_invalid"));
}

#[test]
fn what_is_no_chip_is_refused() {
    let (authority, files) = Plan::usual().issue();
    for sod in [&b""[..], b"garbage", b"\x30\x00", b"\x77\x00", &authority.der, &files.sod[..files.sod.len() - 1]] {
        let files = ChipFiles { sod: sod.to_vec(), ..files.clone() };
        assert_eq!(read(&files, &Trust::default(), AT), Err(NotAChip::Sod));
    }
    for dg1 in [&b""[..], b"\x61\x00", b"\x61\x03\x5f\x1f\x00", b"\x61\x04\x5f\x1f\x01A"] {
        let files = ChipFiles { groups: [(1, dg1.to_vec())].into(), ..files.clone() };
        assert_eq!(read(&files, &Trust::default(), AT), Err(NotAChip::Group1));
    }
}

#[test]
fn trust_is_read_from_pem_and_refused_with_a_reason() {
    use base64::Engine;
    let (authority, files) = Plan::usual().issue();
    let block = |label: &str, der: &[u8]| {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    };
    let list = authority.revoke(&[7], "260101000000Z");
    let pem = format!("# Sweden\n{}{}", block("CERTIFICATE", &authority.der), block("X509 CRL", &list));
    let trust = trusting(&[pem.as_bytes()]);
    assert_eq!(trust.counts(), (1, 1, 0));
    assert_eq!(judged(&files, &trust).code.as_deref(), Some("chip_signer_revoked"));
    let cut = &pem[..pem.find("-----END").unwrap()];
    for wrong in [&b""[..], b"garbage", &files.sod, block("CERTIFICATE", b"none").as_bytes(), cut.as_bytes()] {
        assert!(Trust::default().add(wrong).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever is done to the files, they never pass, but for changes that nothing was signed over.
    #[test]
    fn no_change_to_what_was_signed_passes(place in any::<prop::sample::Index>(), bit in 0..8_u8, which in 0..2_u8) {
        let (authority, files) = Plan::usual().issue();
        let trust = trusting(&[&authority.der]);
        let mut changed = files;
        let file = if which == 0 { &mut changed.sod } else { changed.groups.get_mut(&1).unwrap() };
        let place = place.index(file.len());
        file[place] ^= 1 << bit;
        if let Ok(chip) = read(&changed, &trust, AT) {
            let finding = crate::judge_chip(&chip, AT);
            // Versions and the list of algorithms are not signed over; what counts is what was signed.
            prop_assert!(finding.status != CheckStatus::Passed || chip.lines == Plan::usual().lines);
            prop_assert!(which == 0 || finding.code.as_deref() == Some("chip_data_altered"));
        }
    }

    #[test]
    fn any_bytes_are_refused(sod in prop::collection::vec(any::<u8>(), 0..400), dg1 in prop::collection::vec(any::<u8>(), 0..200)) {
        let files = ChipFiles { sod, groups: [(1, dg1)].into() };
        prop_assert!(read(&files, &Trust::default(), AT).is_err());
    }
}
