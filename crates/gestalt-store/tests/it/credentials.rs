//! Tokens, sessions and login codes.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use gestalt_store::{Bearer, Change, Page, PageRequest, Store, StoreError, TokenRow};

use crate::contract::{all_pages, contract};
use crate::samples::*;

contract! {
    a_token_is_found_by_hash_with_its_user_in_one_statement,
    a_login_code_is_used_once,
    of_two_who_use_a_login_code_at_once_one_succeeds,
    revoking_a_token_again_keeps_the_first_time,
    revoking_all_spares_other_owners_and_what_has_ended,
    s26_a_second_rotation_never_extends_the_first_grace,
    a_session_is_found_by_hash_with_its_user_in_one_statement,
    last_use_only_moves_forward,
    what_has_ended_is_forgotten,
    hashes_of_what_lives_come_in_their_order,
    tokens_come_in_complete_pages_while_others_come_and_go,
    sessions_come_in_complete_pages,
}

async fn a_token_is_found_by_hash_with_its_user_in_one_statement(store: Store) {
    let mut changes = ground();
    let owner = format!("user:{}", user_id(1));
    changes.push(Change::CreateUser(user(1)));
    changes.push(Change::CreateToken(token(1, &owner)));
    changes.push(Change::CreateToken(token(2, "anonymous")));
    store.write(&changes).await.unwrap();

    let none = store.find_token_by_hash(&[hash(9)]).await.unwrap();
    assert_eq!(none, None);
    assert_eq!(store.find_token_by_hash(&[]).await.unwrap(), None);
    let hashes = [hash(9), hash(8), hash(1)];
    let (found, statements) = Store::counted(store.find_token_by_hash(&hashes)).await;
    assert_eq!(found.unwrap(), Some((token(1, &owner), Some(user(1)))));
    assert_eq!(statements, 1);
    let found = store.find_token_by_hash(&[hash(2)]).await.unwrap();
    assert_eq!(found, Some((token(2, "anonymous"), None)));
}

async fn a_login_code_is_used_once(store: Store) {
    grounded(&store).await;
    store
        .write(&[Change::CreateLoginCode(login_code(1))])
        .await
        .unwrap();
    let redeem = |hash, second| {
        [Change::RedeemLoginCode {
            hash,
            at: at(second),
        }]
    };
    let expired = store.write(&redeem(hash(1), 100)).await;
    assert!(matches!(expired, Err(StoreError::NoSuchRow { index: 0 })));
    let found = store
        .find_login_code(&[hash(5), hash(1)])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found, login_code(1));
    store.write(&redeem(found.hash, 99)).await.unwrap();
    let again = store.write(&redeem(found.hash, 99)).await;
    assert!(matches!(again, Err(StoreError::NoSuchRow { index: 0 })));
    let found = store.find_login_code(&[hash(1)]).await.unwrap().unwrap();
    assert_eq!(found.redeemed_at, Some(at(99)));
}

async fn of_two_who_use_a_login_code_at_once_one_succeeds(store: Store) {
    grounded(&store).await;
    store
        .write(&[Change::CreateLoginCode(login_code(1))])
        .await
        .unwrap();
    let attempts: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let redeem = Change::RedeemLoginCode {
                    hash: hash(1),
                    at: at(1),
                };
                store
                    .append(writer_id(1), &[redeem], |head| records(&head.head, 1))
                    .await
            })
        })
        .collect();
    let mut redeemed = 0;
    for attempt in attempts {
        match attempt.await.unwrap() {
            Ok(_) => redeemed += 1,
            Err(error) => assert!(matches!(error, StoreError::NoSuchRow { index: 0 })),
        }
    }
    assert_eq!(redeemed, 1);
    assert_eq!(
        store.scan_audit(writer_id(1), 1, 10).await.unwrap().len(),
        1
    );
}

