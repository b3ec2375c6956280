//! Whether hints come and go, for whoever tells the operator.

/// Whether hints come and go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HintState {
    /// It is being dialled for the first time.
    Dialling,
    /// They do.
    Live,
    /// They do not, for this reason; it is dialled again and again.
    Away(String),
}

impl HintState {
    /// Whether it is news that the connection is lost; every further failure is not.
    pub(super) fn lose(&mut self, reason: String) -> bool {
        let is_news = !matches!(self, Self::Away(_));
        *self = Self::Away(reason);
        is_news
    }
}
