//! The peers themselves work, so that a failing test means us.

use std::net::TcpStream;

use gestalt_e2e::{Client, Postgres, peers};

#[tokio::test]
async fn httpbin_answers() {
    let httpbin = peers::httpbin().await;
    let client = Client::new(&httpbin.url);
    let answer = client.get("/get?a=1").await.expect(200);
    assert_eq!(answer.json()["args"]["a"], "1");
    let compressed = client.get("/gzip").await.expect(200);
    assert_eq!(compressed.header("content-encoding"), "gzip");
}

#[tokio::test]
async fn postgres_listens_and_leaves_nothing() {
    let postgres = Postgres::start().await;
    let folder = postgres.folder().to_path_buf();
    let address = postgres.url();
    let address = address.split(['@', '/']).nth(3).unwrap().to_owned();
    assert!(TcpStream::connect(&address).is_ok(), "{address}");
    drop(postgres);
    assert!(!folder.exists());
    assert!(TcpStream::connect(&address).is_err());
}
