"""Adapts generated requests to rules that the OpenAPI document cannot express."""

import uuid

import schemathesis
from schemathesis import GenerationMode

# Of an address's texts, in characters.
SHORT_LIMITS = {"postal_code": 20, "sorting_code": 20, "phone": 40}
SHORTEST_OTHER_LIMIT, LONGEST_LIMIT = 200, 1024


def make_long_text_too_long(body):
    """Makes texts that are too long much longer. The service trims and composes a text before it
    counts characters, so a text with one character too many may be valid."""
    if not isinstance(body, dict):
        return
    for name, text in body.items():
        limit = SHORT_LIMITS.get(name, SHORTEST_OTHER_LIMIT)
        if isinstance(text, str) and len(text) > limit:
            body[name] = text + "x" * (LONGEST_LIMIT + 1)


def give_a_place(body, is_new):
    """Gives an address a region and a city. Only some countries do without them."""
    if not isinstance(body, dict) or (is_new and "country" not in body):
        return
    for name in ("region", "city"):
        if (is_new or name in body) and not (body.get(name) or "").strip():
            body[name] = "Kigali"


def limit_default_addresses(body):
    """Replaces ids by null, because a default address must be in the customer's book, and uses few
    purposes, because a customer has at most 16."""
    if not isinstance(body, dict):
        return
    if isinstance(body.get("default_addresses"), dict):
        body["default_addresses"] = dict.fromkeys(body["default_addresses"])
    if body.get("default_for"):
        body["default_for"] = ["billing", "shipping"][: len(body["default_for"])]


@schemathesis.hook
def before_call(ctx, case, kwargs):
    if case.meta is None:
        return
    if case.meta.generation.mode != GenerationMode.POSITIVE:
        make_long_text_too_long(case.body)
        return
    give_a_place(case.body, is_new=case.method == "POST")
    limit_default_addresses(case.body)
    if "as_of" in case.query:
        # Default addresses have no history.
        case.query.pop("default_for", None)
        case.query.pop("include", None)
    if "after" in case.query:
        if case.query["after"]:
            # A cursor must come from the service, so a generated one is never valid.
            del case.query["after"]
        else:
            # An empty cursor requests the first page, and excludes an offset.
            case.query.pop("offset", None)
    if "Idempotency-Key" in case.headers:
        # A key may be used again only with the same body.
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if "Min-Book-Revision" in case.headers:
        # No book has a revision that was generated.
        case.headers["Min-Book-Revision"] = "0"
    # Generated tags match no state, so no change would ever succeed. This removes half of them.
    for condition in ("If-Match", "If-None-Match"):
        if len(case.headers.get(condition, "")) % 2:
            del case.headers[condition]
