use crate::address::Address;
use crate::address::address_id::AddressId;
use crate::repository::Inconsistency;
use crate::timestamp::Timestamp;

/// A summary of an address book that can be read without its addresses. The default is the head
/// of a book that was never changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookHead {
    /// The number of addresses in the book.
    pub addresses: u64,
    /// The book revision: a number that grows with every change in the book; 0 before the first.
    pub revision: u64,
}

/// One page of an address book, from one snapshot.
///
/// All text is in one buffer and is borrowed as [`AddressRef`]s. A page therefore costs two
/// allocations, however many addresses it contains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPage {
    head: BookHead,
    total: u64,
    text: String,
    rows: Vec<Row>,
}

/// The usual length of the text of an address, in bytes.
const USUAL_TEXT_LEN: usize = 192;

/// The ends of the fields of one address in the page's text, and its times. A null is an empty
/// field: neither text nor JSON is empty otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    ends: [usize; 6],
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// One address, borrowed from where it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRef<'a> {
    /// See [`AddressId`].
    pub id: &'a str,
    /// See [`Description`](crate::address::text::Description).
    pub description: Option<&'a str>,
    /// See [`Region`](crate::address::text::Region).
    pub region: &'a str,
    /// See [`City`](crate::address::text::City).
    pub city: &'a str,
    /// See [`Country`](crate::country::Country).
    pub country: &'a str,
    /// See [`CustomData`](crate::address::custom_data::CustomData).
    pub custom_data: Option<&'a str>,
    /// See [`Address`](crate::address::Address).
    pub created_at: Timestamp,
    /// See [`Address`](crate::address::Address).
    pub updated_at: Timestamp,
}

impl AddressPage {
    /// Creates an empty page of all addresses of a book.
    pub fn new(head: BookHead) -> Self {
        Self::of_total(head, head.addresses)
    }

    /// Creates an empty page of a list that has `total` addresses of a book.
    pub fn of_total(head: BookHead, total: u64) -> Self {
        Self {
            head,
            total,
            ..Self::default()
        }
    }

    /// Appends an address to the page.
    ///
    /// # Errors
    /// [`Inconsistency`] if a field has a value that cannot have been written through the port.
    /// The check is cheap and detects damage from outside. It does not parse JSON again.
    pub fn push(&mut self, address: AddressRef<'_>) -> Result<(), Inconsistency> {
        address.check()?;
        let mut ends = [0; 6];
        for (end, field) in ends.iter_mut().zip(address.fields()) {
            self.text.push_str(field);
            *end = self.text.len();
        }
        let AddressRef {
            created_at,
            updated_at,
            ..
        } = address;
        self.rows.push(Row {
            ends,
            created_at,
            updated_at,
        });
        Ok(())
    }

    /// The head of the book at the time of the page.
    pub fn head(&self) -> BookHead {
        self.head
    }

    /// The number of addresses on all pages of the list together.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The number of addresses on the page.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the page has no addresses.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The length of all its text, in bytes.
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// The addresses, in the order of the page.
    pub fn iter(&self) -> impl Iterator<Item = AddressRef<'_>> {
        let mut start = 0;
        self.rows.iter().map(move |row| {
            // The compiler optimises this loop better than a map over the array.
            let mut fields = [""; 6];
            for (field, end) in fields.iter_mut().zip(row.ends) {
                *field = &self.text[start..end];
                start = end;
            }
            let [id, description, region, city, country, custom_data] = fields;
            AddressRef {
                id,
                description: Some(description).filter(|field| !field.is_empty()),
                region,
                city,
                country,
                custom_data: Some(custom_data).filter(|field| !field.is_empty()),
                created_at: row.created_at,
                updated_at: row.updated_at,
            }
        })
    }
}

/// A page whose fields are bytes that have not been checked to be UTF-8. Checking the whole page
/// at once takes a tenth of the time of checking each field.
#[derive(Debug, Default)]
pub struct UncheckedPage {
    page: AddressPage,
    text: Vec<u8>,
}

impl UncheckedPage {
    /// Creates an empty page of all addresses of a book, with room for `addresses` addresses.
    pub fn with_capacity(head: BookHead, addresses: usize) -> Self {
        let mut page = AddressPage::new(head);
        page.rows.reserve(addresses);
        Self {
            page,
            text: Vec::with_capacity(addresses * USUAL_TEXT_LEN),
        }
    }

    /// Whether the page has no addresses.
    pub fn is_empty(&self) -> bool {
        self.page.is_empty()
    }

    /// Appends an address to the page. The fields are those of an [`AddressRef`], in the same
    /// order. A null is an empty slice.
    pub fn push(&mut self, fields: [&[u8]; 6], created_at: Timestamp, updated_at: Timestamp) {
        let mut ends = [0; 6];
        for (end, field) in ends.iter_mut().zip(fields) {
            self.text.extend_from_slice(field);
            *end = self.text.len();
        }
        self.page.rows.push(Row {
            ends,
            created_at,
            updated_at,
        });
    }

    /// Checks the page and returns it.
    ///
    /// # Errors
    /// [`Inconsistency`] for the first address with a value that cannot have been written through
    /// the port.
    pub fn check(self) -> Result<AddressPage, Inconsistency> {
        let Self { mut page, text } = self;
        let damaged = |field| Inconsistency {
            record: "address",
            key: String::new(),
            field,
        };
        page.text = String::from_utf8(text).map_err(|_| damaged("text"))?;
        let mut ends = page.rows.iter().flat_map(|row| row.ends);
        if !ends.all(|end| page.text.is_char_boundary(end)) {
            return Err(damaged("text"));
        }
        for address in page.iter() {
            address.check()?;
        }
        Ok(page)
    }
}

