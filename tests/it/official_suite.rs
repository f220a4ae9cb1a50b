//! MCP's official conformance suite, whole, against the fixture; and the comparison by which
//! a run through something in between is held to the direct one.

use gestalt_e2e::suite::{self, PassSet, REVISIONS};
use gestalt_e2e::{bearer, peers};

#[tokio::test(flavor = "multi_thread")]
async fn the_fixture_passes_the_official_suite_directly() {
    for revision in REVISIONS {
        let fixture = peers::mcp_fixture(&[]).await;
        let run = suite::run(&format!("{}/mcp", fixture.url), revision).await;
        assert!(run.failed.is_empty(), "{:#?}\n{}", run.failed, run.said);
        let counts = run.passed.counts();
        let required = suite::required(revision);
        assert!(!required.is_empty(), "{revision} requires nothing");
        for scenario in required {
            let passed = counts.get(scenario.as_str()).copied().unwrap_or_default();
            assert!(passed > 0, "{revision}: {scenario} passes nothing");
        }
        let now = run.passed.to_json();
        let file = format!("it/official_suite/{revision}.json");
        let differs = "is not what the suite passes now, which is";
        assert!(
            suite::recorded(revision) == run.passed,
            "{file} {differs}\n{now}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_adds_a_credential_loses_nothing_of_the_official_suite() {
    for revision in REVISIONS {
        let fixture = peers::mcp_fixture(&[]).await;
        let proxy = bearer::proxy(&fixture.url, "any").await;
        let run = suite::run(&format!("{proxy}/mcp"), revision).await;
        run.passes_all_of(&suite::recorded(revision));
    }
}

#[test]
fn what_is_lost_on_the_way_is_named_by_scenario_and_check() {
    let direct = r#"{"a": {"one (One)": 1, "two (Two)": 3}, "b": {"one (One)": 1}}"#;
    let direct = PassSet::parse(direct);
    let through = r#"{"a": {"one (One)": 2, "two (Two)": 2}, "c": {"one (One)": 1}}"#;
    let through = PassSet::parse(through);
    let lost = direct.lost_in(&through);
    let lost: Vec<String> = lost.iter().map(ToString::to_string).collect();
    let expected = [
        "a: two (Two) passed 2 times of 3",
        "b: one (One) passed 0 times of 1",
    ];
    assert_eq!(lost, expected);
    assert_eq!(direct.lost_in(&direct), []);
    let required = direct.within(&["b".to_owned()]);
    assert_eq!(required.lost_in(&through), direct.lost_in(&through)[1..]);
}

#[test]
fn a_pass_set_is_read_as_it_was_written() {
    let mut set = PassSet::default();
    set.add("a", "one (One)", 2);
    set.add("b", "one (One)", 1);
    assert_eq!(PassSet::parse(&set.to_json()), set);
    assert_eq!(set.total(), 3);
}
