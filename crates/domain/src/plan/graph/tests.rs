//! What needs what, on plans small enough to see it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::plan::documents::any_plan;
use crate::plan::parse::{parse, read};

fn graph(steps: Value) -> Graph {
    Graph::of(&parse(&json!({"steps": steps})).unwrap())
}

fn check(graph: &Graph, place: usize, needs: &[usize], data: &[usize], dependents: &[usize]) {
    let node = graph.node(place).unwrap();
    assert_eq!(
        (
            node.needs.as_slice(),
            node.data.as_slice(),
            node.dependents.as_slice()
        ),
        (needs, data, dependents)
    );
}

#[test]
fn needs_come_from_order_input_condition_items_and_compensation() {
    let of = |id: &str| json!({"$step": id});
    let graph = graph(json!([
        {"id": "a", "tool": "t"},
        {"id": "b", "tool": "t", "after": ["a", "a"]},
        {"id": "c", "tool": "t", "input": {"x": [{"$format": "{y}", "with": {"y": of("a")}}]}},
        {"id": "d", "tool": "t", "when": {"left": of("b"), "op": "eq", "right": of("c")}},
        {"id": "e", "tool": "t", "for_each": {"items": of("a"), "max": 1}},
        {"id": "f", "tool": "t", "compensation": {"tool": "u", "input": {"own": of("f"), "other": of("e")}}},
    ]));
    check(&graph, 0, &[], &[], &[1, 2, 4]);
    check(&graph, 1, &[0], &[], &[3]);
    check(&graph, 2, &[0], &[0], &[3]);
    check(&graph, 3, &[1, 2], &[1, 2], &[]);
    check(&graph, 4, &[0], &[0], &[5]);
    check(&graph, 5, &[4], &[], &[]);
    assert_eq!(graph.place("e"), Some(4));
    assert_eq!(graph.place("z"), None);
    assert_eq!(graph.ancestors(3), BTreeSet::from([0, 1, 2]));
    assert_eq!(graph.ancestors(5), BTreeSet::from([0, 4]));
    assert_eq!(graph.cycle(), None);
}

#[test]
fn what_is_not_in_the_plan_is_no_need() {
    let graph = graph(
        json!([{"id": "a", "tool": "t", "after": ["x"], "input": {"a": {"$step": "y"}, "b": {"$wrong": 1}}}]),
    );
    check(&graph, 0, &[], &[], &[]);
}

#[test]
fn a_cycle_is_found_at_one_of_its_steps() {
    let steps = json!([
        {"id": "first", "tool": "t", "after": ["b"]},
        {"id": "a", "tool": "t", "after": ["b"]},
        {"id": "b", "tool": "t", "input": {"x": {"$step": "a"}}},
    ]);
    let graph = graph(steps);
    let found = graph.cycle().unwrap();
    assert!(found != 0 && graph.ancestors(found).contains(&found));
}

#[test]
fn a_step_after_itself_is_a_cycle_whatever_its_compensation_says() {
    let step = json!({"id": "a", "tool": "t", "after": ["a"], "compensation": {"tool": "u", "input": {"x": {"$step": "a"}}}});
    assert_eq!(graph(json!([step])).cycle(), Some(0));
}

proptest! {
    #[test]
    fn needs_and_dependents_mirror_each_other_and_cycles_are_real(document in any_plan()) {
        let (plan, _) = read(&document);
        let graph = Graph::of(&plan);
        let count = plan.steps.len();
        for place in 0..count {
            let node = graph.node(place).unwrap();
            prop_assert!(node.data.iter().all(|need| node.needs.contains(need)));
            for other in 0..count {
                let needs = node.needs.contains(&other);
                prop_assert_eq!(needs, graph.node(other).unwrap().dependents.contains(&place));
            }
        }
        let in_circle: Vec<usize> = (0..count).filter(|place| graph.ancestors(*place).contains(place)).collect();
        match graph.cycle() {
            Some(place) => prop_assert!(in_circle.contains(&place)),
            None => prop_assert!(in_circle.is_empty()),
        }
    }
}
