"""A team's first hour with the generated client: create, list, change, remove."""

import sys

from addressbook_client import AuthenticatedClient, Client
from addressbook_client.api.addresses import (
    create_address,
    get_address,
    list_addresses,
    patch_address,
    remove_address,
)
from addressbook_client.api.default_addresses import (
    get_default_addresses,
    patch_default_addresses,
)
from addressbook_client.api.revisions import get_address_revision
from addressbook_client.models import Address, AddressList, AddressPatch, NewAddress, Problem
from addressbook_client.models import DefaultAddresses, DefaultAddressesPatch
from addressbook_client.models import ListAddressesIncludeItem as Included
from addressbook_client.models import NewAddressCustomDataType0 as CustomData

url, key = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key)
customer = "cus_python"

custom_data = CustomData()
custom_data["landmark"] = "Office at Kigali Heights"
content = NewAddress(
    description="Home Address",
    region="Kigali",
    city="Kigali",
    country="RW",
    recipient="Aline Uwase",
    first_line="KG 7 Avenue 12",
    custom_data=custom_data,
    default_for=["shipping"],
)
created = create_address.sync_detailed(
    customer, client=client, body=content, idempotency_key="python-1"
)
assert created.status_code == 201, created
address = created.parsed
assert isinstance(address, Address), address

# The list shows what was written, whichever database answers.
seen = created.headers["Book-Revision"]
listed = list_addresses.sync(
    customer,
    client=client,
    limit=2,
    country=["RW", "US"],
    include=[Included.DEFAULT_FOR],
    min_book_revision=seen,
)
assert isinstance(listed, AddressList), listed
assert [one.id for one in listed.addresses] == [address.id], listed

assert listed.addresses[0].first_line == "KG 7 Avenue 12", listed
assert listed.addresses[0].default_for == ["shipping"], listed

defaults = get_default_addresses.sync(customer, client=client)
assert isinstance(defaults, DefaultAddresses), defaults
assert defaults.default_addresses.to_dict() == {"shipping": address.id}, defaults
change = DefaultAddressesPatch.from_dict(
    {"default_addresses": {"billing": address.id, "shipping": None}}
)
defaults = patch_default_addresses.sync(customer, client=client, body=change)
assert isinstance(defaults, DefaultAddresses), defaults
assert defaults.default_addresses.to_dict() == {"billing": address.id}, defaults

etag = created.headers["ETag"]
patch = AddressPatch.from_dict({"description": None, "recipient": None, "custom_data": {"floor": "15th"}})
patched = patch_address.sync(customer, address.id, client=client, body=patch, if_match=etag)
assert isinstance(patched, Address), patched
assert patched.description is None
assert not patched.recipient and patched.first_line == "KG 7 Avenue 12", patched
assert patched.custom_data.to_dict() == {"landmark": "Office at Kigali Heights", "floor": "15th"}

stale = patch_address.sync(
    customer, address.id, client=client, body=AddressPatch(city="Butare"), if_match=etag
)
assert isinstance(stale, Problem), stale
assert stale.type_ == "urn:addressbook:problem:precondition-failed", stale

newer = get_address.sync(customer, address.id, client=client, min_book_revision="9" * 18)
assert isinstance(newer, Problem), newer
assert newer.type_ == "urn:addressbook:problem:revision-unavailable", newer

removed = remove_address.sync_detailed(customer, address.id, client=client)
assert removed.status_code == 204, removed
gone = get_address.sync(customer, address.id, client=client)
assert isinstance(gone, Problem) and gone.status == 404, gone
revision = get_address_revision.sync(customer, address.id, 1, client=client)
assert revision.change == "created", revision

refused = list_addresses.sync(customer, client=Client(base_url=url))
assert isinstance(refused, Problem) and refused.status == 401, refused

print("Python: listed, created, patched, removed")
