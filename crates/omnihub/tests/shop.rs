//! Somebody else's shop: a SQLite database with names and types of its own, settings and playbooks that no other part of
//! this repository has seen.

use rusqlite::Connection;

use super::receiver::Receiver;
use super::world::World;

const SQL: &str = r#"
    PRAGMA journal_mode = WAL;
    CREATE TABLE "Kunden" (nr INTEGER PRIMARY KEY, name TEXT NOT NULL, mail TEXT, geheim TEXT DEFAULT 'x');
    CREATE TABLE auftrag (code TEXT PRIMARY KEY, kunde INTEGER REFERENCES "Kunden"(nr), betrag REAL NOT NULL,
                          status TEXT NOT NULL DEFAULT 'offen') WITHOUT ROWID;
    CREATE TABLE gutschrift (id INTEGER PRIMARY KEY AUTOINCREMENT, auftrag TEXT NOT NULL, betrag REAL NOT NULL);
    INSERT INTO "Kunden" (nr, name, mail) VALUES (7, 'Ana Köhler', 'ana@example.com'), (8, 'Ben O''Hara', 'ben@example.com');
    INSERT INTO auftrag VALUES ('A-1042', 7, 59.9, 'offen'), ('A-1043', 8, 12.5, 'bezahlt');
"#;

const SETTINGS: &str = r#"
[playbooks]
dir = "books"

[databases.laden]
url = "sqlite:laden.db"
[databases.laden.tables.auftrag]
key = "code"
columns = ["code", "kunde", "betrag", "status"]
writable = ["status"]
[databases.laden.tables.Kunden]
key = "nr"
columns = ["nr", "name", "mail"]
[databases.laden.tables.gutschrift]
key = "id"
columns = ["id", "auftrag", "betrag"]
writable = ["auftrag", "betrag"]
insert = true

[outbound]
allow = ["RECEIVER"]
[[outbound.receivers]]
host = "RECEIVER"
idempotency = "key"
window_hours = 1
"#;

const REFUND: &str = r#"
name: refund
utterances: ["refund order {code}", "give the money of {code} back"]
parameters:
  type: object
  required: [code]
  properties: { code: { type: string, pattern: "^A-[0-9]+$" } }
plan:
  steps:
    - { id: find, tool: search_database, input: { table: auftrag, filters: { code: { $param: code } }, limit: 1 } }
    - id: credit
      tool: create_record
      input: { table: gutschrift, data: { auftrag: { $step: find, path: /rows/0/code }, betrag: { $step: find, path: /rows/0/betrag } } }
      compensation: { tool: delete_record, input: { table: gutschrift, id: { $result: /id } } }
    - id: mark
      tool: update_record
      after: [credit]
      input: { table: auftrag, id: { $param: code }, data: { status: erstattet } }
      compensation: { tool: update_record, input: { table: auftrag, id: { $result: /id }, data: { $result: /before } } }
    - id: tell
      tool: call_webhook
      after: [mark]
      approval: true
      input: { url: "http://RECEIVER/bank", payload: { code: { $param: code }, betrag: { $step: find, path: /rows/0/betrag } } }
reply: { $format: "{code} is refunded.", with: { code: { $param: code } } }
"#;

/// The shop in a world of its own; payments go to the receiver.
pub(crate) fn shop(receiver: &Receiver) -> World {
    let place = |text: &str| text.replace("RECEIVER", &receiver.authority());
    let world = World::new(&place(SETTINGS));
    world.write("books/refund.yaml", &place(REFUND));
    Connection::open(world.path("laden.db"))
        .unwrap()
        .execute_batch(SQL)
        .unwrap();
    world
}

/// One text of the shop's database.
pub(crate) fn text(world: &World, sql: &str) -> String {
    let database = Connection::open(world.path("laden.db")).unwrap();
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}
