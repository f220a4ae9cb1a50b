//! The audit trail: chains, queries, checkpoints.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::task::Poll;

use gestalt_store::{AuditFilter, AuditRow, Change, CheckpointRow, PageRequest, Store, StoreError};

use crate::contract::{all_pages, contract};
use crate::samples::*;

contract! {
    a_failed_change_leaves_no_record,
    a_failed_record_leaves_no_change,
    records_that_do_not_continue_the_chain_are_refused,
    a_chain_grows_in_one_line_under_concurrency,
    an_append_that_is_dropped_half_way_harms_nobody,
    many_records_go_in_one_append,
    hits_are_known_when_records_are_made,
    an_append_without_records_leaves_the_head,
    flags_of_a_writer_are_kept,
    records_are_found_by_filter,
    records_come_in_complete_pages_in_both_orders,
    open_intents_are_those_without_an_outcome,
    checkpoints_are_kept,
}

async fn a_failed_change_leaves_no_record(store: Store) {
    let missing = Change::DeleteConnection {
        id: connection_id(1),
    };
    let refused = store
        .append(writer_id(1), &[missing], |head| records(&head.head, 3))
        .await;
    assert!(matches!(refused, Err(StoreError::NoSuchRow { index: 0 })));
    assert_eq!(store.audit_writers().await.unwrap(), []);
    assert_eq!(store.scan_audit(writer_id(1), 0, 10).await.unwrap(), []);
}

async fn a_failed_record_leaves_no_change(store: Store) {
    let refused = store
        .append(writer_id(1), &[Change::CreateUser(user(1))], |head| {
            let mut rows = records(&head.head, 3);
            rows[2].record = "\0".into();
            rows
        })
        .await;
    assert!(matches!(refused, Err(StoreError::Invalid { .. })));
    assert_eq!(store.find_user(user_id(1)).await.unwrap(), None);
    assert_eq!(store.audit_writers().await.unwrap(), []);
}

async fn records_that_do_not_continue_the_chain_are_refused(store: Store) {
    let write = async |rows: Vec<AuditRow>| store.append(writer_id(1), &[], |_| rows).await;
    write(vec![record(writer_id(1), 1)]).await.unwrap();
    let gap = write(vec![record(writer_id(1), 3)]).await;
    assert!(matches!(gap, Err(StoreError::BrokenChain { seq: 2 })));
    let repeated = write(vec![record(writer_id(1), 2), record(writer_id(1), 2)]).await;
    assert!(matches!(repeated, Err(StoreError::BrokenChain { seq: 3 })));
    let foreign = write(vec![record(writer_id(2), 2)]).await;
    assert!(matches!(foreign, Err(StoreError::BrokenChain { seq: 2 })));
    assert_eq!(store.audit_writers().await.unwrap()[0].seq, 1);
}

