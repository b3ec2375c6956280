//! The command line itself: help, usage, exit codes, and what is said where no server answers.

use insta::assert_snapshot;

use super::world::World;

#[test]
fn help_names_every_command() {
    assert_snapshot!(World::new("").run(&["--help"]).good());
}

#[test]
fn help_of_a_noun_names_its_verbs() {
    let world = World::new("");
    for noun in [
        "goal", "approval", "tool", "playbook", "audit", "token", "config",
    ] {
        let help = world.run(&[noun, "--help"]).good();
        insta::with_settings!({ snapshot_suffix => noun }, { assert_snapshot!(help) });
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    let world = World::new("");
    for arguments in [
        &["gaol"][..],
        &["goal", "submit"],
        &["goal", "show"],
        &["serve", "--port", "many"],
        &["token", "mint", "--subject", "ana", "--role", "king"],
        &["token", "mint", "--subject", "ana", "--ttl", "1w"],
        &["goal", "list", "--as", "ana:king"],
        &["goal", "list", "--url", "not a url", "--token", "t"],
    ] {
        let ran = world.run(arguments);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (2, ""),
            "{arguments:?}: {ran:?}"
        );
        assert!(!ran.stderr.is_empty());
    }
    assert!(
        world.run(&["gaol"]).stderr.contains("'goal'"),
        "a near command is named"
    );
}

#[test]
fn a_server_that_is_not_there_exits_with_3_and_says_what_to_do() {
    let world = World::new("");
    let gone = [
        "goal",
        "list",
        "--url",
        "http://127.0.0.1:1",
        "--token",
        "t",
    ];
    assert_snapshot!(world.run(&gone).shown(), @r"
    exit 3
    error: no server answers at http://127.0.0.1:1
      Is it running? `omnihub serve` starts one; --url or OMNIHUB_URL names another.
    ");
    let json = world.run(&[&gone[..], &["--json"]].concat());
    assert_eq!(
        (json.code, &json.json()["error"]["code"]),
        (3, &"unreachable".into())
    );
}

#[test]
fn json_that_the_server_would_refuse_is_refused_before_it_is_sent() {
    let world = World::new("");
    let check = |plan: &str, parameter: &str, said: &str| {
        world.write("plan.json", plan);
        let submit = [
            "goal",
            "submit",
            "x",
            "--url",
            "http://127.0.0.1:1",
            "--token",
            "t",
        ];
        let ran =
            world.run(&[&submit[..], &["--plan", "plan.json", "--param", parameter]].concat());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains(said), "{ran:?}");
    };
    let repeated = r#"{"steps": [{"id": "a", "tool": "wait", "tool": "respond_to_user"}]}"#;
    check(
        repeated,
        "a=1",
        "plan.json: the key at \"/steps/0/tool\" is repeated",
    );
    check("{", "a=1", "plan.json: not JSON: ");
    check(
        "{}",
        r#"a={"b": 1, "b": 2}"#,
        "--param a: the key at \"/b\" is repeated",
    );
    check("{}", "a=9007199254740993", "--param a: ");
}

#[test]
fn a_token_is_minted_for_this_machine_only() {
    let world = World::new("");
    assert_eq!(world.serve().stop(), 0);
    for minted in [
        &["goal", "list"][..],
        &["goal", "list", "--as", "ana:operator"],
    ] {
        for elsewhere in [
            "http://other-host:1",
            "http://192.0.2.1",
            "http://localhost.example",
        ] {
            let ran = world.run(&[minted, &["--url", elsewhere]].concat());
            assert_eq!(ran.code, 2, "{ran:?}");
            assert!(
                ran.stderr.contains("is not this machine") && ran.stderr.contains("OMNIHUB_TOKEN"),
                "{ran:?}"
            );
        }
        for here in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"] {
            let ran = world.run(&[minted, &["--url", here]].concat());
            assert_eq!(ran.code, 3, "{ran:?}");
        }
    }
}

#[test]
fn global_options_stand_before_or_after_the_subcommand() {
    let world = World::new("");
    let before = world
        .run(&["--data-dir", "elsewhere", "--json", "config", "show"])
        .good();
    let after = world
        .run(&["config", "show", "--data-dir", "elsewhere", "--json"])
        .good();
    assert_eq!(before, after);
    assert!(before.contains("DIR/elsewhere"), "{before}");
}

#[test]
fn a_client_command_makes_no_data_directory() {
    let world = World::new("");
    world.run(&["goal", "list", "--url", "http://127.0.0.1:1"]);
    assert!(!world.path("omnihub-data").exists());
    let asked = world.run(&["goal", "list", "--as", "ana", "--url", "http://127.0.0.1:1"]);
    assert!(
        asked.code == 1 && asked.stderr.contains("name it by --data-dir"),
        "{asked:?}"
    );
}

#[test]
fn a_closed_output_hides_no_failure_and_is_none_itself() {
    let world = World::new("[playbooks]\ndir = \"books\"\n");
    world.write("books/broken.yaml", "name: broken\n");
    world.write("broken.jsonl", "{}\n");
    world.write(
        "plan.json",
        r#"{"steps": [{"id": "a", "tool": "none", "input": {}}]}"#,
    );
    for wrong in [
        &["doctor"][..],
        &["playbook", "check"],
        &["audit", "verify", "broken.jsonl"],
        &["demo"],
    ] {
        for json in [&[][..], &["--json"]] {
            let ran = world.run_unheard(&[wrong, json].concat());
            assert_eq!(ran.code, 1, "{wrong:?}: {ran:?}");
        }
    }
    std::fs::remove_file(world.path("books/broken.yaml")).unwrap();
    for right in [
        &["config", "show"][..],
        &["playbook", "check"],
        &["openapi"],
    ] {
        let ran = world.run_unheard(right);
        assert_eq!((ran.code, &*ran.stderr), (0, ""), "{right:?}: {ran:?}");
    }
    let server = world.serve();
    let submit = ["goal", "submit", "a", "--plan", "plan.json", "--dry-run"];
    assert_eq!(server.run(&world, &submit).code, 1);
    let ran = world.run_unheard(&[&submit[..], &["--url", &server.url]].concat());
    assert_eq!((ran.code, &*ran.stderr), (1, ""), "{ran:?}");
}

#[test]
fn completions_are_made_for_every_shell() {
    let world = World::new("");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(
            world
                .run(&["completions", shell])
                .good()
                .contains("approval"),
            "{shell}"
        );
    }
}

#[test]
fn output_is_not_coloured_where_no_terminal_is() {
    let world = World::new("");
    assert!(!world.run(&["doctor"]).stdout.contains('\u{1b}'));
}
