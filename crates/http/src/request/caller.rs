//! Who sent a request.

use std::cell::OnceCell;
use std::rc::Rc;

use actix_web::{HttpMessage as _, HttpRequest};
use addressbook_domain::{Access, Scope};

/// The caller of a request, once known. It is in the request's extensions. Clones outlive the
/// request, so the caller is still known if the request is abandoned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller(Rc<OnceCell<Access>>);

impl Caller {
    /// What the caller's credential allows.
    pub(crate) fn access(&self) -> Option<&Access> {
        self.0.get()
    }

    /// Whether the caller of a request may read what it writes. A credential that may only write
    /// must not learn stored data, for example with a patch that changes nothing.
    pub(crate) fn may_read(request: &HttpRequest) -> bool {
        let extensions = request.extensions();
        let access = extensions.get::<Self>().and_then(Self::access);
        access.is_none_or(|access| access.scopes.contains(&Scope::Read))
    }

    /// Sets the caller. Later calls have no effect.
    pub(crate) fn set(&self, access: Access) {
        let _ = self.0.set(access);
    }
}
