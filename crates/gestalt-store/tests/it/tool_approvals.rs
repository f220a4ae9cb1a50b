//! Approvals of tools.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use gestalt_store::{Change, Store, StoreError, ToolApprovalRow};

use crate::contract::contract;
use crate::samples::*;

contract! {
    an_approval_of_an_unknown_plugin_is_refused,
    an_approval_that_is_another_by_now_is_not_forgotten,
    a_failed_record_leaves_no_approval,
    a_later_approval_takes_the_place_of_an_earlier_one,
    approvals_of_another_plugin_are_not_listed,
}

async fn approve(store: &Store, rows: &[ToolApprovalRow]) {
    let changes = rows.iter().cloned().map(Change::PutToolApproval);
    store.write(&changes.collect::<Vec<_>>()).await.unwrap();
}

fn forget(tool: &str, number: u32) -> Change {
    Change::ForgetToolApproval {
        plugin: plugin_id(0),
        tool: tool.to_owned(),
        digest: hash(number),
    }
}

async fn an_approval_of_an_unknown_plugin_is_refused(store: Store) {
    let change = Change::PutToolApproval(tool_approval("search", 1));
    assert!(store.write(&[change]).await.is_err());
    let listed = store.list_tool_approvals(plugin_id(0)).await.unwrap();
    assert_eq!(listed, []);
}

async fn an_approval_that_is_another_by_now_is_not_forgotten(store: Store) {
    grounded(&store).await;
    approve(&store, &[tool_approval("search", 2)]).await;
    for (tool, number) in [("search", 1), ("other", 2)] {
        let refused = store.write(&[forget(tool, number)]).await;
        let missed = matches!(refused, Err(StoreError::NoSuchRow { index: 0 }));
        assert!(missed, "{refused:?}");
    }
    let listed = store.list_tool_approvals(plugin_id(0)).await.unwrap();
    assert_eq!(listed, [tool_approval("search", 2)]);
    store.write(&[forget("search", 2)]).await.unwrap();
    let listed = store.list_tool_approvals(plugin_id(0)).await.unwrap();
    assert_eq!(listed, []);
}

async fn a_failed_record_leaves_no_approval(store: Store) {
    grounded(&store).await;
    let change = [Change::PutToolApproval(tool_approval("search", 1))];
    let refused = store.append(writer_id(1), &change, |head| {
        records(&head.head, 2).split_off(1)
    });
    assert!(
        refused.await.is_err(),
        "the records do not continue the chain"
    );
    let listed = store.list_tool_approvals(plugin_id(0)).await.unwrap();
    assert_eq!(listed, []);
    let kept = store.append(writer_id(1), &change, |head| records(&head.head, 1));
    kept.await.unwrap();
    let listed = store.list_tool_approvals(plugin_id(0)).await.unwrap();
    assert_eq!(listed, [tool_approval("search", 1)]);
}

async fn a_later_approval_takes_the_place_of_an_earlier_one(store: Store) {
    grounded(&store).await;
    approve(
        &store,
        &[tool_approval("search", 1), tool_approval("add", 1)],
    )
    .await;
    approve(&store, &[tool_approval("search", 3)]).await;
    let listed = store.list_tool_approvals(plugin_id(0)).await.unwrap();
    assert_eq!(
        listed,
        [tool_approval("add", 1), tool_approval("search", 3)]
    );
}

async fn approvals_of_another_plugin_are_not_listed(store: Store) {
    grounded(&store).await;
    let other = Change::PutPlugin {
        id: plugin_id(1),
        name: "other".parse().unwrap(),
    };
    store.write(&[other]).await.unwrap();
    approve(&store, &[tool_approval("search", 1)]).await;
    let listed = store.list_tool_approvals(plugin_id(1)).await.unwrap();
    assert_eq!(listed, []);
}