async fn revoking_a_token_again_keeps_the_first_time(store: Store) {
    grounded(&store).await;
    let token_1 = token(1, "anonymous");
    let session_1 = session(1, "anonymous");
    store
        .write(&[
            Change::CreateToken(token_1.clone()),
            Change::CreateSession(session_1.clone()),
        ])
        .await
        .unwrap();
    for second in [5, 6] {
        let owner = || "anonymous".to_owned();
        let hits = store
            .write(&[
                Change::RevokeToken {
                    id: token_1.id,
                    owner: owner(),
                    at: at(second),
                },
                Change::RevokeSession {
                    id: session_1.id,
                    owner: owner(),
                    at: at(second),
                },
            ])
            .await;
        assert_eq!(hits.unwrap(), [1, 1]);
    }
    let token = store.find_token(token_1.id).await.unwrap().unwrap();
    assert_eq!(token.revoked_at, Some(at(5)));
    let session = store.find_session(session_1.id).await.unwrap().unwrap();
    assert_eq!(session.revoked_at, Some(at(5)));
}

async fn revoking_all_spares_other_owners_and_what_has_ended(store: Store) {
    grounded(&store).await;
    let ended = TokenRow {
        expires_at: at(1),
        ..token(4, "anonymous")
    };
    store
        .write(&[
            Change::CreateToken(token(1, "anonymous")),
            Change::CreateToken(token(2, "anonymous")),
            Change::CreateToken(token(3, "user:other")),
            Change::CreateToken(ended),
            Change::CreateSession(session(1, "anonymous")),
            Change::CreateSession(session(2, "anonymous")),
            Change::CreateSession(session(3, "user:other")),
        ])
        .await
        .unwrap();
    let owner = || "anonymous".to_owned();
    let all_but = |except| Change::RevokeSessions {
        owner: owner(),
        except,
        at: at(5),
    };
    let hits = store
        .write(&[
            Change::RevokeTokens {
                owner: owner(),
                at: at(5),
            },
            Change::RevokeTokens {
                owner: owner(),
                at: at(6),
            },
            all_but(Some(session_id(2))),
            all_but(None),
        ])
        .await;
    assert_eq!(hits.unwrap(), [2, 0, 1, 1]);
    let other = store.find_token(token_id(3)).await.unwrap().unwrap();
    assert_eq!(other.revoked_at, None);
    let other = store.find_session(session_id(3)).await.unwrap().unwrap();
    assert_eq!(other.revoked_at, None);
}

async fn s26_a_second_rotation_never_extends_the_first_grace(store: Store) {
    grounded(&store).await;
    store
        .write(&[Change::CreateToken(token(1, "anonymous"))])
        .await
        .unwrap();
    let rotate = |new, second| Change::RotateToken {
        old: token_id(1),
        owner: "anonymous".into(),
        new: token(new, "anonymous"),
        old_expires_at: at(second),
    };
    store.write(&[rotate(2, 100)]).await.unwrap();
    store.write(&[rotate(3, 200)]).await.unwrap();
    let old = store.find_token(token_id(1)).await.unwrap().unwrap();
    assert_eq!(
        (old.expires_at, old.rotated_to),
        (at(100), Some(token_id(3)))
    );
    store.write(&[rotate(4, 50)]).await.unwrap();
    let old = store.find_token(token_id(1)).await.unwrap().unwrap();
    assert_eq!(old.expires_at, at(50));

    let revoke = Change::RevokeToken {
        id: token_id(1),
        owner: "anonymous".into(),
        at: at(1),
    };
    store.write(&[revoke]).await.unwrap();
    let refused = store.write(&[rotate(5, 10)]).await;
    assert!(matches!(refused, Err(StoreError::NoSuchRow { index: 0 })));
    assert_eq!(store.find_token(token_id(5)).await.unwrap(), None);
}

async fn a_session_is_found_by_hash_with_its_user_in_one_statement(store: Store) {
    grounded(&store).await;
    let owner = format!("user:{}", user_id(1));
    store
        .write(&[
            Change::CreateUser(user(1)),
            Change::CreateSession(session(1, &owner)),
        ])
        .await
        .unwrap();
    assert_eq!(store.find_session_by_hash(&[hash(9)]).await.unwrap(), None);
    let hashes = [hash(1)];
    let (found, statements) = Store::counted(store.find_session_by_hash(&hashes)).await;
    assert_eq!(found.unwrap(), Some((session(1, &owner), Some(user(1)))));
    assert_eq!(statements, 1);
}

