//! Parsing of requests.

pub(crate) mod accept;
pub(crate) mod address_input;
pub(crate) mod caller;
pub(crate) mod client;
pub(crate) mod cursor;
pub(crate) mod include;
pub(crate) mod json_body;
pub(crate) mod list_order;
pub(crate) mod list_request;
pub(crate) mod merge_patch;
pub(crate) mod min_book_revision;
pub(crate) mod parameters;
pub(crate) mod prefer;
pub(crate) mod request_body;
pub(crate) mod request_id;
pub(crate) mod request_stream;
