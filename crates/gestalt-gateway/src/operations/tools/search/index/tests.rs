use super::*;

/// An operation's name, title, description and parameters.
type Described = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// A small catalogue of a shop.
const SHOP: &[Described] = &[
    (
        "orders/create",
        "Create an order",
        "Creates an order for a customer.",
        &[("customer_id", "Who buys."), ("items", "What is bought.")],
    ),
    (
        "orders/list",
        "List orders",
        "Orders, the newest first.",
        &[("status", "open shipped cancelled")],
    ),
    (
        "orders/cancel",
        "Cancel an order",
        "An order that was shipped cannot be cancelled.",
        &[("order_id", "The order."), ("reason", "Why.")],
    ),
    (
        "orders/cancel-old",
        "Cancel an order",
        "An order that was shipped cannot be cancelled.",
        &[("order_id", "The order."), ("reason", "Why.")],
    ),
    (
        "customers/list-orders",
        "List orders of a customer",
        "What somebody bought.",
        &[("customer_id", "Who.")],
    ),
    (
        "customers/update",
        "Update a customer",
        "Name, address and mail.",
        &[("iban", "Bank account for refunds.")],
    ),
    (
        "stockKeeping/getWarehouse",
        "",
        "Where things are kept.",
        &[],
    ),
];

fn document(number: usize) -> Document<'static> {
    let (operation, title, description, parameters) = SHOP[number];
    let parameters = parameters.iter();
    Document {
        plugin: "shop",
        operation,
        title,
        description,
        parameters: parameters
            .map(|(name, text)| (Cow::from(*name), (*text).to_owned()))
            .collect(),
        deprecated: operation.ends_with("-old"),
        ..Document::default()
    }
}

fn shop() -> Index {
    Index::new((0..SHOP.len()).map(document))
}

fn all(index: &Index) -> Part<'_> {
    Part {
        index,
        allowed: vec![true; index.known.len()],
    }
}

fn asked_of_shop(question: &str) -> Vec<&'static str> {
    let index = shop();
    let hits = search(&[all(&index)], question);
    hits.iter().map(|hit| SHOP[hit.document].0).collect()
}

#[test]
fn what_has_no_word_in_common_is_not_found() {
    for question in ["", "?!", "zebra"] {
        assert_eq!(asked_of_shop(question), [] as [&str; 0], "{question}");
    }
    assert_eq!(search(&[], "order"), []);
    let nothing = Index::new([]);
    assert_eq!(search(&[all(&nothing)], "order"), []);
}

#[test]
fn the_operation_that_is_meant_is_the_first() {
    for (question, first) in [
        // Names in any spelling.
        ("orders/create", "orders/create"),
        ("createOrder", "orders/create"),
        ("LIST_ORDERS", "orders/list"),
        ("get warehouse", "stockKeeping/getWarehouse"),
        // Other forms, and other words that mean much the same.
        ("cancelling orders", "orders/cancel"),
        ("abort an order", "orders/cancel"),
        ("how do I make a new order?", "orders/create"),
        ("change the email of a client", "customers/update"),
        // What parameters mean.
        ("refund to a bank account", "customers/update"),
        // The beginning of a word, and slips.
        ("wareh", "stockKeeping/getWarehouse"),
        ("custmoer update", "customers/update"),
        ("wharehouse", "stockKeeping/getWarehouse"),
    ] {
        assert_eq!(asked_of_shop(question).first(), Some(&first), "{question}");
    }
}

#[test]
fn the_shorter_name_wins_where_all_of_it_was_said() {
    let found = asked_of_shop("list orders");
    assert_eq!(found[..2], ["orders/list", "customers/list-orders"]);
}

#[test]
fn what_is_advised_against_comes_after_its_like() {
    let found = asked_of_shop("cancel order");
    assert_eq!(found[..2], ["orders/cancel", "orders/cancel-old"]);
}

#[test]
fn what_fits_alike_keeps_the_order_of_the_lists() {
    let twin = || {
        Index::new(["b", "a"].map(|operation| Document {
            plugin: "shop",
            operation,
            description: "Sends a parcel.",
            ..Document::default()
        }))
    };
    let (one, two) = (twin(), twin());
    let hits = search(&[all(&one), all(&two)], "parcel");
    let places: Vec<_> = hits.iter().map(|hit| (hit.part, hit.document)).collect();
    assert_eq!(places, [(0, 0), (0, 1), (1, 0), (1, 1)]);
}

#[test]
fn s27_what_may_not_be_found_changes_nothing_of_what_is() {
    let whole = shop();
    let visible = |number: usize| number.is_multiple_of(2);
    let allowed: Vec<bool> = (0..SHOP.len()).map(visible).collect();
    // The same with the rest never there.
    let kept: Vec<usize> = (0..SHOP.len()).filter(|number| visible(*number)).collect();
    let fewer = Index::new(kept.iter().copied().map(document));
    // `update`, `refunds` and `address` are words of the hidden ones only, so that a slip in
    // them must not be mended either.
    for question in [
        "order",
        "cancel an order",
        "update",
        "upadte customer",
        "refnds",
        "addres of a warehouse",
        "mail",
    ] {
        let part = Part {
            index: &whole,
            allowed: allowed.clone(),
        };
        let seen = search(&[part], question);
        let alone = search(&[all(&fewer)], question);
        let seen: Vec<_> = seen
            .iter()
            .map(|hit| (hit.document, hit.score.to_bits()))
            .collect();
        let alone: Vec<_> = alone
            .iter()
            .map(|hit| (kept[hit.document], hit.score.to_bits()))
            .collect();
        assert_eq!(seen, alone, "{question}");
    }
}

#[test]
fn slips_are_counted() {
    assert!(within("customer", "custmoer", 1) && within("abc", "abcd", 1));
    assert!(!within("abc", "xyz", 2) && !within("a", "abcd", 2));
    assert!(within("ä", "a", 1) && within("", "", 0));
}
