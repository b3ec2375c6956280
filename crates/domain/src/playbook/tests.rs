//! Which files are playbooks, and which line is named where one is not.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::plan::check::fixture::tools;

mod words;
mod written;

/// What a playbook's file is refused for, a line each; nothing: it is good.
fn check_file(text: &str, expected: &[&str]) {
    let errors = match Playbook::read("book.yaml", text) {
        Ok(playbook) => playbook.check(&tools(), &Limits::default(), &BTreeSet::new()),
        Err(errors) => errors,
    };
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(lines, expected);
}

const BOOK: &str = r#"name: book_flight
utterances: ["book flight {flight} for {email}", "get {email} on flight {flight}"]
parameters:
  type: object
  required: [flight, email]
  properties: { flight: { type: string, pattern: "^OS [0-9]{3}$" }, email: { type: string, format: email } }
plan:
  steps:
    - id: find
      tool: search_database
      input: { table: flights, filters: { number: { $param: flight } } }
    - id: reserve
      tool: create_record
      input:
        table: seats
        data: { flight: { $step: find, path: /rows/0/id }, email: { $param: email } }
      compensation:
        tool: create_record
        input: { table: seats, before: { $result: /row } }
reply: { $format: "Seat {seat} is yours.", with: { seat: { $step: reserve, path: /row/seat } } }
"#;

fn with(from: &str, to: &str) -> String {
    assert!(BOOK.contains(from));
    BOOK.replace(from, to)
}

#[test]
fn a_good_playbook_is_read_whole() {
    let text = with(
        "tool: create_record\n        input: { table: seats, before: { $result: /row } }",
        "tool: delete_record\n        input: { table: seats, id: { $result: /id } }",
    );
    check_file(&text, &[]);
    let playbook = Playbook::read("book.yaml", &text).unwrap();
    assert_eq!(
        (
            playbook.name.as_str(),
            playbook.file(),
            playbook.utterances.len(),
            playbook.plan.steps.len()
        ),
        ("book_flight", "book.yaml", 2, 2)
    );
    assert_eq!(
        playbook.parameters["properties"]["flight"]["type"],
        "string"
    );
    assert_eq!(
        playbook.reply.as_ref().unwrap()["$format"],
        "Seat {seat} is yours."
    );
}

#[test]
fn an_error_of_the_plan_names_its_line() {
    check_file(
        BOOK,
        &[
            "book.yaml:18:9: \"create_record\" cannot be undone by \"create_record\", only by delete_record",
        ],
    );
    check_file(
        &with("tool: search_database", "tool: serch_database")
            .replace("$param: flight", "$param: fligth")
            .replace("path: /row/seat", "path: /rows"),
        &[
            "book.yaml:10:7: there is no tool \"serch_database\"; did you mean \"search_database\"?",
            "book.yaml:11:43: there is no parameter \"fligth\"; did you mean \"flight\"?",
            "book.yaml:18:9: \"create_record\" cannot be undone by \"create_record\", only by delete_record",
            "book.yaml:20:52: \"/rows\" of the output of step \"reserve\" cannot be there",
        ],
    );
    check_file(
        &with("        table: seats\n", "        tabel: seats\n"),
        &[
            "book.yaml:14:7: member \"table\" is missing",
            "book.yaml:15:9: unknown member \"tabel\"; did you mean \"table\"?",
            "book.yaml:18:9: \"create_record\" cannot be undone by \"create_record\", only by delete_record",
        ],
    );
}

