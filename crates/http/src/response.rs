//! Building of responses.

pub(crate) mod address_etag;
pub(crate) mod address_json;
pub(crate) mod book_revision;
pub(crate) mod cache_control;
pub(crate) mod country_json;
pub(crate) mod etag;
pub(crate) mod included;
pub(crate) mod link;
pub(crate) mod page_json;
pub(crate) mod problem;
pub(crate) mod problem_kind;
pub(crate) mod static_file;
pub(crate) mod unsent;
