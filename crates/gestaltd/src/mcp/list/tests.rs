use super::*;

#[test]
fn a_cursor_of_another_set_or_of_none_is_refused() {
    let set = [7; 32];
    let cursor = write_cursor(1, &set);
    assert_eq!(read_cursor(&cursor, &[8; 32]), None);
    assert_eq!(read_cursor(&write_cursor(0, &set), &set), None);
    let longer = format!("{cursor}A");
    for bad in ["", "x", "!!!!!!!!!!!!!!!!", &cursor[1..], &longer] {
        assert_eq!(read_cursor(bad, &set), None, "{bad}");
    }
    assert_eq!(read_cursor(&cursor, &set), Some(1));
}

#[test]
fn pages_end_at_a_bound_and_lose_no_tool() {
    let sizes = [10, 10, 10, 50, 10];
    let limits = |max_tools, max_bytes| ListLimits {
        max_tools,
        max_bytes,
        max_kept_bytes: 0,
    };
    let two = limits(2, usize::MAX);
    assert_eq!(cut(&sizes, 3, &two), None);
    assert_eq!(cut(&sizes, u32::MAX, &two), None);
    assert_eq!(cut(&sizes, 0, &two), Some((0..2, true)));
    assert_eq!(cut(&sizes, 2, &two), Some((4..5, false)));
    // A tool that is larger than a page has one for itself.
    let small = limits(9, 25);
    let pages: Vec<_> = (0..5).map(|page| cut(&sizes, page, &small)).collect();
    let expect = [
        Some((0..2, true)),
        Some((2..3, true)),
        Some((3..4, true)),
        Some((4..5, false)),
        None,
    ];
    assert_eq!(pages, expect);
    // A caller of no tools has a page all the same.
    assert_eq!(cut(&[], 0, &two), Some((0..0, false)));
    assert_eq!(cut(&[], 1, &two), None);
}

#[tokio::test]
async fn a_page_leaves_with_its_length_known() {
    use http_body_util::BodyExt as _;

    let page = Bytes::from_static(br#"{"jsonrpc":"2.0","result":{},"id":"#);
    let body = body(page.clone(), "\"a\"");
    assert_eq!(body.size_hint().exact(), Some(page.len() as u64 + 4));
    let whole = body.collect().await.unwrap().to_bytes();
    assert_eq!(whole, text(&page, "\"a\""));
    assert_eq!(whole, r#"{"jsonrpc":"2.0","result":{},"id":"a"}"#);
}
