//! The demo, as somebody runs it who has just cloned the repository.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::world::World;

#[test]
fn the_demo_does_what_it_promises_and_leaves_nothing_running() {
    let world = World::new("");
    let ran = world.run(&["demo"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(
        !ran.stdout.contains('✗') || ran.stdout.matches('✗').count() == 1,
        "{}",
        ran.stdout
    );
    for told in [
        "confirm failed: http.status",
        "↩ pay undone",
        "↩ reserve undone",
        "checked against a key from outside",
    ] {
        assert!(ran.stdout.contains(told), "{told} is not in {}", ran.stdout);
    }
    assert!(
        !world.path("omnihub-data").exists(),
        "the demo leaves the working folder alone"
    );
}

#[test]
fn a_kept_demo_runs_until_it_is_interrupted_and_takes_its_server_along() {
    let world = World::new("");
    let mut command = world.command(&["demo", "--keep"]);
    let mut demo = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let address = lines
        .find_map(|line| Some(line.trim().strip_prefix("address ")?.trim().to_owned()))
        .unwrap();
    let export = lines
        .find(|line| line.contains("export OMNIHUB_URL"))
        .unwrap();
    let data_dir = export.split_once("OMNIHUB_DATA_DIR=").unwrap().1;
    lines.find(|line| line.contains("goal list --q")).unwrap();

    let listed = [
        "goal",
        "list",
        "--q",
        "ana@example.com",
        "--as",
        "tomas:operator",
        "--url",
        &address,
    ];
    let listed = world
        .run(&[&listed[..], &["--data-dir", data_dir]].concat())
        .good();
    assert!(listed.contains("completed"), "{listed}");

    let pid = i32::try_from(demo.id()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::INT).unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(0));
    assert!(
        TcpStream::connect(address.trim_start_matches("http://")).is_err(),
        "the server is left behind"
    );
}

#[test]
fn the_demo_does_not_listen_to_settings_that_are_meant_for_others() {
    let world = World::new("[api]\nprot = 1\n");
    let ran = world.run_with(("OMNIHUB_API__PORT", "many"), &["demo"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
}
