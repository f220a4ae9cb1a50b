//! Who presents a request: denials first.

use gestalt_core::{Code, Secret};
use gestalt_gateway::Method;
use gestalt_gateway::settings::LoginSettings;

use crate::clients::code;
use crate::gateway::TestGateway;

#[tokio::test]
async fn without_a_credential_there_is_no_caller() {
    let test = TestGateway::new().await;
    assert_eq!(code(test.nobody().caller().await), Code::Unauthenticated);
    let me = test.cookie(&test.bob).caller().await.unwrap();
    assert_eq!(me.subject().to_string(), test.bob.subject());
}

#[tokio::test]
async fn an_invalid_credential_is_refused_also_without_a_login() {
    let test = TestGateway::with(|setup, _| setup.login = LoginSettings::None).await;
    let bad = Secret::new("gst_api_nonsense");
    for client in [
        test.bearer(&bad),
        test.nobody().api_key(&bad),
        test.nobody().cookie(&bad),
    ] {
        assert_eq!(code(client.caller().await), Code::Unauthenticated);
    }
    let anonymous = test.nobody().caller().await.unwrap();
    assert_eq!(anonymous.method(), Method::None);
}
