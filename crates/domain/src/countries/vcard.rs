//! An address as a vCard (RFC 6350), which address books and phones import.

use crate::countries::format::PostalMember;
use crate::countries::postal_address::PostalAddress;
use crate::countries::rules::CountryRules;

/// The maximum number of octets on a line, without its end (RFC 6350, section 3.2).
const MAX_LINE_OCTETS: usize = 75;

/// Returns a vCard 4.0 of an address.
///
/// `FN` is the recipient or, if absent, the organization, the first line or the country. In `ADR`,
/// the street has the lines and the district as a list, the locality has the sorting code behind
/// the city (`Paris CEDEX 07`), and the country is its name in English.
pub fn vcard(address: &PostalAddress<'_>) -> String {
    let text_of = |member| address.texts(member).next();
    let country =
        CountryRules::of(address.country).map_or(address.country.as_str(), |rules| rules.name);
    let name = text_of(PostalMember::Recipient)
        .or_else(|| text_of(PostalMember::Organization))
        .or_else(|| text_of(PostalMember::StreetLines))
        .unwrap_or(country);
    let list = |members: [PostalMember; 2], separator| {
        let texts = members.into_iter().flat_map(|member| address.texts(member));
        texts.map(escaped).collect::<Vec<_>>().join(separator)
    };
    let text = |member| text_of(member).map(escaped).unwrap_or_default();

    let mut card = String::from("BEGIN:VCARD\r\nVERSION:4.0\r\n");
    add(&mut card, &format!("FN:{}", escaped(name)));
    if let Some(organization) = text_of(PostalMember::Organization) {
        add(&mut card, &format!("ORG:{}", escaped(organization)));
    }
    let street = list([PostalMember::StreetLines, PostalMember::District], ",");
    let locality = list([PostalMember::City, PostalMember::SortingCode], " ");
    let region = text(PostalMember::Region);
    let code = text(PostalMember::PostalCode);
    add(
        &mut card,
        &format!(
            "ADR:;;{street};{locality};{region};{code};{}",
            escaped(country)
        ),
    );
    if !address.phone.trim().is_empty() {
        add(&mut card, &format!("TEL:{}", escaped(address.phone.trim())));
    }
    card.push_str("END:VCARD\r\n");
    card
}

/// A text as the value of a property: separators escaped, other control characters left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\\' | ',' | ';' => escaped.extend(['\\', char]),
            '\n' => escaped.push_str("\\n"),
            _ if char.is_control() => {}
            _ => escaped.push(char),
        }
    }
    escaped
}

/// Adds a content line. Long ones continue on lines that begin with a blank; no character is
/// divided.
fn add(card: &mut String, line: &str) {
    let mut octets = 0;
    for char in line.chars() {
        if octets + char.len_utf8() > MAX_LINE_OCTETS {
            card.push_str("\r\n ");
            octets = 1;
        }
        card.push(char);
        octets += char.len_utf8();
    }
    card.push_str("\r\n");
}

#[cfg(test)]
mod tests;
