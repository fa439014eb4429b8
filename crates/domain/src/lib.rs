//! The domain of Addressbook: entities, value objects, ports and use cases.
//!
//! This crate depends on no database and no HTTP framework. It has five parts:
//!
//! * **Value objects** ([`CustomerId`], [`AddressId`], [`Country`], [`Region`],
//!   [`City`], [`Description`], [`CustomData`], [`Timestamp`], [`Revision`]) have
//!   private fields, one fallible `parse`, and an error that says what was expected.
//!   A parsed value is valid and is not checked again.
//! * **Ports** ([`AddressRepository`], [`ApiKeyRepository`], [`Authenticator`], [`Clock`],
//!   [`IdSource`], [`SecretSource`], [`Timer`]) are traits for what the use cases need from outside. Their
//!   doc comments are contracts.
//! * **The store as a whole** ([`Engine`], [`Store`]) is what a program opens, examines and copies.
//! * **Country rules** ([`CountryRules`], [`findings`], [`label_lines`]) say what addresses look like
//!   in each country.
//! * **Use cases** ([`AddressService`], [`ApiKeyService`]) are what the service does, in terms of
//!   values and ports.

mod address;
mod change;
mod clock;
mod commit;
mod countries;
mod country;
mod create;
mod customer_id;
mod default_addresses;
mod field_error;
mod id_source;
mod idempotency;
mod import;
mod inconsistency;
pub mod json;
mod keys;
mod limits;
mod listing;
mod min_revision;
mod reads;
mod replicas;
mod repository;
mod secret_source;
mod service;
mod store;
#[cfg(test)]
mod testing;
mod timer;
mod timestamp;
mod validate;

pub use address::address_id::{AddressId, AddressIdError};
pub use address::content::{AddressContent, AddressInput, Input, MemberValue};
pub use address::custom_data::{CustomData, CustomDataError};
pub use address::match_key::MatchKey;
pub use address::member::{Column, Columns, Member, Members};
pub use address::patch::AddressPatch;
pub use address::postal_details::{DetailError, PostalDetails};
pub use address::text::{City, Description, Region, TextError};
pub use address::{Address, AddressRevision, ChangeKind, Revision, Version};
pub use change::{ChangeError, Changed, Precondition};
pub use clock::Clock;
pub use commit::{Change, Commit, Committed, NewIdempotencyKey};
pub use countries::address_rules::AddressRules;
pub use countries::findings::{AddressFinding, FindingCode, findings};
pub use countries::format::{AddressFormat, FormatElement, PostalMember};
pub use countries::index::{CountryName, RulesSource};
pub use countries::label::{Script, label_lines};
pub use countries::named::country_named;
pub use countries::postal_address::PostalAddress;
pub use countries::postal_code::PostalCodeRules;
pub use countries::rules::{CountryRules, MemberKinds};
pub use countries::subdivision::{PostalCodePrefixes, Subdivision};
pub use countries::vcard::vcard;
pub use country::{Country, CountryError};
pub use create::{CreateError, Created, NewAddress, OnDuplicate, Origin};
pub use customer_id::{CustomerId, CustomerIdError};
pub use default_addresses::patch::{DefaultAddressesPatch, TooManyPurposes};
pub use default_addresses::purpose::{Purpose, PurposeError};
pub use default_addresses::use_cases::DefaultAddressesError;
pub use default_addresses::{
    BookDefaults, DefaultAddressChange, DefaultAddresses, DefaultAddressesVersion, ExportedAddress,
};
pub use field_error::{FieldError, FieldErrors};
pub use id_source::IdSource;
pub use idempotency::{
    Fingerprint, IdempotencyKey, IdempotencyKeyError, IdempotencyRecord, IdempotentRequest,
};
pub use import::{
    ImportContent, ImportEntry, ImportError, ImportOptions, ImportOutcome, OnConflict,
    OnDuplicateEntry, OnError,
};
pub use inconsistency::Inconsistency;
#[cfg(any(test, feature = "mock"))]
pub use keys::access::MockAuthenticator;
pub use keys::access::{Access, Authenticator, Scope, ScopeError};
pub use keys::api_key::{ApiKey, ApiKeyId, ApiKeyIdError, KeyName, KeyNameError, KeyState};
pub use keys::api_key_repository::ApiKeyRepository;
#[cfg(any(test, feature = "mock"))]
pub use keys::api_key_repository::MockApiKeyRepository;
pub use keys::api_key_service::{ApiKeyService, CreateKeyError, NewApiKey};
pub use keys::api_token::{ApiToken, TokenDigest};
pub use keys::key_authenticator::KeyAuthenticator;
pub use limits::{ContentLimits, ServiceLimits};
pub use listing::page::{AddressPage, AddressRef, BookHead, UncheckedPage};
pub use listing::pagination::{Limit, LimitError, Offset, OffsetError};
pub use listing::search_text::SearchText;
pub use listing::{Filter, ListPosition, Listing, Order, OrderKey, PageRequest, PageStart};
pub use min_revision::{MinRevision, MinRevisionError};
pub use reads::ReadError;
pub use replicas::Replicas;
#[cfg(any(test, feature = "mock"))]
pub use repository::MockAddressRepository;
pub use repository::{
    AddressRepository, AddressRevisions, Cause, CommitError, Erased, Found, Lookup, Refusal,
    RepositoryError, RevisionRange, Scan,
};
pub use secret_source::SecretSource;
pub use service::AddressService;
pub use store::{
    ConnectionPool, CopyError, CopyStep, CopySummary, Engine, Examination, Finding, Maintenance,
    OpenError, OpenMode, PoolState, Replication, Store, Verdict,
};
pub use timer::Timer;
pub use timestamp::{Timestamp, TimestampError};
pub use validate::InputFinding;
