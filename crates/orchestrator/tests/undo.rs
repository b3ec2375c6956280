//! How a goal shows its undo.

use domain::outcome::Outcome;
use serde_json::{Value, json};

use crate::harness::{House, calls};

#[tokio::test]
async fn a_doubt_about_an_undo_is_told_from_a_doubt_about_the_step() {
    let house = House::open().await;
    let ana = house.ana();
    house.hands.succeeds("book");
    house.hands.fails("pay");
    house
        .hands
        .script("book", true, Outcome::unknown("http.cut", "cut"));
    let steps = json!([calls("book", &[]), calls("pay", &["book"])]);

    let goal = house.submit(&ana, "u", steps).await;

    let shown = house.settled(&ana, &goal).await;
    let [book, pay] = [&shown["steps"][0], &shown["steps"][1]];
    assert_eq!(book["state"], "in_doubt");
    assert_eq!(
        book["summary"],
        "nobody knows whether the undo of call_webhook happened; a person must settle it"
    );
    assert_eq!(book["undo"]["tool"], "call_webhook");
    assert_eq!(book["undo"]["attempts"], 1);
    assert!(book["undo"]["input"]["url"].is_string(), "{book}");
    assert!(book["since"].is_string());
    assert_eq!(pay["undo"], Value::Null);
}