#[test]
fn malformed_text_names_its_line() {
    check_file(
        "name: [\n",
        &["book.yaml:2:1: did not find expected node content"],
    );
    check_file(
        "name: x\n bad: y\n",
        &["book.yaml:2:5: mapping values are not allowed in this context"],
    );
    check_file(
        "name: x\n---\nname: y\n",
        &["book.yaml:2:1: the file has more than one document"],
    );
    check_file(
        "",
        &["book.yaml:1:1: a playbook must be a mapping with name, utterances and plan"],
    );
    check_file(
        "- name: x\n",
        &["book.yaml:1:1: a playbook must be a mapping with name, utterances and plan"],
    );
    check_file(
        &format!("name: {}\n", "x".repeat(PLAYBOOK_BYTES_MAX)),
        &["book.yaml:1:1: the file has more than 1048576 bytes"],
    );
    let bomb = format!("a: &a [1,1,1,1,1,1,1,1,1]\n{}", ('b'..'z').fold(String::new(), |text, name| {
        let last = char::from(u8::try_from(name).unwrap() - 1);
        format!("{text}{name}: &{name} [*{last},*{last},*{last},*{last},*{last},*{last},*{last},*{last},*{last}]\n")
    }));
    assert!(Playbook::read("bomb.yaml", &bomb).is_err());
}

#[test]
fn a_repeated_key_is_refused_at_its_line_however_deep() {
    check_file(
        "name: x\nutterances: [go]\nname: y\n",
        &["book.yaml:3:1: key \"name\" stands twice"],
    );
    check_file(
        &with(
            "      tool: search_database\n",
            "      tool: search_database\n      tool: wait\n",
        ),
        &["book.yaml:11:7: plan.steps[0]: key \"tool\" stands twice"],
    );
    check_file(
        &with("path: /row/seat", "path: /row/seat, $step: find"),
        &["book.yaml:20:93: reply.with.seat: key \"$step\" stands twice"],
    );
}

#[test]
fn values_that_json_does_not_know_are_refused() {
    for (value, reason) in [
        ("!secret x", "tags such as \"!name\" are not allowed"),
        (".nan", "numbers must be finite"),
        (
            "9007199254740993",
            "integers must be within ±9007199254740991; quote it to make it text",
        ),
        ("\"a\\0b\"", "text must not hold NUL"),
    ] {
        check_file(
            &format!("name: x\nreply: {value}\n"),
            &[&format!("book.yaml:2:8: reply: {reason}")],
        );
    }
}

#[test]
fn unknown_and_missing_keys_are_refused() {
    check_file(
        "nme: x\nutterence: []\nplan: { steps: [] , version: 2 }\n",
        &[
            "book.yaml:1:1: unknown key \"nme\"; did you mean \"name\"?",
            "book.yaml:1:1: key \"name\" is missing",
            "book.yaml:1:1: key \"utterances\" is missing",
            "book.yaml:2:1: unknown key \"utterence\"; did you mean \"utterances\"?",
            "book.yaml:3:21: version must be 1, not 2",
        ],
    );
}

#[test]
fn utterances_must_be_readable() {
    let file = |utterance: &str| {
        let properties = "properties: { id: { type: integer }, list: { type: array }, note: { type: string, default: none } }";
        format!(
            "name: x\nutterances:\n  - {utterance:?}\nparameters: {{ required: [id, note], {properties} }}\nplan: {{ steps: [ {{ id: a, tool: wait, input: {{ seconds: 1 }} }} ] }}\n"
        )
    };
    check_file(&file("refund {id}"), &[]);
    check_file(&file("refund {id} because {note}."), &[]);
    for (utterance, reason) in [
        (
            "refund",
            "required parameter \"id\" has no place here and no default",
        ),
        (
            "{id}",
            "an utterance needs words of its own, or it would mean everything",
        ),
        (
            "- {id}!",
            "an utterance needs words of its own, or it would mean everything",
        ),
        (
            "refund {id}{note}",
            "text must stand between {note} and the place before it",
        ),
        ("refund {id} and {id}", "{id} stands twice"),
        ("refund {id", "a lone '{' in \"refund {id\"; write it twice"),
        (
            "refund {id} and {list}",
            "{list} is array, which words cannot give",
        ),
        (
            "refund {id} for {nota}",
            "{nota} is no declared parameter; did you mean \"note\"?",
        ),
        (
            "",
            "an utterance needs words of its own, or it would mean everything",
        ),
    ] {
        check_file(&file(utterance), &[&format!("book.yaml:3:5: {reason}")]);
    }
}

