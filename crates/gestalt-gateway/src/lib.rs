//! The rules: authenticate, authorize, resolve, call, audit.
