use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::sync::atomic::Ordering;

use gestalt_api::audit::VerifyAudit;
use gestaltd::admin_socket::AdminSocket;
use gestaltd::admin_socket::client::{self, AdminError};

use crate::house::{House, Plan};

#[tokio::test]
async fn it_belongs_to_its_owner_and_goes_with_the_daemon() {
    let house = Plan::local().build().await;
    let path = house.path("admin.sock");
    let file = std::fs::metadata(&path).unwrap();
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    house.stop.cancel();
    assert!(house.served.await.unwrap().is_ok());
}

#[tokio::test]
async fn nobody_there_is_said_and_a_file_in_the_way_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    assert!(matches!(
        client::reload(&path).await,
        Err(AdminError::NotRunning(_))
    ));
    std::fs::write(&path, "precious").unwrap();
    assert!(AdminSocket::bind(&path).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(&path).unwrap();
    drop(AdminSocket::bind(&path).unwrap());
    assert!(!path.exists());
}

#[tokio::test]
async fn the_owners_commands_reach_the_daemon() {
    let house = Plan::local().build().await;
    let socket = house.path("admin.sock");
    client::reload(&socket).await.unwrap();
    assert_eq!(house.reloads.load(Ordering::SeqCst), 1);
    let link = client::login_link(&socket).await.unwrap();
    assert!(link.url.starts_with("http://localhost:") && link.url.contains("/login?code=gst_log_"));
    let found = client::verify_audit(&socket, &VerifyAudit::default())
        .await
        .unwrap();
    assert!(found.ok, "{found:?}");
    let file = house.path("backup");
    assert!(client::backup(&socket, &file).await.unwrap().rows > 0);
    assert!(file.exists());
}

#[tokio::test]
async fn where_nobody_logs_in_there_is_no_login_link() {
    let house = House::open().await;
    let refused = client::login_link(&house.path("admin.sock")).await;
    assert!(matches!(refused, Err(AdminError::Refused(_))));
}

#[tokio::test]
async fn the_owner_rotates_the_key_that_upstreams_verify_by() {
    let house = House::open().await;
    let socket = house.path("admin.sock");
    let refused = client::rotate_key(&socket, "credential").await;
    assert!(matches!(refused, Err(AdminError::Refused(_))));
    let rotated = client::rotate_key(&socket, "identity_jwt").await.unwrap();
    let again = client::rotate_key(&socket, "identity_jwt").await;
    assert!(matches!(again, Err(AdminError::Refused(_))));
    let published = house.gateway.published_keys().0;
    assert_eq!(published["keys"][0]["kid"], rotated.id);
    assert_eq!(published["keys"].as_array().unwrap().len(), 2);
}
