use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;

use crate::{CustomerId, RepositoryError};

/// What a credential allows, as OAuth 2.0 spells it (RFC 6749, section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `addresses:read`: to list and get addresses and their revisions.
    Read,
    /// `addresses:write`: to create, change, remove and erase addresses.
    Write,
}

/// The text is no [`Scope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected addresses:read or addresses:write")]
pub struct ScopeError;

impl Scope {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Read, Self::Write];

    /// Reads a scope's name.
    ///
    /// # Errors
    /// [`ScopeError`] when there is no such scope.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let mut all = Self::ALL.into_iter();
        all.find(|scope| scope.as_str() == text).ok_or(ScopeError)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "addresses:read",
            Self::Write => "addresses:write",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a credential allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// What the credential is called, for the log: never the credential itself, nor anything
    /// of a customer.
    pub name: Arc<str>,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// Whose address book alone it opens; every book without.
    pub customer_id: Option<CustomerId>,
}

impl Access {
    /// Whether it allows something in a customer's book.
    pub fn allows(&self, scope: Scope, customer_id: &str) -> bool {
        self.scopes.contains(&scope) && self.opens(customer_id)
    }

    /// Whether it has to do with that customer's book at all.
    pub fn opens(&self, customer_id: &str) -> bool {
        let bound_to = self.customer_id.as_ref();
        bound_to.is_none_or(|own| own.as_str() == customer_id)
    }
}

/// Tells whom a bearer token (RFC 6750) belongs to.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// What the holder of a token may do, or `None` where the token is worth nothing: unknown,
    /// malformed, expired, revoked, or made for others.
    ///
    /// # Errors
    /// What the store of credentials reports, as of [`AddressRepository`](crate::AddressRepository).
    /// The caller MUST reject the request then.
    async fn authenticate(&self, token: &str) -> Result<Option<Access>, RepositoryError>;

    /// Whether a request without a token is rejected. Once it is, it MUST stay so.
    fn is_required(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_they_are_written() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Ok(scope));
        }
        for text in ["", "addresses", "addresses:READ", " addresses:read"] {
            assert_eq!(Scope::parse(text), Err(ScopeError));
        }
    }

    #[test]
    fn a_bound_credential_opens_one_book() {
        let mut access = Access {
            name: "shop".into(),
            scopes: vec![Scope::Read],
            customer_id: None,
        };
        assert!(access.allows(Scope::Read, "cus_1"));
        assert!(!access.allows(Scope::Write, "cus_1"));
        access.customer_id = Some(CustomerId::parse("cus_1").unwrap());
        assert!(access.allows(Scope::Read, "cus_1"));
        assert!(!access.allows(Scope::Read, "cus_2"));
        assert!(!access.allows(Scope::Read, "CUS_1"));
    }
}
