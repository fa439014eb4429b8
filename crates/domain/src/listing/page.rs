use crate::address::Address;
use crate::address::address_id::AddressId;
use crate::address::member::{Column, Columns, Member};
use crate::address::postal_details;
use crate::countries::postal_address::PostalAddress;
use crate::country::Country;
use crate::inconsistency::Inconsistency;
use crate::json::Text;
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

/// The ends of the id and the columns of one address in the page's text, and its times. A null is
/// empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    id_end: usize,
    ends: [usize; Column::COUNT],
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// One address, borrowed from where it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRef<'a> {
    /// See [`AddressId`].
    pub id: &'a str,
    /// Its content, as a store keeps it. `None` is null.
    pub columns: Columns<Option<&'a str>>,
    /// See [`Address`](crate::address::Address).
    pub created_at: Timestamp,
    /// See [`Address`](crate::address::Address).
    pub updated_at: Timestamp,
}

impl AddressPage {
    /// Creates an empty page of all addresses of a book.
    pub fn new(head: BookHead) -> Self {
        Self::with_total(head, head.addresses)
    }

    /// Creates an empty page of a list that has `total` addresses of a book.
    pub fn with_total(head: BookHead, total: u64) -> Self {
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
        self.text.push_str(address.id);
        let id_end = self.text.len();
        let mut ends = [0; Column::COUNT];
        for (end, (_, text)) in ends.iter_mut().zip(address.columns.iter()) {
            self.text.push_str(text.unwrap_or_default());
            *end = self.text.len();
        }
        self.rows.push(Row {
            id_end,
            ends,
            created_at: address.created_at,
            updated_at: address.updated_at,
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
            let id = &self.text[start..row.id_end];
            start = row.id_end;
            // The compiler optimises this loop better than a map over the array.
            let mut columns = [None; Column::COUNT];
            for ((value, end), column) in columns.iter_mut().zip(row.ends).zip(Column::ALL) {
                let text = &self.text[start..end];
                *value = Some(text).filter(|text| !text.is_empty() || !column.is_nullable());
                start = end;
            }
            AddressRef {
                id,
                columns: Columns::new(columns),
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

    /// Appends an address to the page. A column that is null is an empty slice.
    pub fn push(
        &mut self,
        id: &[u8],
        columns: [&[u8]; Column::COUNT],
        created_at: Timestamp,
        updated_at: Timestamp,
    ) {
        self.text.extend_from_slice(id);
        let id_end = self.text.len();
        let mut ends = [0; Column::COUNT];
        for (end, column) in ends.iter_mut().zip(columns) {
            self.text.extend_from_slice(column);
            *end = self.text.len();
        }
        self.page.rows.push(Row {
            id_end,
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
        let is_text = |row: &Row| {
            let mut ends = [row.id_end].into_iter().chain(row.ends);
            ends.all(|end| page.text.is_char_boundary(end))
        };
        if !page.rows.iter().all(is_text) {
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
        Self {
            id: address.id.as_str(),
            columns: address.content.columns(),
            created_at: address.created_at,
            updated_at: address.updated_at,
        }
    }
}

impl AddressRef<'_> {
    /// What a function returns for the address as the rules of countries see it. Texts are not
    /// validated again, which would take ten times as long.
    ///
    /// # Errors
    /// [`Inconsistency`] if the country does not exist, or the postal details are not texts.
    pub fn with_postal<T>(
        &self,
        function: impl FnOnce(&PostalAddress<'_>) -> T,
    ) -> Result<T, Inconsistency> {
        let country = Country::parse(self.columns[Column::Country].unwrap_or_default());
        let country = country.map_err(|_| self.damaged(Column::Country.name()))?;
        let details = self.columns[Column::PostalDetails].map(postal_details::stored_texts);
        let details = details.transpose();
        let details = details.map_err(|_| self.damaged(Column::PostalDetails.name()))?;
        let details = details.unwrap_or_default();
        let text = |member: Member| match member {
            Member::Region => self.columns[Column::Region],
            Member::City => self.columns[Column::City],
            detail => details.get(detail.name()).map(|Text(text)| &**text),
        };
        let address = PostalAddress::of(country, |member| text(member).unwrap_or_default());
        Ok(function(&address))
    }

    fn check(&self) -> Result<(), Inconsistency> {
        if !AddressId::is_valid(self.id) {
            return Err(self.damaged("id"));
        }
        let mut columns = self.columns.iter();
        match columns.find(|(column, value)| !column.can_be(**value)) {
            Some((column, _)) => Err(self.damaged(column.name())),
            None => Ok(()),
        }
    }

    fn damaged(&self, field: &'static str) -> Inconsistency {
        Inconsistency {
            record: "address",
            key: self.id.into(),
            field,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::content::AddressContent;

    const ADDRESS: AddressRef<'static> = AddressRef {
        id: "add_01h1x0z5y4c1v2f5k6p3j9n8m7",
        columns: Columns::new([
            None,
            Some("Île-de-France"),
            Some("Paris"),
            Some("FR"),
            Some(r#"{"postal_code":"75001"}"#),
            Some(r#"{"a":1}"#),
        ]),
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
        let mut other = with(Column::Description, Some("家"));
        other.columns[Column::CustomData] = None;
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

    fn with(column: Column, value: Option<&'static str>) -> AddressRef<'static> {
        let mut address = ADDRESS;
        address.columns[column] = value;
        address
    }

    fn unchecked(addresses: &[AddressRef<'_>]) -> UncheckedPage {
        let mut page = UncheckedPage::default();
        for address in addresses {
            let bytes = |column| address.columns[column].unwrap_or_default().as_bytes();
            page.push(
                address.id.as_bytes(),
                Column::ALL.map(bytes),
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
        let damaged = with(Column::Country, Some("fr"));
        assert!(unchecked(&[ADDRESS, damaged]).check().is_err());
        for (region, city) in [
            (&b"Kigali\xff"[..], &b"Kigali"[..]),
            // Valid UTF-8 only if the two fields are joined.
            (b"Kigali\xc3", b"\xa9"),
        ] {
            let mut page = UncheckedPage::default();
            let id = ADDRESS.id.as_bytes();
            page.push(id, [b"", region, city, b"RW", b"", b""], at(1), at(2));
            assert_eq!(page.check().map_err(|damage| damage.field), Err("text"));
        }
    }

    #[test]
    fn the_rules_of_countries_see_an_address_on_a_page_as_it_is_alone() {
        let details =
            r#"{"recipient":"Ada \"Countess\" Lovelace","first_line":"1 Rue","phone":"1"}"#;
        for address in [
            ADDRESS,
            with(Column::PostalDetails, None),
            with(Column::PostalDetails, Some(details)),
            with(Column::Region, Some("")),
        ] {
            let content = AddressContent::parse_stored(&address.columns).unwrap();
            let is_same = |postal: &PostalAddress<'_>| *postal == content.postal();
            assert_eq!(address.with_postal(is_same), Ok(true), "{address:?}");
        }
    }

    #[test]
    fn the_rules_of_countries_do_not_see_a_damaged_address() {
        for (column, value) in [
            (Column::Country, "ZZ"),
            (Column::PostalDetails, r#"{"postal_code":1}"#),
            (Column::PostalDetails, r#"{"postal_code":null}"#),
            (Column::PostalDetails, r#"{"postal_code":"1}"#),
            (Column::PostalDetails, "{}{}"),
        ] {
            let address = with(column, Some(value));
            let damage = address.with_postal(|_| ()).unwrap_err();
            assert_eq!((&*damage.key, damage.field), (ADDRESS.id, column.name()));
        }
    }

    #[test]
    fn a_page_names_the_damaged_field() {
        let no_id = AddressRef {
            id: "add_1",
            ..ADDRESS
        };
        for (address, field) in [
            (no_id, "id"),
            (with(Column::Description, Some("")), "description"),
            (with(Column::Region, None), "region"),
            (with(Column::City, None), "city"),
            (with(Column::Country, Some("fr")), "country"),
            (with(Column::CustomData, Some("[]")), "custom_data"),
            (with(Column::CustomData, Some(r#"{"a":"#)), "custom_data"),
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
