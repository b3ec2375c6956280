//! What is asked of a figure, and by how much the figure misses it.

/// A bound.
#[derive(Clone, Copy)]
pub(crate) enum Asked {
    /// The figure explains another one.
    Nothing,
    /// No more than this.
    AtMost(f64),
    /// No less than this, and what is aimed for beyond.
    AtLeast(f64, Option<f64>),
}

impl Asked {
    /// The bound beside a figure.
    pub(crate) fn of(self, figure: f64) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::AtMost(most) if figure > most => {
                let by = (figure / most - 1.0) * 100.0;
                format!("≤ {}: MISSED by {by:.0} %", number(most))
            }
            Self::AtMost(most) => format!("≤ {}", number(most)),
            Self::AtLeast(least, aim) => {
                let aim = aim.map_or(String::new(), |aim| format!(" (aim {})", number(aim)));
                let missed = if figure < least {
                    format!(": MISSED by {:.0} %", (1.0 - figure / least) * 100.0)
                } else {
                    String::new()
                };
                format!("≥ {}{aim}{missed}", number(least))
            }
        }
    }
}

fn number(bound: f64) -> String {
    if bound.fract() == 0.0 {
        format!("{bound}")
    } else {
        format!("{bound:.2}")
    }
}
