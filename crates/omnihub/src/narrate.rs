//! Tells a goal's events to people, a line each: when, what, of which step.

use api::events::EventView;
use jiff::Timestamp;
use serde_json::Value;

use crate::output::{Output, Tone, safe, short};

/// Tells the events of one goal.
#[derive(Debug)]
pub(crate) struct Narrator {
    output: Output,
    begun: Option<Timestamp>,
    now: String,
}

impl Narrator {
    /// Nothing told yet.
    pub(crate) fn new(output: Output) -> Self {
        Self {
            output,
            begun: None,
            now: "waiting for the goal".to_owned(),
        }
    }

    /// What goes on after the last event told, in a few words.
    pub(crate) fn now(&self) -> &str {
        &self.now
    }

    /// The line of an event.
    pub(crate) fn line(&mut self, event: &EventView) -> String {
        let begun = *self.begun.get_or_insert(event.at);
        let elapsed = event.at.duration_since(begun).as_secs_f64();
        let (tone, what) = telling(event);
        self.now = now(event);
        format!(
            "{} {}",
            self.output.paint(Tone::Faint, &format!("{elapsed:>8.3}s")),
            self.output.paint(tone, &what)
        )
    }
}

/// How an event is told.
fn telling(event: &EventView) -> (Tone, String) {
    of_goal(event)
        .or_else(|| of_step(event))
        .or_else(|| of_person(event))
        .unwrap_or_else(|| (Tone::Faint, format!("  {}", event.kind)))
}

fn of_goal(event: &EventView) -> Option<(Tone, String)> {
    Some(match event.kind.as_str() {
        "goal_accepted" => (Tone::Strong, "● accepted: durable from here on".to_owned()),
        "plan_adopted" => (Tone::Faint, format!("  plan adopted{}", source(event))),
        "unwinding_started" => (
            Tone::Care,
            format!("↩ undoing what was done, newest first: {}", why(event)),
        ),
        "goal_completed" => (Tone::Good, "● completed".to_owned()),
        "goal_cancelled" => (
            Tone::Care,
            "● cancelled: what was done is undone".to_owned(),
        ),
        "goal_failed" => (
            Tone::Bad,
            format!("● failed ({}): what was done is undone", why(event)),
        ),
        "goal_stuck" => (
            Tone::Bad,
            format!("● stuck ({}): only a person moves it on", why(event)),
        ),
        _ => return None,
    })
}

fn of_step(event: &EventView) -> Option<(Tone, String)> {
    let (step, why, retry) = (step(event), why(event), retry(event));
    let undo = undo(event);
    Some(match event.kind.as_str() {
        "step_started" => (Tone::Faint, format!("  {step} starts{}", attempt(event))),
        "step_succeeded" => (
            Tone::Good,
            format!("✓ {step} done{}", payload(event, "output")),
        ),
        "step_failed" => (Tone::Bad, format!("✗ {step} failed: {why}{retry}")),
        "step_skipped" => (Tone::Faint, format!("- {step} skipped")),
        "step_in_doubt" => (
            Tone::Care,
            format!("? {undo}{step} is in doubt: {why}; a person settles it"),
        ),
        "compensation_started" => (
            Tone::Faint,
            format!("  undo of {step} starts{}", attempt(event)),
        ),
        "compensation_succeeded" => (
            Tone::Care,
            format!("↩ {step} undone{}", payload(event, "output")),
        ),
        "compensation_failed" => (Tone::Bad, format!("✗ undo of {step} failed: {why}{retry}")),
        _ => return None,
    })
}

fn of_person(event: &EventView) -> Option<(Tone, String)> {
    let step = step(event);
    let by = text(event, "by")
        .map(|by| format!(" by {by}"))
        .unwrap_or_default();
    Some(match event.kind.as_str() {
        "approval_asked" => {
            let id = text(event, "approval").unwrap_or_default();
            let input = payload(event, "input");
            (
                Tone::Care,
                format!("? {step} waits for a person: approval {id}{input}"),
            )
        }
        "approval_granted" => (Tone::Good, format!("! {step} granted{by}")),
        "approval_refused" => (Tone::Bad, format!("! {step} refused{by}")),
        "approval_expired" => (Tone::Bad, format!("! {step}: nobody decided in time")),
        "step_settled" => {
            let result = text(event, "result").unwrap_or_default().replace('_', " ");
            (
                Tone::Care,
                format!("! {}{step} is settled: {result}{by}", undo(event)),
            )
        }
        "goal_paused" => (Tone::Care, format!("‖ paused{by}")),
        "goal_resumed" => (Tone::Strong, format!("▸ resumed{by}")),
        "cancel_requested" => (Tone::Care, format!("! to be cancelled{by}")),
        "retry_requested" => (Tone::Care, format!("! the undo is tried again{by}")),
        _ => return None,
    })
}

