//! Who signed a document security object, and the zone in data group 1: the few elements of both that are
//! needed beside what passive authentication itself reads.

use x509_cert::der::asn1::AnyRef;
use x509_cert::der::{Class, Decode, Encode, Reader, SliceReader, Tag, TagNumber, Tagged};

use super::certificate::Certificate;

/// The most certificates that an object may carry.
const MOST_CERTIFICATES: usize = 8;

/// The certificate of whoever signed: of those that the object carries, the one that its signer names.
pub(super) fn signer(sod: &[u8]) -> Option<Certificate> {
    let outer = AnyRef::from_der(sod).ok()?;
    let info = if outer.tag().class() == Class::Application { AnyRef::from_der(outer.value()).ok()? } else { outer };
    let [_, content] = elements(info.value())?.try_into().ok()?;
    let signed = AnyRef::from_der(content.value()).ok()?;
    let parts = elements(signed.value())?;
    let numbered = |part: &&AnyRef<'_>| is_numbered(part.tag(), 0);
    let certificates = elements(parts.iter().find(numbered)?.value())?;
    let infos = elements(parts.last()?.value())?;
    let names = elements(infos.first()?.value())?;
    let name = names.get(1)?;
    let named = |certificate: &Certificate| {
        if is_numbered(name.tag(), 0) {
            certificate.key_identifier().as_deref() == Some(name.value())
        } else {
            certificate.issuer_and_serial().as_deref() == Some(name.value())
        }
    };
    let carried = certificates.iter().take(MOST_CERTIFICATES).filter_map(|one| Certificate::read(&one.to_der().ok()?));
    carried.into_iter().find(named)
}

/// The lines of the zone in data group 1: `61 { 5F1F zone }`.
pub(super) fn zone(group: &[u8]) -> Option<Vec<String>> {
    let content = element(group, &[0x61])?;
    let text = std::str::from_utf8(element(content, &[0x5f, 0x1f])?).ok()?;
    let length = match text.len() {
        90 => 30,
        72 => 36,
        88 => 44,
        _ => return None,
    };
    let plain = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '<';
    text.chars()
        .all(plain)
        .then(|| (0..text.len() / length).map(|line| text[line * length..(line + 1) * length].to_owned()).collect())
}

/// The content of an element with this tag that fills all bytes.
fn element<'a>(bytes: &'a [u8], tag: &[u8]) -> Option<&'a [u8]> {
    let (first, rest) = bytes.strip_prefix(tag)?.split_first()?;
    let (length, content) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        0x82 => rest.split_first_chunk().map(|(length, rest)| (usize::from(u16::from_be_bytes(*length)), rest))?,
        _ => return None,
    };
    (content.len() == length).then_some(content)
}

/// The elements within an element, one after the other.
fn elements(content: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(content).ok()?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(found)
}

fn is_numbered(tag: Tag, wanted: u32) -> bool {
    matches!(tag, Tag::ContextSpecific { number, .. } if number == TagNumber(wanted))
}
