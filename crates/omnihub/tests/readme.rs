//! The README, taken at its word: its settings and its playbook, on a database that nothing else here knows.

use rusqlite::Connection;
use serde_json::Value;

use super::world::{World, repository};

#[test]
fn the_example_of_the_readme_does_what_it_says() {
    let readme = std::fs::read_to_string(repository("README.md")).unwrap();
    let world = World::new(block(&readme, "toml"));
    world.write("playbooks/close_order.yaml", block(&readme, "yaml"));
    let sql = "CREATE TABLE orders (id INTEGER PRIMARY KEY, email TEXT, status TEXT, amount REAL);
               INSERT INTO orders VALUES (1042, 'ana@example.com', 'open', 9.5);";
    let database = Connection::open(world.path("shop.db")).unwrap();
    database.execute_batch(sql).unwrap();

    world.run(&["playbook", "check"]).good();
    let server = world.serve();
    let goal = server.json(&world, &["goal", "submit", "close order 1042", "--wait"]);
    assert_eq!(goal["status"], "waiting", "{goal:#}");
    let id = server.json(&world, &["approval", "list"])["items"][0]["id"].clone();
    let grant = [
        "approval",
        "grant",
        id.as_str().unwrap(),
        "--as",
        "ola:operator",
    ];
    server.run(&world, &grant).good();
    let goal: Value = server.json(
        &world,
        &[
            "goal",
            "show",
            goal["workflowId"].as_str().unwrap(),
            "--wait",
            "30",
        ],
    );
    assert_eq!(goal["reply"], "Order 1042 is closed.", "{goal:#}");
    let status: String = database
        .query_row("SELECT status FROM orders", [], |row| row.get(0))
        .unwrap();
    assert_eq!(status, "closed");
    world.run(&["audit", "verify"]).good();
}

/// The first code block in a language.
fn block<'a>(text: &'a str, language: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}