async fn last_use_only_moves_forward(store: Store) {
    grounded(&store).await;
    let mut changes: Vec<Change> = (0..20)
        .map(|number| Change::CreateToken(token(number, "anonymous")))
        .collect();
    changes.push(Change::CreateSession(session(1, "anonymous")));
    store.write(&changes).await.unwrap();
    let used = |second| {
        (0..21)
            .map(|number| (token_id(number), at(second)))
            .collect()
    };
    let twice = vec![(session_id(1), at(9)), (session_id(1), at(8))];
    let hits = store
        .write(&[
            Change::TouchTokens(used(5)),
            Change::TouchTokens(used(4)),
            Change::TouchTokens(Vec::new()),
            Change::TouchSessions(twice.clone()),
            Change::TouchSessions(twice),
        ])
        .await;
    assert_eq!(hits.unwrap(), [20, 0, 0, 1, 0]);
    let token = store.find_token(token_id(19)).await.unwrap().unwrap();
    assert_eq!(token.last_used_at, Some(at(5)));
    let session = store.find_session(session_id(1)).await.unwrap().unwrap();
    assert_eq!(session.last_seen_at, at(9));
}

async fn what_has_ended_is_forgotten(store: Store) {
    grounded(&store).await;
    store
        .write(&[
            Change::CreateToken(token(1, "anonymous")),
            Change::CreateSession(session(1, "anonymous")),
            Change::CreateLoginCode(login_code(1)),
        ])
        .await
        .unwrap();
    let forget = |second| [Change::ForgetEnded { before: at(second) }];
    assert_eq!(store.write(&forget(100)).await.unwrap(), [0]);
    assert_eq!(store.write(&forget(1_000)).await.unwrap(), [1]);
    assert_eq!(store.write(&forget(1_001)).await.unwrap(), [2]);
    assert_eq!(store.find_token(token_id(1)).await.unwrap(), None);
}

async fn tokens_come_in_complete_pages_while_others_come_and_go(store: Store) {
    grounded(&store).await;
    let create = |number| Change::CreateToken(token(number, "anonymous"));
    let mut changes: Vec<Change> = (100..109).map(create).collect();
    changes.push(Change::CreateToken(token(200, "user:other")));
    store.write(&changes).await.unwrap();
    let mut newcomer = 300;
    let all = all_pages!(page => store.list_tokens("anonymous", &page); between {
        newcomer += 1;
        store.write(&[create(newcomer)]).await.unwrap();
    });
    let listed: Vec<_> = all.iter().map(|token| token.id).collect();
    let expected: Vec<_> = (100..109).rev().map(token_id).collect();
    assert_eq!(listed, expected);
    let none = store
        .list_tokens("user:nobody", &PageRequest::first(0))
        .await
        .unwrap();
    assert_eq!(
        none,
        Page {
            items: Vec::new(),
            next: None
        }
    );
}

async fn sessions_come_in_complete_pages(store: Store) {
    grounded(&store).await;
    let create = |number| Change::CreateSession(session(number, "anonymous"));
    store
        .write(&(0..7).map(create).collect::<Vec<_>>())
        .await
        .unwrap();
    let all = all_pages!(page => store.list_sessions("anonymous", &page));
    let expected: Vec<_> = (0..7)
        .rev()
        .map(|number| session(number, "anonymous"))
        .collect();
    assert_eq!(all, expected);
}

async fn hashes_of_what_lives_come_in_their_order(store: Store) {
    grounded(&store).await;
    let mut over = token(4, "anonymous");
    over.expires_at = at(10);
    let mut revoked = token(5, "anonymous");
    revoked.revoked_at = Some(at(5));
    let mut gone = session(6, "anonymous");
    gone.revoked_at = Some(at(5));
    let live: Vec<_> = (1..4).map(|n| token(n, "anonymous")).collect();
    let mut changes: Vec<_> = live.iter().cloned().map(Change::CreateToken).collect();
    changes.extend([over, revoked].map(Change::CreateToken));
    changes.extend([session(7, "anonymous"), gone].map(Change::CreateSession));
    store.write(&changes).await.unwrap();
    let list = |of, after, limit| store.list_living_hashes(of, after, at(10), limit);
    let mut expected: Vec<_> = live.iter().map(|token| token.hash).collect();
    expected.sort_unstable();
    let first = list(Bearer::Tokens, [0; 32], 2).await.unwrap();
    let rest = list(Bearer::Tokens, first[1], 2).await.unwrap();
    assert_eq!([first, rest].concat(), expected);
    assert_eq!(
        list(Bearer::Sessions, [0; 32], 9).await.unwrap(),
        [session(7, "anonymous").hash]
    );
}
