use gestalt_core::Secret;

use super::*;
use crate::call::Injection;

async fn said(text: &[u8]) -> Vec<Said> {
    let masker = Masker::new(&Injection {
        mask: vec![Secret::new("correct horse")],
        ..Injection::default()
    });
    let mut all = Vec::new();
    read(text, &masker, |said| all.push(said)).await;
    all
}

#[tokio::test]
async fn s56_a_flood_is_bounded_and_counted() {
    let text = "x".repeat(60) + "\n";
    let all = said(text.repeat(5000).as_bytes()).await;
    let mut lines: u64 = 0;
    for said in &all {
        lines += match said {
            Said::Skipped(skipped) => *skipped,
            _ => 1,
        };
    }
    assert_eq!(lines, 5000);
    assert!(all.len() < 1000, "{}", all.len());
}

#[tokio::test]
async fn s56_a_line_without_end_is_cut_and_said_so() {
    let all = said("y".repeat(1 << 20).as_bytes()).await;
    assert_eq!(all, [Said::Cut("y".repeat(MAX_LINE))]);
}

#[tokio::test]
async fn s39_a_secret_is_masked_also_where_a_line_is_cut() {
    let all = said(b"a correct horse b\nnext\x1b[31m\n").await;
    let line = |text: &str| Said::Line(text.to_owned());
    assert_eq!(all, [line("a ************* b"), line("next [31m")]);
    let long = "z".repeat(MAX_LINE - 3) + "correct horse";
    let [Said::Cut(cut)] = &said(long.as_bytes()).await[..] else {
        panic!("it was not cut");
    };
    assert!(cut.ends_with("z***"));
}
