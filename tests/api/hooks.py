"""What the document cannot say of a right or a wrong request."""

import uuid

import schemathesis
from schemathesis import GenerationMode

SHORTEST_LIMIT, LONGEST_LIMIT = 200, 1024  # of an address's texts, in characters


def make_long_text_too_long(body):
    """The service counts what is left of a text once it is trimmed and composed, so that one
    character more than the document allows need not be too many."""
    if not isinstance(body, dict):
        return
    for name, text in body.items():
        if isinstance(text, str) and len(text) > SHORTEST_LIMIT:
            body[name] = text + "x" * (LONGEST_LIMIT + 1)


@schemathesis.hook
def before_call(ctx, case, kwargs):
    if case.meta is None:
        return
    if case.meta.generation.mode != GenerationMode.POSITIVE:
        make_long_text_too_long(case.body)
        return
    if "after" in case.query:
        if case.query["after"]:
            # Nobody makes up a cursor of which the service says that it gave it out.
            del case.query["after"]
        else:
            # The first page by cursors: not together with an offset.
            case.query.pop("offset", None)
    if "Idempotency-Key" in case.headers:
        # The same key is for the same body alone.
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    # Made-up tags name no state, so that nothing would ever be changed: half of them go.
    for condition in ("If-Match", "If-None-Match"):
        if len(case.headers.get(condition, "")) % 2:
            del case.headers[condition]
