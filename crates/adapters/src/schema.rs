//! The tables as Diesel sees them, the same for both databases.

diesel::table! {
    address_books (customer_id) {
        customer_id -> Text,
        addresses -> BigInt,
        revision -> BigInt,
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
        custom_data -> Nullable<Text>,
        created_at -> BigInt,
        updated_at -> BigInt,
        revision -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(address_books, addresses);
