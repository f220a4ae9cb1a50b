use super::*;

fn calls() -> Calls {
    Calls::new(1 << 20, Askable::Client)
}

fn begin(calls: &Calls, text: &'static str) -> Numbered {
    let message = Bytes::from_static(text.as_bytes());
    let envelope = Envelope::parse(&message).unwrap();
    calls.number(&message, &envelope, Some("s")).unwrap()
}

fn take(calls: &Calls, text: &str) -> Done {
    calls.take(&Bytes::from(text.to_owned()))
}

#[test]
fn what_is_no_message_is_garbage() {
    let calls = calls();
    for text in [
        "",
        "ready",
        "[]",
        "{}",
        "1",
        r#"{"id":1,"id":2}"#,
        r#"{"method":"#,
    ] {
        assert_eq!(take(&calls, text), Done::Garbage, "{text}");
    }
}

#[test]
fn a_response_that_nobody_waits_for_goes_to_nobody() {
    let calls = calls();
    let asked = begin(&calls, r#"{"id":1,"method":"a"}"#);
    for id in ["7", "\"1\"", "1.0", "-1"] {
        let text = format!(r#"{{"id":{id},"result":{{}}}}"#);
        assert_eq!(take(&calls, &text), Done::Wasted, "{id}");
    }
    assert_eq!(take(&calls, r#"{"id":1,"result":{}}"#), Done::Taken);
    assert_eq!(take(&calls, r#"{"id":1,"result":{}}"#), Done::Wasted);
    drop(asked);
}

#[test]
fn s56_who_does_not_read_loses_its_call_and_no_other() {
    let calls = Calls::new(1000, Askable::Client);
    let slow = begin(
        &calls,
        r#"{"id":1,"method":"a","params":{"_meta":{"progressToken":1}}}"#,
    );
    let progress = format!(
        r#"{{"method":"notifications/progress","params":{{"progressToken":{}}}}}"#,
        slow.number
    );
    let mut taken = 0;
    let done = loop {
        match take(&calls, &progress) {
            Done::Taken => taken += 1,
            other => break other,
        }
    };
    assert_eq!(done, Done::TooSlow(slow.number));
    assert!(taken > 2 && taken < 10, "{taken}");
}

#[test]
fn a_call_that_is_given_up_takes_back_what_was_asked_for_it() {
    let calls = calls();
    let asked = begin(&calls, r#"{"id":1,"method":"a"}"#);
    assert_eq!(
        take(&calls, r#"{"id":"q","method":"roots/list"}"#),
        Done::Taken
    );
    let lines = calls.give_up(asked.number);
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with(br#"{"jsonrpc":"2.0","method":"notifications/cancelled""#));
    assert!(lines[1].starts_with(br#"{"jsonrpc":"2.0","id":"q","error":"#));
    assert!(!calls.answered("\"q\"", Some("s")));
    assert!(calls.give_up(asked.number).is_empty());
}

#[test]
fn what_a_subscription_is_told_goes_by_its_own_id() {
    let calls = calls();
    let mut listening = begin(&calls, r#"{"id":"sub","method":"subscriptions/listen"}"#);
    let text = format!(
        r#"{{"method":"notifications/tools/list_changed","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{}}}}}}}"#,
        listening.number
    );
    assert_eq!(take(&calls, &text), Done::Taken);
    let told = listening.inbox.receive.try_recv().unwrap();
    assert!(
        told.message
            .ends_with(br#""io.modelcontextprotocol/subscriptionId":"sub"}}}"#)
    );
    // What is not tagged is not the subscription's.
    assert_eq!(
        take(&calls, r#"{"method":"notifications/message"}"#),
        Done::Wasted
    );
}

#[test]
fn a_ping_is_answered_and_a_question_without_a_call_refused() {
    let calls = calls();
    assert_eq!(
        take(&calls, r#"{"id":"p","method":"ping"}"#),
        Done::Reply(Bytes::from_static(
            br#"{"jsonrpc":"2.0","id":"p","result":{}}"#
        ))
    );
    let Done::Reply(refused) = take(&calls, r#"{"id":2,"method":"sampling/createMessage"}"#) else {
        panic!("somebody was asked");
    };
    assert!(refused.starts_with(br#"{"jsonrpc":"2.0","id":2,"error":"#));
}

#[test]
fn when_the_child_is_gone_everybody_is_told_and_nothing_is_begun() {
    let calls = calls();
    let mut asked = begin(&calls, r#"{"id":1,"method":"a"}"#);
    calls.end("why".into());
    assert!(asked.inbox.receive.try_recv().is_err());
    let message = Bytes::from_static(br#"{"id":1,"method":"a"}"#);
    let envelope = Envelope::parse(&message).unwrap();
    let again = calls.number(&message, &envelope, None);
    assert_eq!(again.err().as_deref(), Some("why"));
}
