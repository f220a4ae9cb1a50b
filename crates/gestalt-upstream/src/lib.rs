//! The only room that leaves the process: the guarded HTTP client and the surfaces on it.
