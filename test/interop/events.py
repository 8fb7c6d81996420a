"""Reads events as lines of JSON, and writes what Synapse, signedjson and canonicaljson make of each."""

import hashlib
import json
import sys

from canonicaljson import encode_canonical_json
from signedjson.key import decode_signing_key_base64
from signedjson.sign import sign_json
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.crypto.event_signing import compute_content_hash, compute_event_signature
from synapse.synapse_rust.events import redact_event_dict
from unpaddedbase64 import encode_base64

KEY = decode_signing_key_base64("ed25519", "1", sys.argv[1])

for line in sys.stdin:
    version, event = json.loads(line)
    rules = KNOWN_ROOM_VERSIONS[version]
    essential = redact_event_dict(rules, event)
    essential.pop("signatures", None)
    essential.pop("unsigned", None)
    # Only the content has floats, which cannot be signed outside events.
    rest = {key: value for key, value in event.items() if key != "content"}
    _, content_hash = compute_content_hash(event, hashlib.sha256)
    result = {
        "canonical": encode_canonical_json(event).decode(),
        "contentHash": encode_base64(content_hash),
        "referenceHash": encode_base64(hashlib.sha256(encode_canonical_json(essential)).digest()),
        "eventSignature": compute_event_signature(rules, event, "domain", KEY)["domain"]["ed25519:1"],
        "jsonSignature": sign_json(rest, "domain", KEY)["signatures"]["domain"]["ed25519:1"],
    }
    print(json.dumps(result))
