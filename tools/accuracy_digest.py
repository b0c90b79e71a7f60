"""Whether any result of a function has changed since its last sweep of all float32 inputs: a digest of all 2^32 results.

Called by accuracy.py; docs/accuracy.json keeps the digest beside the figures of the sweep.  Equal digests carry the figures over,
in seconds rather than minutes: what is no longer compared is the reference, which `make accuracy` without --unchanged does.
"""

import hashlib
import json

import accuracy_page
import numpy as np
import subjects

SPAN = 1 << 24
CHUNK = 1 << 18


def of_span(part):
    """The digest of the results from one input on, in the order of the inputs' bits."""
    name, kind, start = part
    function, digest, ones = subjects.bind("fastact", name, kind), hashlib.sha256(), np.ones(CHUNK, np.float32)
    for first in range(start, start + SPAN, CHUNK):
        x = np.arange(first, first + CHUNK, dtype=np.uint32).view(np.float32)
        with np.errstate(all="ignore"):
            got = function(x) if kind == "value" else function(x, ones)
        got[np.isnan(got)] = np.nan  # of NaNs the place counts alone
        digest.update(got.view(np.uint8))
    return digest.digest()


def of(pool, name, kind):
    """The digest of all results of a function of one operand."""
    spans = pool.map(of_span, [(name, kind, start) for start in range(0, 1 << 32, SPAN)], 1)
    return hashlib.sha256(b"".join(spans)).hexdigest()


def kept(name, kind):
    """The line of the last full sweep that docs/accuracy.json holds, or None."""
    path = accuracy_page.DOCS / "accuracy.json"
    line = json.loads(path.read_text()).get(f"fastact/{name}/{kind}/float32") if path.exists() else None
    return line if line and line.get("digest") and line["count"] == 1 << 32 else None


def unchanged(pool, name, kind):
    """That line, if not one of all results is another today, else None."""
    line = kept(name, kind)
    return line if line and of(pool, name, kind) == line["digest"] else None
