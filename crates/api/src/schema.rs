//! The schemas of words that `domain` owns: it knows nothing of OpenAPI, and its names are the wire's.

use domain::goal::GoalStatus;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

const LANES: [&str; 4] = ["green", "yellow", "red", "blocked"];
const EFFECT_CLASSES: [&str; 4] = ["read", "idempotent", "reconcilable", "at_most_once"];

pub(crate) fn goal_status() -> ObjectBuilder {
    names(GoalStatus::ALL.map(GoalStatus::as_str))
}

pub(crate) fn step_status() -> ObjectBuilder {
    names([
        "waiting",
        "running",
        "succeeded",
        "failed",
        "skipped",
        "in_doubt",
        "compensated",
        "compensation_failed",
        "cancelled",
    ])
}

pub(crate) fn plan_source_or_null() -> ObjectBuilder {
    names_or_null(["playbook", "cache", "model", "caller"])
}

pub(crate) fn lane() -> ObjectBuilder {
    names(LANES)
}

pub(crate) fn lane_or_null() -> ObjectBuilder {
    names_or_null(LANES)
}

pub(crate) fn effect_class() -> ObjectBuilder {
    names(EFFECT_CLASSES)
}

pub(crate) fn effect_class_or_null() -> ObjectBuilder {
    names_or_null(EFFECT_CLASSES)
}

pub(crate) fn approval_status() -> ObjectBuilder {
    names(["pending", "granted", "refused", "expired", "closed"])
}

pub(crate) fn decision() -> ObjectBuilder {
    names(["grant", "refuse"])
}

pub(crate) fn scope() -> ObjectBuilder {
    names(["all", "tenant", "tool", "goal"])
}

pub(crate) fn mode() -> ObjectBuilder {
    names(["hold", "cancel", "off"])
}

pub(crate) fn verdict() -> ObjectBuilder {
    names(["allow", "ask", "deny"])
}

fn names<const N: usize>(names: [&'static str; N]) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .enum_values(Some(names))
}

fn names_or_null<const N: usize>(names: [&'static str; N]) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(names.into_iter().map(Some).chain([None])))
}
