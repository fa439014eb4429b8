use std::str::{self, Utf8Error};

use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;

/// A database whose text values can be borrowed from its buffers, without a copy.
pub(crate) trait BorrowText: Backend {
    fn text<'v>(value: &'v mut Self::RawValue<'_>) -> Result<&'v str, Utf8Error>;
}

impl BorrowText for Sqlite {
    fn text<'v>(value: &'v mut Self::RawValue<'_>) -> Result<&'v str, Utf8Error> {
        Ok(value.read_text())
    }
}

impl BorrowText for Pg {
    fn text<'v>(value: &'v mut Self::RawValue<'_>) -> Result<&'v str, Utf8Error> {
        str::from_utf8(value.as_bytes())
    }
}
