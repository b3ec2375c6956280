//! The demo, as somebody runs it who has just cloned the repository.

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
fn the_demo_does_not_listen_to_settings_that_are_meant_for_others() {
    let world = World::new("[api]\nprot = 1\n");
    let ran = world.run_with(("OMNIHUB_API__PORT", "many"), &["demo"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
}
