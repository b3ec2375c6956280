//! Whether the demo did what it promises: held against the desk's database and the services' books, not against what the
//! server says of itself.

use anyhow::Result;
use domain::goal::GoalStatus;

use super::desk::{Desk, Seat};
use super::services::{Entry, Services, WITHDRAWN};
use super::story::Told;

/// Who books, and what.
pub(crate) const FLIGHT: &str = "OS 417";
/// The passenger whose booking goes through.
pub(crate) const ANA: &str = "ana@example.com";
/// The passenger whose booking is undone.
pub(crate) const BEN: &str = "ben@example.com";

/// One thing promised, and whether it is so.
#[derive(Debug)]
pub(crate) struct Promise {
    /// What.
    pub what: &'static str,
    /// What was found where it is not so.
    pub broken: Option<String>,
}

/// Holds the three goals against the world.
///
/// # Errors
/// The desk's database cannot be read.
pub(crate) fn judge(
    desk: &Desk,
    services: &Services,
    [found, booked, undone]: [&Told; 3],
) -> Result<Vec<Promise>> {
    let reply = &found.goal.reply;
    let told = found.goal.status == GoalStatus::Completed
        && reply.as_deref().is_some_and(|reply| reply.contains(FLIGHT));
    let mut promises = vec![promise("the search completes with a reply", told, reply)];
    promises.extend(of_ana(desk, services, booked)?);
    promises.extend(of_ben(desk, services, undone)?);
    Ok(promises)
}

/// The booking that goes through.
fn of_ana(desk: &Desk, services: &Services, told: &Told) -> Result<Vec<Promise>> {
    let (payments, airline) = (services.payments.entries(), services.airline.entries());
    let (seats, confirmations) = (desk.seats(FLIGHT)?, desk.confirmations(ANA)?);
    let of_ana = |seat: &&Seat| seat.status == "reserved" && seat.passenger.as_deref() == Some(ANA);
    let one_seat = seats.iter().filter(of_ana).count() == 1;
    let paid = about(&payments, "payment", ANA) == 1 && refunds_of(&payments, ANA) == 0;
    let confirmed = confirmations.len() == 1 && about(&airline, "confirmation", ANA) == 1;
    let grants = told
        .events
        .iter()
        .filter(|event| event.kind == "approval_granted")
        .count();
    let status = told.goal.status;
    let asked = "it stopped before the payment, and another person granted it";
    Ok(vec![
        promise(
            "the booking completes",
            status == GoalStatus::Completed,
            &status,
        ),
        promise(asked, grants == 1, &grants),
        promise("one seat is Ana's", one_seat, &seats),
        promise("she paid once", paid, &payments),
        promise("her confirmation is recorded", confirmed, &confirmations),
    ])
}

/// The booking that the airline refuses.
fn of_ben(desk: &Desk, services: &Services, told: &Told) -> Result<Vec<Promise>> {
    let (payments, airline) = (services.payments.entries(), services.airline.entries());
    let (seats, confirmations) = (desk.seats(WITHDRAWN)?, desk.confirmations(BEN)?);
    let free = seats
        .iter()
        .all(|seat| seat.status == "free" && seat.passenger.is_none());
    let refunded = about(&payments, "payment", BEN) == 1 && refunds_of(&payments, BEN) == 1;
    let nothing = confirmations.is_empty() && about(&airline, "confirmation", BEN) == 0;
    let arrivals = services.airline.arrivals();
    let asked = arrivals
        .iter()
        .filter(|arrival| *arrival == "POST /confirmations")
        .count();
    let (undo, status) = (undo_order(told), told.goal.status);
    let newest_first = undo == ["pay", "reserve"];
    Ok(vec![
        promise(
            "the refused booking ends failed",
            status == GoalStatus::Failed,
            &status,
        ),
        promise(
            "a refusal for good is not tried again",
            asked == 2,
            &arrivals,
        ),
        promise(
            "it was undone newest first: payment, then seat",
            newest_first,
            &undo,
        ),
        promise("Ben paid once and was refunded once", refunded, &payments),
        promise("no seat is Ben's, the flight is as before", free, &seats),
        promise("nothing is confirmed for Ben", nothing, &confirmations),
    ])
}

/// How often a service did something for a passenger.
fn about(entries: &[Entry], kind: &str, passenger: &str) -> usize {
    entries
        .iter()
        .filter(|entry| entry.kind == kind && entry.is_for(passenger))
        .count()
}

fn promise(what: &'static str, kept: bool, found: &impl std::fmt::Debug) -> Promise {
    Promise {
        what,
        broken: (!kept).then(|| format!("{found:?}")),
    }
}

/// Refunds of a passenger's payments.
fn refunds_of(entries: &[Entry], passenger: &str) -> usize {
    let paid = entries
        .iter()
        .filter(|entry| entry.kind == "payment" && entry.is_for(passenger));
    let paid: Vec<_> = paid.map(|entry| Some(entry.id.as_str())).collect();
    let payment =
        |entry: &Entry| paid.contains(&entry.body.get("payment").and_then(|id| id.as_str()));
    entries
        .iter()
        .filter(|entry| entry.kind == "refund" && payment(entry))
        .count()
}

/// The steps that were undone, in the order of their undo.
fn undo_order(told: &Told) -> Vec<&str> {
    let undone = told
        .events
        .iter()
        .filter(|event| event.kind == "compensation_succeeded");
    undone
        .filter_map(|event| event.data.get("step").and_then(|step| step.as_str()))
        .collect()
}

#[cfg(test)]
mod tests;