#[test]
fn parameters_must_be_the_schema_of_an_object() {
    let file = |parameters: &str| {
        with(
            &BOOK[BOOK.find("parameters:").unwrap()..BOOK.find("plan:").unwrap()],
            parameters,
        )
    };
    let places = |line: &str| format!("book.yaml:2:14: {line}");
    check_file(
        &file("parameters: { type: array }\n"),
        &["book.yaml:3:15: parameters must be the JSON Schema of an object"],
    );
    check_file(
        &file("parameters: [1]\n"),
        &["book.yaml:3:1: parameters must be the JSON Schema of an object"],
    );
    check_file(
        &file("parameters: { properties: { flight: { type: text }, email: {} } }\n"),
        &[
            "book.yaml:3:39: fits none of the forms that are allowed: must be one of \"array\", \"boolean\", \"integer\", \"null\", \"number\", \"object\", \"string\", or must be array, not string",
        ],
    );
    check_file(
        &file("parameters: { properties: { flight: { type: integer, default: x }, email: {} } }\n"),
        &["book.yaml:3:54: default must be integer, not string"],
    );
    check_file(
        &file(""),
        &[
            &places("{flight} is no declared parameter"),
            &places("{email} is no declared parameter"),
            "book.yaml:2:50: {email} is no declared parameter",
            "book.yaml:2:50: {flight} is no declared parameter",
        ],
    );
}

#[test]
fn slips_in_the_schema_of_parameters_are_refused_at_their_line() {
    let file = |sum: &str, more: &str| {
        format!(
            "name: pay\nutterances: [\"pay {{sum}}\"]\nparameters:\n  required: [sum]\n  {more}\n  properties:\n    sum:\n      {sum}\nplan: {{ steps: [ {{ id: a, tool: wait, input: {{ seconds: 1 }} }} ] }}\n"
        )
    };
    let check = |sum: &str, expected: &str| {
        check_file(
            &file(sum, "title: Pay"),
            &[&format!("book.yaml:8:{expected}")],
        );
    };
    check(
        "{ type: integer, minimun: 1 }",
        "24: JSON Schema has no keyword \"minimun\"; did you mean \"minimum\"?",
    );
    check(
        "{ type: string, format: e-mail }",
        "23: there is no format \"e-mail\"; did you mean \"email\"?",
    );
    check(
        "{ type: string, format: iban }",
        "23: there is no format \"iban\"",
    );
    check(
        "{ type: integer, minimum: 5, maximum: 3 }",
        "24: minimum 5 and maximum 3 leave no value",
    );
    check(
        "{ type: number, exclusiveMinimum: 1.5, maximum: 1.5 }",
        "23: exclusiveMinimum 1.5 and maximum 1.5 leave no value",
    );
    check(
        "{ anyOf: [ { type: integer }, { type: string, maxLenght: 3 } ] }",
        "53: JSON Schema has no keyword \"maxLenght\"; did you mean \"maxLength\"?",
    );
    check_file(
        &file("{ type: integer }", "requierd: [sum]"),
        &["book.yaml:5:3: JSON Schema has no keyword \"requierd\"; did you mean \"required\"?"],
    );
    // What is said to people, examples and members called like no keyword are no slips.
    let good = "{ type: integer, minimum: 3, maximum: 3, x-unit: euro, examples: [{ minimun: 1 }], not: { const: 9 } }";
    check_file(&file(good, "$defs: { minimun: { format: iri } }"), &[]);
}

#[test]
fn two_playbooks_with_one_name_are_refused() {
    let one = words::playbook(
        "refund",
        &["refund {id}"],
        words::object(&["id"], json!({"id": {"type": "integer"}})),
    );
    let mut other = one.clone();
    other.source.file = "zzz.yaml".into();
    let error = Playbooks::new(vec![other, one]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "zzz.yaml:1:2: playbook \"refund\" is already in refund.yaml"
    );
}

proptest! {
    #[test]
    fn no_file_and_no_words_make_it_panic(text in "[a-z:{}\\[\\]&*!\"'#>| \\n-]{0,60}", words in "\\PC{0,40}") {
        drop(Playbook::read("any.yaml", &text));
        drop(Playbook::read("any.yaml", &BOOK.replace("OS", &text)));
        drop(words::shop().read_words(&words));
    }
}
