"""Verifies a token by the keys that are published, as an upstream would, and prints its claims.

Usage: verify_identity.py KEYS_URL ISSUER AUDIENCE TOKEN
"""

import json
import sys

import jwt


def main(url, issuer, audience, token):
    key = jwt.PyJWKClient(url).get_signing_key_from_jwt(token)
    required = ["iss", "sub", "aud", "iat", "exp", "jti"]
    claims = jwt.decode(
        token,
        key,
        algorithms=["EdDSA"],
        issuer=issuer,
        audience=audience,
        options={"require": required},
    )
    for other in [issuer, audience + "/other"]:
        try:
            jwt.decode(token, key, algorithms=["EdDSA"], audience=other)
        except jwt.InvalidAudienceError:
            continue
        sys.exit(f"the token is for {other}, too")
    print(json.dumps(claims))


main(*sys.argv[1:])
