//! The peers themselves work, so that a failing test means us.

use gestalt_e2e::{Client, peers};

#[tokio::test]
async fn httpbin_answers() {
    let httpbin = peers::httpbin().await;
    let client = Client::new(&httpbin.url);
    let answer = client.get("/get?a=1").await.expect(200);
    assert_eq!(answer.json()["args"]["a"], "1");
    let compressed = client.get("/gzip").await.expect(200);
    assert_eq!(compressed.header("content-encoding"), "gzip");
}
