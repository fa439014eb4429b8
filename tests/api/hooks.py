"""What the document cannot say of a right request."""

import uuid

import schemathesis
from schemathesis import GenerationMode


@schemathesis.hook
def before_call(ctx, case, kwargs):
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
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
