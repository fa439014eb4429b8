//! The lines of an address label.

use crate::countries::format::{AddressFormat, FormatElement};
use crate::countries::postal_address::PostalAddress;
use crate::countries::rules::{COMMON_FORMAT, CountryRules};
use crate::country::Country;

/// The script that an address is written in, which determines the order of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// The script of the country.
    Local,
    /// Latin letters.
    Latin,
}

/// Returns the lines of a label: the members in the order of the country, and the name of the
/// country in capital English letters unless the letter is sent from there.
///
/// Members are printed as they are, also those that the post prefers in upper case. Punctuation
/// beside an absent member is left out. Members that the country does not use are not printed. No
/// line is empty.
///
/// ```
/// use addressbook_domain::{Country, PostalAddress, Script, label_lines};
///
/// let address = PostalAddress {
///     recipient: "Ada Lovelace",
///     first_line: "1 Main Street",
///     city: "Springfield",
///     region: "IL",
///     postal_code: "62701",
///     ..PostalAddress::new(Country::parse("US")?)
/// };
/// let lines = ["Ada Lovelace", "1 Main Street", "Springfield, IL 62701", "UNITED STATES"];
/// assert_eq!(label_lines(&address, Script::Local, None), lines);
/// # Ok::<(), addressbook_domain::CountryError>(())
/// ```
pub fn label_lines(
    address: &PostalAddress<'_>,
    script: Script,
    origin: Option<Country>,
) -> Vec<String> {
    let rules = CountryRules::of(address.country);
    let mut lines = match rules {
        Some(rules) => {
            let latin = rules
                .latin_format
                .as_ref()
                .filter(|_| script == Script::Latin);
            lines(latin.unwrap_or(&rules.format), address)
        }
        None => lines(&AddressFormat::parse(COMMON_FORMAT), address),
    };
    if origin != Some(address.country) {
        let name = rules.map(|rules| rules.label_name.unwrap_or(rules.name));
        lines.push(name.unwrap_or(address.country.as_str()).to_uppercase());
    }
    lines
}

/// What libaddressinput's `GetFormattedNationalAddress` returns, except that what follows the street
/// on a line follows its second line too.
fn lines(format: &AddressFormat, address: &PostalAddress<'_>) -> Vec<String> {
    let elements = format.elements();
    let mut lines = Vec::new();
    let mut line = String::new();
    // Whether the last printed part is a member, and whether the last part is an absent one.
    let mut after_member = false;
    let mut after_absent = false;
    for (index, element) in elements.iter().enumerate() {
        match element {
            FormatElement::NewLine => {
                end_line(&mut lines, &mut line);
                (after_member, after_absent) = (false, false);
            }
            FormatElement::Member(member) => {
                for (index, text) in address.texts(*member).enumerate() {
                    if index > 0 {
                        end_line(&mut lines, &mut line);
                    }
                    line.push_str(text);
                    after_member = true;
                }
                after_absent = !address.has(*member);
            }
            // A literal separates two members. After an absent one, it is printed only if it
            // follows a printed one: the blank in `%C, %S %Z`, without a region.
            FormatElement::Literal(text) => {
                let next = elements.get(index + 1);
                if !is_absent(next, address) && (!after_absent || after_member) {
                    line.push_str(text);
                    after_member = false;
                }
                after_absent = false;
            }
        }
    }
    end_line(&mut lines, &mut line);
    lines
}

fn end_line(lines: &mut Vec<String>, line: &mut String) {
    if !line.is_empty() {
        lines.push(std::mem::take(line));
    }
}

fn is_absent(element: Option<&FormatElement>, address: &PostalAddress<'_>) -> bool {
    matches!(element, Some(FormatElement::Member(member)) if !address.has(*member))
}

#[cfg(test)]
mod tests;
