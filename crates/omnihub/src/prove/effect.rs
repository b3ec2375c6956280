//! The name of one effect: which goal, which step, which item, there or back. The plan carries it to the receiver in the
//! URL's path and into the database in the row, so that neither has to believe what OmniHub says of itself.

use std::fmt;
use std::str::FromStr;

/// One use of one step, there (`undo: false`) or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EffectId {
    /// The goal's number in this run.
    pub(crate) goal: u32,
    /// The step's number in its plan.
    pub(crate) step: u32,
    /// The item of a fan-out; 0 where the step has one effect.
    pub(crate) item: u32,
    /// Whether it is the compensation.
    pub(crate) undo: bool,
}

impl EffectId {
    /// The same use of the step, the other way.
    #[must_use]
    pub(crate) fn back(self) -> Self {
        Self { undo: true, ..self }
    }

    /// The numbers, for seeds.
    pub(crate) fn numbers(self) -> [u64; 4] {
        [
            self.goal.into(),
            self.step.into(),
            self.item.into(),
            self.undo.into(),
        ]
    }
}

/// As the path of a URL: `/GOAL/STEP/ITEM/do` or `…/undo`.
impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.undo { "undo" } else { "do" };
        write!(f, "/{}/{}/{}/{way}", self.goal, self.step, self.item)
    }
}

/// A path that names no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path names no effect")]
pub(crate) struct NoEffect;

impl FromStr for EffectId {
    type Err = NoEffect;

    fn from_str(path: &str) -> Result<Self, NoEffect> {
        let parts: Vec<&str> = path.strip_prefix('/').ok_or(NoEffect)?.split('/').collect();
        let [goal, step, item, way] = parts.as_slice() else {
            return Err(NoEffect);
        };
        let number = |text: &str| text.parse().map_err(|_| NoEffect);
        let undo = match *way {
            "do" => false,
            "undo" => true,
            _ => return Err(NoEffect),
        };
        Ok(Self {
            goal: number(goal)?,
            step: number(step)?,
            item: number(item)?,
            undo,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_effect_and_nothing_else_does() {
        let effect = EffectId {
            goal: 12,
            step: 3,
            item: 4,
            undo: false,
        };
        assert_eq!(effect.to_string(), "/12/3/4/do");
        assert_eq!(effect.back().to_string(), "/12/3/4/undo");
        assert_eq!("/12/3/4/undo".parse(), Ok(effect.back()));
        for path in [
            "",
            "/",
            "/1/2/3",
            "/1/2/3/maybe",
            "/1/2/x/do",
            "/1/2/3/do/",
            "1/2/3/do",
        ] {
            assert_eq!(path.parse::<EffectId>(), Err(NoEffect), "{path}");
        }
    }
}
