//! End-to-end tests: the real daemon, real peers.
