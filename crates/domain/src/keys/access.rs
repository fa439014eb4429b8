use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;

use crate::customer_id::CustomerId;
use crate::repository::RepositoryError;

/// A permission of a credential: a scope of OAuth 2.0 (RFC 6749, section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `addresses:read`: list and get addresses and their revisions.
    Read,
    /// `addresses:write`: create, change, remove and erase addresses.
    Write,
}

/// The text is not a [`Scope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected addresses:read or addresses:write")]
pub struct ScopeError;

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 2] = [Self::Read, Self::Write];

    /// Parses the name of a scope.
    ///
    /// # Errors
    /// [`ScopeError`] if there is no such scope.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let mut all = Self::ALL.into_iter();
        all.find(|scope| scope.as_str() == text).ok_or(ScopeError)
    }

    /// The name of the scope.
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
    /// The name of the credential, for the log. Never the credential itself, and never personal
    /// data of a customer.
    pub name: Arc<str>,
    /// The permissions of the credential.
    pub scopes: Vec<Scope>,
    /// The only customer whose address book it allows. `None`: all customers.
    pub customer_id: Option<CustomerId>,
}

impl Access {
    /// Whether it has a scope for a customer's book, or outside of books (`None`).
    pub fn allows(&self, scope: Scope, customer_id: Option<&str>) -> bool {
        self.scopes.contains(&scope) && self.covers_customer(customer_id)
    }

    /// Whether it applies to a customer's book at all, regardless of scopes. Outside of books
    /// (`None`), every credential applies.
    pub fn covers_customer(&self, customer_id: Option<&str>) -> bool {
        let bound_to = self.customer_id.as_ref();
        let pair = bound_to.zip(customer_id);
        pair.is_none_or(|(own, customer_id)| own.as_str() == customer_id)
    }
}

/// Authenticates callers by a bearer token (RFC 6750).
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Returns what the holder of a token may do, or `None` if the token is invalid: unknown,
    /// malformed, expired, revoked, or issued for another audience.
    ///
    /// # Errors
    /// The error of the store of credentials, as for
    /// [`AddressRepository`](crate::AddressRepository). The caller MUST then reject the request.
    async fn authenticate(&self, token: &str) -> Result<Option<Access>, RepositoryError>;

    /// Whether requests without a token are rejected. Once this is `true`, it MUST stay `true`.
    fn is_required(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_parse_from_their_exact_names() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Ok(scope));
        }
        for text in ["", "addresses", "addresses:READ", " addresses:read"] {
            assert_eq!(Scope::parse(text), Err(ScopeError));
        }
    }

    #[test]
    fn a_credential_for_one_customer_allows_only_that_book() {
        let mut access = Access {
            name: "shop".into(),
            scopes: vec![Scope::Read],
            customer_id: None,
        };
        assert!(access.allows(Scope::Read, Some("cus_1")));
        assert!(!access.allows(Scope::Write, Some("cus_1")));
        access.customer_id = Some(CustomerId::parse("cus_1").unwrap());
        assert!(access.allows(Scope::Read, Some("cus_1")));
        assert!(!access.allows(Scope::Read, Some("cus_2")));
        assert!(!access.allows(Scope::Read, Some("CUS_1")));
    }
}
