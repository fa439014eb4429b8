//! Demonstration data: the example of the contract, and customers from all over the world. It is
//! always the same, so that loading it again changes nothing.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use addressbook_domain::{
    AddressContent, AddressId, AddressInput, AddressService, CustomerId, FieldErrors, ImportEntry,
    ImportOptions, Input, Member, OnError, Purpose, Timestamp,
};
use anyhow::Context;
use ulid::Ulid;

use crate::format::{Columns, Format};

/// The customer of the contract's example.
pub(crate) const EXAMPLE_CUSTOMER: &str = "cus_01h1w8r7s2v4l5m6n7p8j9k0q2";

/// The contract's example.
const EXAMPLE: &str = include_str!("demo/example.ndjson");

/// Real places, in the scripts that people there use. Their streets and postal codes are real or
/// could be, their people are not.
const PLACES: &str = include_str!("demo/places.tsv");

/// The columns of [`PLACES`]: a landmark, then members. Those at the end may be absent.
const PLACE: [Option<Member>; 8] = [
    None,
    Some(Member::Country),
    Some(Member::Region),
    Some(Member::City),
    Some(Member::Recipient),
    Some(Member::FirstLine),
    Some(Member::District),
    Some(Member::PostalCode),
];

/// Customers are `cus_demo_001` and so on.
const CUSTOMERS: u64 = 300;

const DESCRIPTIONS: [Option<&str>; 8] = [
    Some("Home"),
    Some("Office"),
    None,
    Some("Parents"),
    Some("Warehouse 2, loading ramp"),
    Some("Summer house"),
    Some("Bureau de la comptabilité"),
    Some("自宅"),
];

/// Imports the demonstration data. It does not reset addresses that were changed since.
pub(crate) async fn load(service: &AddressService) -> anyhow::Result<()> {
    let mut entries = example()?;
    entries.extend(world().context("the demonstration data is invalid")?);
    let options = ImportOptions {
        on_error: OnError::Skip,
        ..ImportOptions::default()
    };
    service
        .import(&entries, options)
        .await
        .context("cannot load the demonstration data")?;
    Ok(())
}

fn example() -> anyhow::Result<Vec<ImportEntry>> {
    let lines = Format::Ndjson.read(EXAMPLE.as_bytes(), Columns::default())?;
    lines.map(|line| Ok(line?.entry?)).collect()
}

/// An endless sequence of pseudo-random numbers, the same in each run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (number ^ (number >> 31)) % sides
    }

    fn choose<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.roll(choices.len() as u64) as usize)
    }
}

fn world() -> anyhow::Result<Vec<ImportEntry>> {
    let places: Vec<&str> = PLACES.lines().skip(1).collect();
    let mut dice = Dice(2026);
    let mut entries = Vec::new();
    for number in 1..=CUSTOMERS {
        let customer_id = CustomerId::parse(&format!("cus_demo_{number:03}"))?;
        // Most people have one or two addresses, a few have a dozen.
        let addresses = [1, 1, 1, 2, 2, 3, 5, 12][dice.roll(8) as usize];
        for index in 0..addresses {
            let place = dice.choose(&places).context("there are no places")?;
            let mut entry = somewhere(&customer_id, place, &mut dice)?;
            entry.default_for = (index == 0).then(|| DEFAULT_FOR.clone());
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// The purposes of the first address of each customer.
static DEFAULT_FOR: LazyLock<BTreeSet<Purpose>> = LazyLock::new(|| {
    let purposes = ["billing", "shipping"].map(Purpose::parse);
    purposes.into_iter().flatten().collect()
});

/// 2023-01-01T00:00:00Z and three years, in milliseconds.
const SINCE_MS: u64 = 1_672_531_200_000;
const SPAN_MS: u64 = 3 * 365 * 24 * 60 * 60 * 1_000;

fn somewhere(
    customer_id: &CustomerId,
    place: &str,
    dice: &mut Dice,
) -> anyhow::Result<ImportEntry> {
    let mut columns = PLACE.into_iter().zip(place.split('\t'));
    let mut input = AddressInput::default();
    let (_, landmark) = columns.next().context("expected a landmark")?;
    for (member, text) in columns.filter_map(|(member, text)| Some((member?, text))) {
        if !text.is_empty() {
            input[member] = Input::Value(text.into());
        }
    }
    let created_ms = SINCE_MS + dice.roll(SPAN_MS);
    let updated_ms = created_ms + dice.roll(2) * dice.roll(SPAN_MS / 3);
    let custom_data = match dice.roll(4) {
        0 => None,
        1 => Some(serde_json::json!({ "landmark": landmark })),
        2 => Some(serde_json::json!({ "landmark": landmark, "floor": dice.roll(30) })),
        _ => Some(serde_json::json!({ "delivery": { "leave_at": landmark, "call_first": true } })),
    };
    if let Some(description) = dice.choose(&DESCRIPTIONS).copied().flatten() {
        input[Member::Description] = Input::Value(description.into());
    }
    if let Some(json) = custom_data {
        input[Member::CustomData] = Input::Value(json.to_string().into());
    }
    let mut errors = FieldErrors::default();
    let content = AddressContent::parse(&input, &mut errors);
    let content = content.with_context(|| format!("{place}: {errors}"))?;
    let random = u128::from(dice.roll(u64::MAX)) << 16;
    Ok(ImportEntry {
        customer_id: customer_id.clone(),
        id: Some(AddressId::from_ulid(Ulid::from_parts(created_ms, random))),
        content: content.into(),
        created_at: Some(Timestamp::from_unix_ms(created_ms.try_into()?)?),
        updated_at: Some(Timestamp::from_unix_ms(updated_ms.try_into()?)?),
        default_for: None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use addressbook_domain::{FindingCode, PostalMember};

    use super::*;

    #[test]
    fn the_data_is_the_same_each_time() {
        assert_eq!(world().unwrap(), world().unwrap());
    }

    #[test]
    fn the_data_has_many_customers_in_many_countries() {
        let entries = world().unwrap();
        let customers: HashSet<_> = entries.iter().map(|entry| &entry.customer_id).collect();
        let countries: HashSet<_> = entries
            .iter()
            .map(|entry| entry.content.new_content().country)
            .collect();
        let ids: HashSet<_> = entries.iter().map(|entry| &entry.id).collect();
        assert_eq!(customers.len() as u64, CUSTOMERS);
        assert!(countries.len() > 60, "{}", countries.len());
        assert_eq!(ids.len(), entries.len());
    }

    #[test]
    fn many_addresses_have_postal_details_in_their_own_scripts() {
        let entries = world().unwrap();
        let with_street = entries.iter().filter_map(|entry| {
            let content = entry.content.new_content();
            content.texts()[Member::FirstLine].map(|line| (content.country, line))
        });
        let (countries, lines): (HashSet<_>, HashSet<_>) = with_street.unzip();
        assert!(countries.len() >= 20, "{}", countries.len());
        assert!(lines.iter().filter(|line| !line.is_ascii()).count() >= 20);
        for entry in &entries {
            let findings = addressbook_domain::findings(&entry.content.new_content().postal());
            let wrong_code = findings.iter().find(|finding| {
                finding.member == PostalMember::PostalCode && finding.code != FindingCode::Missing
            });
            assert!(wrong_code.is_none(), "{wrong_code:?}");
        }
    }

    #[test]
    fn the_example_has_two_addresses_of_one_customer() {
        let example = example().unwrap();
        assert_eq!(example.len(), 2);
        assert!(
            example
                .iter()
                .all(|entry| entry.customer_id.as_str() == EXAMPLE_CUSTOMER)
        );
    }
}