async fn a_chain_grows_in_one_line_under_concurrency(store: Store) {
    let tasks: Vec<_> = (0..2)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for count in 1..20 {
                    let append = store.append(writer_id(1), &[], |head| records(&head.head, count));
                    append.await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rows = store.scan_audit(writer_id(1), 0, 1_000).await.unwrap();
    assert_eq!(rows.len(), 2 * 190);
    assert!(rows.iter().zip(1..).all(|(row, seq)| row.seq == seq));
    let head = &store.audit_writers().await.unwrap()[0];
    assert_eq!((head.seq, head.hash), (380, hash(380)));
}

async fn an_append_that_is_dropped_half_way_harms_nobody(store: Store) {
    let changes = [Change::CreateUser(user(1))];
    for polls in 0..40 {
        let mut append =
            Box::pin(store.append(writer_id(1), &changes, |head| records(&head.head, 100)));
        let mut left = polls;
        let done = std::future::poll_fn(|context| {
            if left == 0 {
                return Poll::Ready(None);
            }
            left -= 1;
            append.as_mut().poll(context).map(Some)
        });
        let done = done.await;
        drop(append);
        let again = store.append(writer_id(1), &[], |head| records(&head.head, 1));
        let head = again.await.unwrap().head;
        let rows = store.scan_audit(writer_id(1), 1, 10_000).await.unwrap();
        assert_eq!(rows.len() as u64, head.seq);
        if let Some(result) = done {
            result.unwrap();
            return;
        }
        // The drop may have come after the commit, before its answer.
        if store.find_user(user_id(1)).await.unwrap().is_some() {
            assert!(head.seq > 100);
            return;
        }
    }
}

async fn many_records_go_in_one_append(store: Store) {
    let append = store.append(writer_id(1), &[], |head| records(&head.head, 1_000));
    let (appended, statements) = Store::counted(append).await;
    assert_eq!(appended.unwrap().head.seq, 1_000);
    // The head twice; 1,000 is 3 × 256 + 128 + 64 + 32 + 8.
    assert_eq!(statements, 2 + 7);
    let rows = store.scan_audit(writer_id(1), 500, 2).await.unwrap();
    assert_eq!(rows, [record(writer_id(1), 500), record(writer_id(1), 501)]);
}

async fn hits_are_known_when_records_are_made(store: Store) {
    store.write(&ground()).await.unwrap();
    let create = |number| Change::CreateToken(token(number, "anonymous"));
    store.write(&[create(1), create(2)]).await.unwrap();
    let revoke = Change::RevokeTokens {
        owner: "anonymous".into(),
        at: at(1),
    };
    let mut seen = Vec::new();
    let appended = store
        .append(writer_id(1), &[revoke], |head| {
            seen.clone_from(&head.hits);
            records(&head.head, 1)
        })
        .await
        .unwrap();
    assert_eq!((seen, appended.hits), (vec![2], vec![2]));
}

async fn an_append_without_records_leaves_the_head(store: Store) {
    let append = async |count| {
        let append = store.append(writer_id(1), &[], |head| records(&head.head, count));
        append.await.unwrap().head
    };
    let first = append(0).await;
    assert_eq!((first.seq, first.hash, first.clean), (0, [0; 32], false));
    let second = append(2).await;
    assert_eq!(append(0).await, second);
}

async fn flags_of_a_writer_are_kept(store: Store) {
    let flags = |clean| Change::SetWriterFlags {
        writer: writer_id(1),
        clean,
        durability: "strict".into(),
    };
    let append = async |clean| {
        let appended = store
            .append(writer_id(1), &[flags(clean)], |head| records(&head.head, 1))
            .await;
        appended.unwrap().head
    };
    assert!(append(true).await.clean);
    let head = append(false).await;
    assert_eq!(
        (head.seq, head.clean, &*head.durability),
        (2, false, "strict")
    );
    assert_eq!(store.audit_writers().await.unwrap(), [head]);
}

async fn records_are_found_by_filter(store: Store) {
    store
        .append(writer_id(1), &[], |head| {
            let mut rows = records(&head.head, 6);
            rows[0].subject = Some("user:ada".into());
            rows[1].plugin = None;
            rows[2].operation = Some("deleteNote".into());
            rows[3].kind = "token".into();
            rows[4].record = r#"{"outcome":"denied","name":"\u0000"}"#.into();
            rows
        })
        .await
        .unwrap();
    let check = async |set: fn(&mut AuditFilter), expected: &[u64]| {
        let mut filter = AuditFilter::default();
        set(&mut filter);
        let page = store
            .query_audit(&filter, &PageRequest::first(10))
            .await
            .unwrap();
        let found: Vec<_> = page.items.iter().map(|row| row.seq).collect();
        assert_eq!(found, expected, "{filter:?}");
    };
    check(|_| {}, &[6, 5, 4, 3, 2, 1]).await;
    check(|filter| filter.subject = Some("user:nobody".into()), &[]).await;
    check(|filter| filter.subject = Some("user:ada".into()), &[1]).await;
    check(
        |filter| filter.plugin = Some("demo".into()),
        &[6, 5, 4, 3, 1],
    )
    .await;
    check(|filter| filter.operation = Some("deleteNote".into()), &[3]).await;
    check(|filter| filter.kind = Some("token".into()), &[4]).await;
    check(|filter| filter.request = Some("req_2".into()), &[2]).await;
    check(|filter| filter.outcome = Some("denied".into()), &[5]).await;
    check(|filter| filter.until = Some(at(3)), &[2, 1]).await;
    let two_conditions = |filter: &mut AuditFilter| {
        filter.kind = Some("invocation".into());
        filter.since = Some(at(4));
    };
    check(two_conditions, &[6, 5]).await;
}

async fn records_come_in_complete_pages_in_both_orders(store: Store) {
    // Two chains whose records share their moments.
    for writer in [writer_id(2), writer_id(1)] {
        let append = store.append(writer, &[], |head| records(&head.head, 5));
        append.await.unwrap();
    }
    let filter = AuditFilter {
        plugin: Some("demo".into()),
        ..AuditFilter::default()
    };
    let place = |row: &AuditRow| (row.at, row.writer, row.seq);
    let newest = all_pages!(page => store.query_audit(&filter, &page); between {
        let append = store.append(writer_id(3), &[], |head| {
            let mut rows = records(&head.head, 1);
            rows[0].at = at(1_000);
            rows
        });
        append.await.unwrap();
    });
    let mut places: Vec<_> = newest.iter().map(place).collect();
    assert_eq!(places.len(), 10);
    assert!(places.is_sorted_by(|a, b| a > b));

    let until = AuditFilter {
        until: Some(at(1_000)),
        ..filter
    };
    let oldest = all_pages!(page => store.export_audit(&until, &page));
    places.reverse();
    assert_eq!(oldest.iter().map(place).collect::<Vec<_>>(), places);

    let bad = PageRequest {
        cursor: Some("1.2.3".into()),
        limit: 1,
    };
    let refused = store.query_audit(&until, &bad).await;
    assert!(matches!(refused, Err(StoreError::Invalid { .. })));
}

async fn open_intents_are_those_without_an_outcome(store: Store) {
    store
        .append(writer_id(1), &[], |head| {
            let mut rows = records(&head.head, 2_500);
            for (place, phase, request) in [
                (0, "intent", "before"),
                (10, "intent", "closed"),
                (20, "intent", "open"),
                (30, "intent", "closed-late"),
                (40, "outcome", "closed"),
                (2_400, "outcome", "closed-late"),
                (2_450, "intent", "open-late"),
            ] {
                rows[place].phase = Some(phase.into());
                rows[place].request = Some(request.into());
            }
            rows
        })
        .await
        .unwrap();
    let open = store.open_intents(writer_id(1), 2).await.unwrap();
    let requests: Vec<_> = open
        .iter()
        .filter_map(|row| row.request.as_deref())
        .collect();
    assert_eq!(requests, ["open", "open-late"]);
}

async fn checkpoints_are_kept(store: Store) {
    let checkpoint = |seq| CheckpointRow {
        writer: writer_id(1),
        seq,
        hash: hash(2),
        at: at(9),
        key: key_id(0),
        signature: vec![1; 64],
    };
    store.write(&ground()).await.unwrap();
    let early = store.write(&[Change::PutCheckpoint(checkpoint(1))]).await;
    assert!(
        matches!(early, Err(StoreError::NoSuchRow { index: 0 })),
        "no such chain"
    );
    let append = store.append(writer_id(1), &[], |head| records(&head.head, 2));
    append.await.unwrap();
    for seq in [2, 1] {
        store
            .write(&[Change::PutCheckpoint(checkpoint(seq))])
            .await
            .unwrap();
    }
    let kept = store.list_checkpoints(writer_id(1)).await.unwrap();
    assert_eq!(kept, [checkpoint(1), checkpoint(2)]);
    assert_eq!(store.list_checkpoints(writer_id(2)).await.unwrap(), []);
}
