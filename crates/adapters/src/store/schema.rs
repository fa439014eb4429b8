//! The tables for Diesel, the same for both databases.

diesel::table! {
    address_books (customer_id) {
        customer_id -> Text,
        addresses -> BigInt,
        revision -> BigInt,
        past_revisions -> BigInt,
    }
}

diesel::table! {
    address_book_parts (customer_id, first_id) {
        customer_id -> Text,
        first_id -> Text,
        addresses -> BigInt,
    }
}

diesel::table! {
    addresses (customer_id, id) {
        customer_id -> Text,
        id -> Text,
        description -> Nullable<Text>,
        region -> Text,
        city -> Text,
        country -> Text,
        postal_details -> Nullable<Text>,
        custom_data -> Nullable<Text>,
        created_at -> BigInt,
        updated_at -> BigInt,
        revision -> BigInt,
        changed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    address_revisions (customer_id, id, revision) {
        customer_id -> Text,
        id -> Text,
        revision -> BigInt,
        change -> Text,
        changed_at -> BigInt,
        description -> Nullable<Text>,
        region -> Text,
        city -> Text,
        country -> Text,
        postal_details -> Nullable<Text>,
        custom_data -> Nullable<Text>,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    idempotency_records (customer_id, key) {
        customer_id -> Text,
        key -> Text,
        fingerprint -> Binary,
        address_id -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    default_addresses (customer_id, purpose) {
        customer_id -> Text,
        purpose -> Text,
        address_id -> Text,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Text,
        digest -> Binary,
        name -> Text,
        scopes -> Text,
        customer_id -> Nullable<Text>,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(address_books, addresses);
diesel::allow_tables_to_appear_in_same_query!(address_books, default_addresses);

/// The columns of an address's content in SQL, in the order of
/// [`Column::ALL`](addressbook_domain::Column::ALL), each after a prefix.
macro_rules! content_columns {
    ($prefix:literal) => {
        concat!(
            $prefix,
            "description, ",
            $prefix,
            "region, ",
            $prefix,
            "city, ",
            $prefix,
            "country, ",
            $prefix,
            "postal_details, ",
            $prefix,
            "custom_data"
        )
    };
}
pub(crate) use content_columns;

/// A `?` for each of [`content_columns`].
macro_rules! content_values {
    () => {
        "?, ?, ?, ?, ?, ?"
    };
}
pub(crate) use content_values;
