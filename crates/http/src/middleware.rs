//! What surrounds every operation. `app` says in which order.

pub(crate) mod access;
pub(crate) mod bounds;
pub(crate) mod compression;
pub(crate) mod cors;
pub(crate) mod exchange;
pub(crate) mod in_flight;
pub(crate) mod rate_limit;
pub(crate) mod shares;