fn undo(event: &EventView) -> &'static str {
    let undo = event
        .data
        .get("undo")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    if undo { "the undo of " } else { "" }
}

fn now(event: &EventView) -> String {
    match event.kind.as_str() {
        "step_started" => format!("{} runs", step(event)),
        "approval_asked" => format!("{} waits for a person", step(event)),
        "compensation_started" => format!("undoing {}", step(event)),
        "goal_paused" => "paused".to_owned(),
        "goal_stuck" => "stuck".to_owned(),
        _ => "going on".to_owned(),
    }
}

fn step(event: &EventView) -> String {
    let step = text(event, "step").unwrap_or_default();
    match event.data.get("item").and_then(Value::as_u64) {
        Some(item) => format!("{step}[{item}]"),
        None => step,
    }
}

fn why(event: &EventView) -> String {
    let code = text(event, "code")
        .or_else(|| text(event, "reason"))
        .unwrap_or_default();
    let message = event
        .data
        .get("error")
        .and_then(|error| error.get("message"))
        .and_then(Value::as_str);
    match message {
        Some(message) => short(&format!("{code}, {message}")),
        None => code,
    }
}

fn retry(event: &EventView) -> String {
    match event.data.get("retry_in_ms").and_then(Value::as_u64) {
        Some(ms) => format!("; again in {ms} ms"),
        None => String::new(),
    }
}

fn attempt(event: &EventView) -> String {
    match event.data.get("attempt").and_then(Value::as_u64) {
        Some(attempt) if attempt > 1 => format!(" (try {attempt})"),
        _ => String::new(),
    }
}

fn source(event: &EventView) -> String {
    match (
        text(event, "playbook"),
        text(event, "source").or_else(|| text(event, "plan_source")),
    ) {
        (Some(playbook), _) => format!(": playbook {playbook}"),
        (None, Some(source)) => format!(": by {source}"),
        (None, None) => String::new(),
    }
}

fn payload(event: &EventView, name: &str) -> String {
    match event.data.get(name).filter(|value| !value.is_null()) {
        Some(value) => format!("  {}", short(&value.to_string())),
        None => String::new(),
    }
}

fn text(event: &EventView, name: &str) -> Option<String> {
    event.data.get(name).and_then(Value::as_str).map(safe)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    fn check(kind: &str, data: Value) -> String {
        let data = data.as_object().cloned().unwrap_or_default();
        let at = "2026-12-01T12:00:00Z".parse().unwrap();
        Narrator::new(Output::plain()).line(&EventView {
            sequence: 1,
            kind: kind.to_owned(),
            at,
            data,
        })
    }

    #[test]
    fn events_are_told_in_one_line_each() {
        let output = json!({ "id": "OS417-12A" });
        assert_snapshot!(check("step_succeeded", json!({ "step": "reserve", "output": output })), @r#"   0.000s ✓ reserve done  {"id":"OS417-12A"}"#);
        let error = json!({ "code": "http.status", "message": "127.0.0.1 answered 410 Gone" });
        assert_snapshot!(check("step_failed", json!({ "step": "confirm", "code": "http.status", "error": error })), @"   0.000s ✗ confirm failed: http.status, 127.0.0.1 answered 410 Gone");
        assert_snapshot!(check("step_failed", json!({ "step": "a", "item": 2, "code": "http.connect", "retry_in_ms": 40 })), @"   0.000s ✗ a[2] failed: http.connect; again in 40 ms");
        assert_snapshot!(check("approval_granted", json!({ "step": "pay", "by": "ola" })), @"   0.000s ! pay granted by ola");
        assert_snapshot!(check("goal_failed", json!({ "code": "step.failed" })), @"   0.000s ● failed (step.failed): what was done is undone");
    }

    #[test]
    fn what_a_tool_answered_cannot_move_the_cursor() {
        let line = check(
            "approval_granted",
            json!({ "step": "pay", "by": "\u{1b}[2Jola" }),
        );
        assert_snapshot!(line, @"   0.000s ! pay granted by �[2Jola");
    }
}
