//! The orders of a list, by their names in the query.

use addressbook_domain::{Order, OrderKey};

/// The values of `order`. Cursors contain the indexes, so add new values at the end.
pub(crate) const ORDERS: [(&str, Order); 6] = [
    ("id", order(OrderKey::Id, false)),
    ("-id", order(OrderKey::Id, true)),
    ("created_at", order(OrderKey::CreatedAt, false)),
    ("-created_at", order(OrderKey::CreatedAt, true)),
    ("updated_at", order(OrderKey::UpdatedAt, false)),
    ("-updated_at", order(OrderKey::UpdatedAt, true)),
];

const fn order(key: OrderKey, descending: bool) -> Order {
    Order { key, descending }
}

/// The values of the parameter `order`.
pub(crate) fn orders() -> impl Iterator<Item = &'static str> {
    ORDERS.iter().map(|(name, _)| *name)
}
