use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr};

use actix_web::{HttpMessage as _, HttpRequest};
use addressbook_domain::{Access, CustomerId};

use crate::request::caller::Caller;

/// The unit to which a limit applies: a credential, or an IP address for requests without one.
#[derive(Hash)]
pub(crate) enum Client<'a> {
    /// The name of a credential, and the customer to which it is bound.
    Credential(&'a str, Option<&'a str>),
    /// The address of the connection.
    Address(Option<IpAddr>),
}

impl Client<'_> {
    /// A number for the client of a request. With a hasher that outsiders cannot predict, nothing
    /// else has to be stored to distinguish clients.
    pub(crate) fn number(request: &HttpRequest, hasher: &RandomState) -> u64 {
        let extensions = request.extensions();
        let access = extensions.get::<Caller>().and_then(Caller::access);
        let address = || request.peer_addr().map(|address| subscriber(address.ip()));
        hasher.hash_one(access.map_or_else(|| Client::Address(address()), Client::of))
    }
}

impl<'a> Client<'a> {
    fn of(access: &'a Access) -> Self {
        let customer_id = access.customer_id.as_ref().map(CustomerId::as_str);
        Self::Credential(&access.name, customer_id)
    }
}

/// The part of an address that identifies the subscriber.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}