impl<'a> From<&'a Address> for AddressRef<'a> {
    fn from(address: &'a Address) -> Self {
        let content = &address.content;
        Self {
            id: address.id.as_str(),
            description: content.description.as_ref().map(|text| text.as_str()),
            region: content.region.as_str(),
            city: content.city.as_str(),
            country: content.country.as_str(),
            custom_data: content.custom_data.as_ref().map(|json| json.as_str()),
            created_at: address.created_at,
            updated_at: address.updated_at,
        }
    }
}

impl<'a> AddressRef<'a> {
    /// The text fields. A null is an empty text.
    fn fields(&self) -> [&'a str; 6] {
        [
            self.id,
            self.description.unwrap_or_default(),
            self.region,
            self.city,
            self.country,
            self.custom_data.unwrap_or_default(),
        ]
    }

    fn check(&self) -> Result<(), Inconsistency> {
        let country = self.country.as_bytes();
        let damaged = [
            ("id", !AddressId::is_valid(self.id)),
            ("description", self.description == Some("")),
            ("region", self.region.is_empty()),
            ("city", self.city.is_empty()),
            (
                "country",
                country.len() != 2 || !country.iter().all(u8::is_ascii_uppercase),
            ),
            (
                "custom_data",
                self.custom_data
                    .is_some_and(|json| !(json.starts_with('{') && json.ends_with('}'))),
            ),
        ];
        match damaged.into_iter().find(|(_, damaged)| *damaged) {
            Some((field, _)) => Err(Inconsistency {
                record: "address",
                key: self.id.into(),
                field,
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: AddressRef<'static> = AddressRef {
        id: "add_01h1x0z5y4c1v2f5k6p3j9n8m7",
        description: None,
        region: "Île-de-France",
        city: "Paris",
        country: "FR",
        custom_data: Some(r#"{"a":1}"#),
        created_at: at(1),
        updated_at: at(2),
    };

    const fn at(unix_ms: i64) -> Timestamp {
        match Timestamp::from_unix_ms(unix_ms) {
            Ok(timestamp) => timestamp,
            Err(_) => panic!("in range"),
        }
    }

    #[test]
    fn a_page_returns_its_addresses_unchanged() {
        let other = AddressRef {
            description: Some("家"),
            custom_data: None,
            ..ADDRESS
        };
        let mut page = AddressPage::new(BookHead {
            addresses: 9,
            revision: 7,
        });
        for address in [ADDRESS, other, ADDRESS] {
            page.push(address).unwrap();
        }
        assert_eq!(page.iter().collect::<Vec<_>>(), [ADDRESS, other, ADDRESS]);
        assert_eq!((page.len(), page.head().addresses), (3, 9));
    }

    fn unchecked(addresses: &[AddressRef<'_>]) -> UncheckedPage {
        let mut page = UncheckedPage::default();
        for address in addresses {
            page.push(
                address.fields().map(str::as_bytes),
                address.created_at,
                address.updated_at,
            );
        }
        page
    }

    #[test]
    fn a_checked_page_equals_one_built_from_text() {
        let mut page = AddressPage::default();
        page.push(ADDRESS).unwrap();
        page.push(ADDRESS).unwrap();
        assert_eq!(unchecked(&[ADDRESS, ADDRESS]).check(), Ok(page));
    }

    #[test]
    fn checking_fails_if_a_field_is_damaged() {
        let damaged = AddressRef {
            country: "fr",
            ..ADDRESS
        };
        assert!(unchecked(&[ADDRESS, damaged]).check().is_err());
        for (region, city) in [
            (&b"Kigali\xff"[..], &b"Kigali"[..]),
            // Valid UTF-8 only if the two fields are joined.
            (b"Kigali\xc3", b"\xa9"),
        ] {
            let mut page = UncheckedPage::default();
            let id = ADDRESS.id.as_bytes();
            page.push([id, b"", region, city, b"RW", b""], at(1), at(2));
            assert_eq!(page.check().map_err(|damage| damage.field), Err("text"));
        }
    }

    #[test]
    fn the_error_names_the_damaged_field() {
        for (address, field) in [
            (
                AddressRef {
                    id: "add_1",
                    ..ADDRESS
                },
                "id",
            ),
            (
                AddressRef {
                    description: Some(""),
                    ..ADDRESS
                },
                "description",
            ),
            (
                AddressRef {
                    region: "",
                    ..ADDRESS
                },
                "region",
            ),
            (
                AddressRef {
                    city: "",
                    ..ADDRESS
                },
                "city",
            ),
            (
                AddressRef {
                    country: "fr",
                    ..ADDRESS
                },
                "country",
            ),
            (
                AddressRef {
                    custom_data: Some("[]"),
                    ..ADDRESS
                },
                "custom_data",
            ),
            (
                AddressRef {
                    custom_data: Some(r#"{"a":"#),
                    ..ADDRESS
                },
                "custom_data",
            ),
        ] {
            let mut page = AddressPage::default();
            let key = address.id.to_owned();
            assert_eq!(
                page.push(address),
                Err(Inconsistency {
                    record: "address",
                    key,
                    field
                })
            );
            assert!(page.is_empty());
        }
    }
}
