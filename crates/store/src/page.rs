//! Pages of lists: newest first, bounded, and stable while new rows come.

/// Which page of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Most items.
    pub limit: u32,
    /// Where the page before ended ([`Listed::next`]); `None`: the first page.
    pub before: Option<u64>,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            limit: 50,
            before: None,
        }
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None`: there is none.
    pub next: Option<u64>,
    /// The last row looked at.
    pub(crate) last: Option<u64>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            next: None,
            last: None,
        }
    }
}
