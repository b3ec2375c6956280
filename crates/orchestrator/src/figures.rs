//! What the service counts about itself, as Prometheus text.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};

/// Upper bounds of the duration buckets, in microseconds.
const BUCKETS: [u64; 10] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, 10_000_000,
];

/// The series of one route, by method and status.
type ByMethod = HashMap<(&'static str, u16), Series>;

/// Figures since the process began.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// By route, then method and status. All three are bounded: routes are the router's, methods are named below.
    requests: Mutex<HashMap<String, ByMethod>>,
    /// Goals accepted.
    pub(crate) goals_accepted: AtomicU64,
    /// Goals refused because no plan works or can be made.
    pub(crate) plans_refused: AtomicU64,
    /// Tokens that were not good.
    pub(crate) logins_failed: AtomicU64,
}

#[derive(Debug, Default)]
struct Series {
    count: u64,
    microseconds: u64,
    buckets: [u64; BUCKETS.len()],
}

/// A figure that is read when it is asked for.
pub(crate) struct Gauge {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) value: u64,
}

/// How often something was done and how long that took, read when it is asked for.
pub(crate) struct Summary {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) count: u64,
    pub(crate) sum: Duration,
}

impl Figures {
    pub(crate) fn request(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if !requests.contains_key(route) {
            requests.insert(route.to_owned(), HashMap::new());
        }
        let Some(route) = requests.get_mut(route) else {
            return;
        };
        let series = route.entry((name(method), status.as_u16())).or_default();
        series.count += 1;
        series.microseconds = series.microseconds.saturating_add(microseconds);
        for (bucket, bound) in series.buckets.iter_mut().zip(BUCKETS) {
            *bucket += u64::from(microseconds <= bound);
        }
    }

    /// All figures in the text format of Prometheus 0.0.4.
    pub(crate) fn text(&self, gauges: &[Gauge], summary: &Summary) -> String {
        let mut out = String::with_capacity(4_096);
        for gauge in gauges {
            family(&mut out, gauge.name, "gauge", gauge.help);
            line(&mut out, format_args!("{} {}", gauge.name, gauge.value));
        }
        let counters = [
            (
                "omnihub_goals_accepted_total",
                "Goals accepted.",
                &self.goals_accepted,
            ),
            (
                "omnihub_plans_refused_total",
                "Goals refused for want of a plan that works.",
                &self.plans_refused,
            ),
            (
                "omnihub_logins_failed_total",
                "Tokens that were not good.",
                &self.logins_failed,
            ),
        ];
        for (name, help, counter) in counters {
            family(&mut out, name, "counter", help);
            line(
                &mut out,
                format_args!("{name} {}", counter.load(Ordering::Relaxed)),
            );
        }
        let Summary {
            name,
            help,
            count,
            sum,
        } = summary;
        family(&mut out, name, "summary", help);
        line(
            &mut out,
            format_args!("{name}_sum {}\n{name}_count {count}", sum.as_secs_f64()),
        );
        self.requests_text(&mut out);
        out
    }

    fn requests_text(&self, out: &mut String) {
        let name = "omnihub_http_request_duration_seconds";
        family(
            out,
            name,
            "histogram",
            "Requests by route, method and status, and how long each took.",
        );
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let mut routes: Vec<_> = requests.iter().collect();
        routes.sort_by_key(|(route, _)| *route);
        for (route, by_method) in routes {
            let mut all: Vec<_> = by_method.iter().collect();
            all.sort_by_key(|(key, _)| *key);
            for ((method, status), series) in all {
                let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
                for (bound, count) in BUCKETS.iter().zip(series.buckets) {
                    line(
                        out,
                        format_args!(
                            "{name}_bucket{{{labels},le=\"{}\"}} {count}",
                            seconds(*bound)
                        ),
                    );
                }
                line(
                    out,
                    format_args!("{name}_bucket{{{labels},le=\"+Inf\"}} {}", series.count),
                );
                line(
                    out,
                    format_args!("{name}_sum{{{labels}}} {}", seconds(series.microseconds)),
                );
                line(
                    out,
                    format_args!("{name}_count{{{labels}}} {}", series.count),
                );
            }
        }
    }
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    line(
        out,
        format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"),
    );
}

fn seconds(microseconds: u64) -> f64 {
    Duration::from_micros(microseconds).as_secs_f64()
}

#[expect(
    clippy::expect_used,
    reason = "a String takes all text there is memory for"
)]
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a String does not fail");
}

/// A method as a label; a client can make up methods, but not labels.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}
