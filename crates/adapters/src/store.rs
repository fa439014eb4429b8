//! Implements the ports with SQL, in the same way for both databases.

pub(crate) mod api_keys;
pub(crate) mod book_parts;
pub(crate) mod borrow_text;
pub(crate) mod bulk;
pub(crate) mod error;
pub(crate) mod fast_reads;
pub(crate) mod read_queries;
pub(crate) mod reads;
pub(crate) mod rehearsal;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod sql_store;
pub(crate) mod statements;
pub(crate) mod writes;
