//! Middleware around every operation. `app` defines the order.

pub(crate) mod access;
pub(crate) mod bounds;
pub(crate) mod compression;
pub(crate) mod cors;
pub(crate) mod exchange;
pub(crate) mod in_flight;
pub(crate) mod rate_limit;
pub(crate) mod shares;
