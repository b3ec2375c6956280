//! Checking one step: its tool, numbers, order, condition, fan-out and compensation, and what policy says of it.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::template::{Site, Template};
use super::{Checker, Parameters, StepCheck};
use crate::plan::condition::holds;
use crate::plan::reference::Reference;
use crate::plan::resolve::Scope;
use crate::plan::{Compensation, Condition, ForEach, Op, Step};
use crate::policy::{Verdict, verdict};
use crate::schema::TypeSet;
use crate::tool::{ATTEMPTS_MAX, EffectClass, Lane, TIMEOUT_SECONDS_MAX, ToolSpec};

impl<'a> Checker<'a> {
    /// Checks the step at a place and reports on it.
    pub(super) fn step(&mut self, place: usize, step: &'a Step) -> StepCheck {
        let at = format!("/steps/{place}");
        let first = self.places.get(step.id.as_str()).copied().unwrap_or(place);
        if first != place {
            let reason = format!("step {:?} is already at /steps/{first}", step.id.as_str());
            self.add(format!("{at}/id"), "plan.duplicate_id", reason);
        }
        let spec = self.tool(&step.tool, &format!("{at}/tool"));
        self.range(
            step.attempts,
            1..=ATTEMPTS_MAX,
            format!("{at}/attempts"),
            "plan.attempts",
        );
        self.range(
            step.timeout_seconds,
            1..=TIMEOUT_SECONDS_MAX,
            format!("{at}/timeout_seconds"),
            "plan.timeout",
        );
        self.after(step, &at);
        let skipped = step
            .when
            .as_ref()
            .is_some_and(|when| self.condition((place, step), when, &at));
        let items = step
            .for_each
            .as_ref()
            .and_then(|for_each| self.for_each((place, step), for_each, &at, skipped));
        let items = items.as_ref().and_then(Value::as_array).map(Vec::as_slice);
        let input = Template {
            value: &step.input,
            at: format!("{at}/input"),
            site: Site::Input,
            step: Some((place, step)),
            spec,
            may_lack_parameters: skipped,
        };
        let value = self.input(&input, self.request.tools.input(&step.tool), items);
        if let Some(compensation) = &step.compensation {
            self.compensation((place, step), compensation, items, skipped);
        }
        if spec.is_some_and(|spec| spec.lane == Lane::Blocked) {
            self.add(
                format!("{at}/tool"),
                "plan.blocked",
                format!("the lane of {:?} is blocked: it never runs", step.tool),
            );
        }
        report(step, spec, &value)
    }

