//! Seals and opens bytes, keeps the keyring, makes and hashes tokens.
