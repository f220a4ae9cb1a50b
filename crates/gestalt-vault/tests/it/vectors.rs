//! Stored forms, fixed: computed once with other implementations (Python's `hmac`,
//! `cryptography` and `argon2-cffi`). What one release has sealed, every later one must open.

use gestalt_core::{Secret, Timestamp};
use gestalt_vault::{
    Argon2Cost, KeyState, Keyring, Place, Purpose, RootKey, WrappedKey, hex, verify_signature,
};

use crate::root;

const ROOT: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const ROOT_ID: &str = "e5cf6aa064684e25";

fn bytes(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn row(purpose: Purpose, id: &str, wrapped: &str) -> WrappedKey {
    WrappedKey {
        id: id.parse().unwrap(),
        purpose,
        state: KeyState::Active,
        root_id: ROOT_ID.to_owned(),
        wrapped: bytes(wrapped),
        created_at: Timestamp::from_micros(0),
    }
}

fn keyring() -> Keyring {
    let rows = [
        row(
            Purpose::Credential,
            "key_018bcfe5680070008000000000000001",
            "0101202122232425262728292a2bc77a230df0b5bc2a4ce9ec5d548f2303b39a3b8333c8b0deebcf182e6a7e\
             f859cd21c6c600fd1fda0ac9e3128c2824a8",
        ),
        row(
            Purpose::TokenPepper,
            "key_018bcfe5680070008000000000000002",
            "0101202122232425262728292a2bc67b220cf1b4bd2b4de8ed5c558e2202b29b3a8232c9b1dfeace192f6b7f\
             f958ae65b7551293dab572cc26f6d85abb85",
        ),
        row(
            Purpose::Audit,
            "key_018bcfe5680070008000000000000003",
            "0101202122232425262728292a2bc578210ff2b7be284eebee5f568d2101b198398131cab2dce9cd1a2c687c\
             fa5b1610fd19ccf8b17ae411b72f841032db",
        ),
    ];
    Keyring::open(&[root(ROOT)], &rows).unwrap()
}

#[test]
fn root_key_and_canary() {
    let root = root(ROOT);
    assert_eq!(root.id(), ROOT_ID);
    let canary = "0101202122232425262728292a2b00bff0d9317968aa8f28229c8656b5072ba85662d554637993\
                  355684e4ea";
    assert!(root.check_canary(&bytes(canary)).is_ok());
}

#[test]
fn argon2id_at_a_deployments_cost() {
    let salt = std::array::from_fn(|at| u8::try_from(at).unwrap());
    let passphrase = Secret::new("correct horse battery staple");
    let root = RootKey::from_setting(&passphrase, &salt, Argon2Cost::default()).unwrap();
    assert_eq!(root.id(), "cd3eca58a3940737");
}

#[test]
fn sealed_record() {
    let sealed = "0101018bcfe5680070008000000000000001202122232425262728292a2bae1013b009addc99f13a\
                  3db27abb91e0a1f2f411cb6005e931b9a7";
    let place = Place {
        table: "credential_secrets",
        record: "con_1",
        subject: "user:usr_1",
        plugin: "plg_1",
        connection: "default",
        field: "token",
        generation: 7,
    };
    let key = "key_018bcfe5680070008000000000000001".parse().unwrap();
    let opened = keyring().unseal(&place, key, &bytes(sealed)).unwrap();
    assert_eq!(opened.expose(), b"trk_hunter2");
}

#[test]
fn token_hash() {
    let token = "gst_api_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf09vzhV";
    assert_eq!(
        hex(&keyring().hash_token(token).1),
        "e7132e20a66fbe6f522392a46d3acc4b1586dce6c2b8c857e654cd057c7a095c"
    );
}

#[test]
fn signature() {
    let ring = keyring();
    let signature = ring.sign(b"checkpoint");
    let (_, public) = ring.public_keys()[0];
    assert_eq!(
        hex(&public),
        "65e8f9b0bc6eae124169f0576f97362d295a8cf5f770b45e14357ce647d33eec"
    );
    assert_eq!(
        hex(&signature.bytes),
        "895a8362ada2e31b366f42bb78b764cb642f8f09c70473e29b5704804efb0fba\
         6f6e93e05f6e07b7edb1116d6d020c5c01ccccf66ef0afadd6cf1ca626f4c002"
    );
    assert!(verify_signature(&public, b"checkpoint", &signature.bytes));
}