    fn tool(&mut self, name: &str, at: &str) -> Option<&'a ToolSpec> {
        let tools = self.request.tools;
        let spec = tools.spec(name);
        if spec.is_none() {
            let reason = format!(
                "there is no tool {name:?}{}",
                self.guess(name, tools.nearest(name))
            );
            self.add(at, "plan.unknown_tool", reason);
        }
        spec
    }

    fn range(
        &mut self,
        value: Option<u32>,
        range: RangeInclusive<u32>,
        at: String,
        code: &'static str,
    ) {
        if value.is_some_and(|value| !range.contains(&value)) {
            self.add(
                at,
                code,
                format!("must be {} to {}", range.start(), range.end()),
            );
        }
    }

    fn after(&mut self, step: &Step, at: &str) {
        for (index, id) in step.after.iter().enumerate() {
            let at = format!("{at}/after/{index}");
            if !self.places.contains_key(id.as_str()) {
                let guess = self.guess(id.as_str(), self.places.keys().copied());
                self.add(
                    at,
                    "plan.unknown_step",
                    format!("there is no step {:?}{guess}", id.as_str()),
                );
            }
        }
    }

    /// Checks a condition; gives whether it is known already that it does not hold.
    fn condition(
        &mut self,
        (place, step): (usize, &'a Step),
        when: &'a Condition,
        at: &str,
    ) -> bool {
        let before = self.errors.len();
        let at = format!("{at}/when");
        let side = |value, name: &str, may_lack_parameters| Template {
            value,
            at: format!("{at}/{name}"),
            site: Site::When,
            step: Some((place, step)),
            spec: None,
            may_lack_parameters,
        };
        if !is_reference(&when.left) {
            let reason = "must be a reference: $param, $step or $format";
            self.add(format!("{at}/left"), "plan.condition", reason);
        }
        let mut open = self.open(&side(&when.left, "left", when.op == Op::Exists));
        match (when.right.as_ref().unwrap_or(&Value::Null), when.op) {
            (Value::Null, Op::Exists) => {}
            (_, Op::Exists) => {
                self.add(
                    format!("{at}/right"),
                    "plan.condition",
                    "exists compares with nothing",
                );
            }
            (right, op) => {
                open |= self.open(&side(right, "right", false));
                self.comparable(op, right, format!("{at}/right"));
            }
        }
        let Parameters::Values(parameters) = self.request.parameters else {
            return false;
        };
        if open || self.errors.len() > before {
            return false;
        }
        match holds(
            when,
            &Scope {
                parameters,
                outputs: &|_| None,
                result: None,
                item: None,
            },
        ) {
            Ok(holds) => !holds,
            Err(unresolved) => {
                self.add(at, "plan.condition", unresolved.reason);
                false
            }
        }
    }

    /// Checks the references of a condition's side; gives whether it needs more than the goal's parameters.
    fn open(&mut self, side: &Template<'a>) -> bool {
        let mut open = false;
        crate::plan::reference::survey(side.value, &mut |_, read| {
            open |= !matches!(read, Ok(Reference::Param(_) | Reference::Format { .. }));
        });
        self.references(side);
        open
    }

    /// Checks that a literal right side is one that the operator can compare with.
    fn comparable(&mut self, op: Op, right: &Value, at: String) {
        let (wanted, words) = match op {
            Op::In => (TypeSet::ARRAY, "an array"),
            Op::Lt | Op::Lte | Op::Gt | Op::Gte => {
                (TypeSet::NUMBER | TypeSet::STRING, "a number or text")
            }
            Op::Eq | Op::Ne | Op::Exists => return,
        };
        if !is_reference(right) && TypeSet::of(right).excludes(wanted) {
            self.add(
                at,
                "plan.condition",
                format!("must be {words} or a reference"),
            );
        }
    }

    /// Checks a fan-out; gives its items where they are known already.
    fn for_each(
        &mut self,
        (place, step): (usize, &'a Step),
        for_each: &'a ForEach,
        at: &str,
        skipped: bool,
    ) -> Option<Value> {
        let most = self.request.limits.fan_out_max;
        self.range(
            Some(for_each.max),
            1..=most,
            format!("{at}/for_each/max"),
            "plan.fan_out",
        );
        let template = Template {
            value: &for_each.items,
            at: format!("{at}/for_each/items"),
            site: Site::Items,
            step: Some((place, step)),
            spec: None,
            may_lack_parameters: skipped,
        };
        let at = template.at.clone();
        let plain = matches!(
            Reference::read(&for_each.items),
            Ok(Some(Reference::Param(_) | Reference::Step { .. }))
        );
        if !plain {
            self.add(
                at,
                "plan.for_each",
                "must be one reference to an array: $param or $step",
            );
            return None;
        }
        let types = self
            .references(&template)
            .first()
            .map_or(TypeSet::ANY, |place| place.types);
        if types.excludes(TypeSet::ARRAY) {
            self.add(
                at,
                "plan.for_each",
                format!("must refer to an array, not {types}"),
            );
            return None;
        }
        let items = self.known(&for_each.items, None)?;
        let count = items.as_array().map_or(0, Vec::len);
        if count > for_each.max as usize {
            self.add(
                at,
                "plan.fan_out",
                format!(
                    "{count} items are more than the step's max of {}",
                    for_each.max
                ),
            );
            return None;
        }
        Some(items)
    }

    fn compensation(
        &mut self,
        (place, step): (usize, &'a Step),
        compensation: &'a Compensation,
        items: Option<&[Value]>,
        skipped: bool,
    ) {
        let at = format!("/steps/{place}/compensation");
        let tool = &compensation.tool;
        let undoes = self.tool(tool, &format!("{at}/tool"));
        if let (Some(spec), Some(undoes)) = (self.request.tools.spec(&step.tool), undoes) {
            if spec.class == EffectClass::Read {
                let reason = format!(
                    "{:?} changes nothing, so there is nothing to undo",
                    step.tool
                );
                self.add(at.clone(), "plan.compensation", reason);
            } else if !spec.undone_by.contains(tool) {
                let allowed = spec.undone_by.join(", ");
                let reason = match allowed.as_str() {
                    "" => format!("{:?} cannot be undone", step.tool),
                    allowed => format!(
                        "{:?} cannot be undone by {tool:?}, only by {allowed}",
                        step.tool
                    ),
                };
                self.add(format!("{at}/tool"), "plan.compensation", reason);
            }
            if undoes.lane == Lane::Blocked {
                self.add(
                    format!("{at}/tool"),
                    "plan.blocked",
                    format!("the lane of {tool:?} is blocked: it never runs"),
                );
            }
        }
        self.range(
            compensation.attempts,
            1..=ATTEMPTS_MAX,
            format!("{at}/attempts"),
            "plan.attempts",
        );
        let seconds = compensation.timeout_seconds;
        self.range(
            seconds,
            1..=TIMEOUT_SECONDS_MAX,
            format!("{at}/timeout_seconds"),
            "plan.timeout",
        );
        let input = Template {
            value: &compensation.input,
            at: format!("{at}/input"),
            site: Site::Compensation,
            step: Some((place, step)),
            spec: undoes,
            may_lack_parameters: skipped,
        };
        self.input(&input, self.request.tools.compensation(tool), items);
    }
}

fn is_reference(value: &Value) -> bool {
    !matches!(Reference::read(value), Ok(None))
}

/// What policy says of a step, and what it means for the world.
fn report(step: &Step, spec: Option<&ToolSpec>, input: &Value) -> StepCheck {
    let undone_by = step
        .compensation
        .as_ref()
        .map(|compensation| compensation.tool.clone());
    let Some(spec) = spec else {
        return StepCheck {
            id: step.id.clone(),
            lane: None,
            verdict: Verdict::Deny,
            asks: false,
            reason: format!("there is no tool {:?}", step.tool),
            class: None,
            undone_by,
            irreversible: false,
        };
    };
    let verdict = verdict(spec.lane, step.approval);
    let (class, _) = spec.class_for(input);
    let irreversible = class != EffectClass::Read && undone_by.is_none();
    let mut reason = match (verdict, spec.lane) {
        (Verdict::Deny, _) => "lane blocked: it never runs",
        (Verdict::Ask, Lane::Red) => "lane red: a person is asked first",
        (Verdict::Ask, _) => "the step asks for approval",
        (Verdict::Allow, Lane::Yellow) => "lane yellow: it runs and is noted",
        (Verdict::Allow, _) => "lane green: it runs",
    }
    .to_owned();
    if irreversible {
        reason.push_str(if spec.irreversible() {
            "; it cannot be undone"
        } else {
            "; this plan does not undo it"
        });
    }
    StepCheck {
        id: step.id.clone(),
        lane: Some(spec.lane),
        verdict,
        asks: verdict == Verdict::Ask,
        reason,
        class: Some(class),
        undone_by,
        irreversible,
    }
}
