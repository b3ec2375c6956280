//! Guessing which name somebody meant, for the errors that refuse a name nobody knows.

/// Longest name that is compared, in characters; a longer one is no slip of the pen.
const NAME_CHARS_MAX: usize = 64;

/// The known name nearest to the one given; `None`: none is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given: Vec<char> = name
        .chars()
        .take(NAME_CHARS_MAX + 1)
        .flat_map(char::to_lowercase)
        .collect();
    if given.len() > NAME_CHARS_MAX {
        return None;
    }
    let near = known.into_iter().filter_map(|candidate| {
        let wanted: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
        // A third of the name wrong is another name; short names may have one slip.
        let allowed = (wanted.len().max(given.len()) / 3).max(1);
        if wanted.len().abs_diff(given.len()) > allowed {
            return None;
        }
        let distance = distance(&given, &wanted);
        (distance <= allowed && distance < wanted.len()).then_some((distance, candidate))
    });
    near.min().map(|(_, candidate)| candidate)
}

/// The end of an error about an unknown name: the nearest known one as a question, or nothing.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known)
        .map(|nearest| format!("; did you mean {nearest:?}?"))
        .unwrap_or_default()
}

/// Edit distance with neighbours that changed places counted once.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
    let mut previous = None;
    for (row, a) in left.iter().enumerate() {
        let mut now = vec![row + 1];
        let mut left_of = None;
        for (column, b) in right.iter().enumerate() {
            let replaced = at(&last, column) + usize::from(a != b);
            let mut best = replaced
                .min(at(&last, column + 1) + 1)
                .min(at(&now, column) + 1);
            if previous == Some(b) && left_of == Some(a) {
                best = best.min(at(&before, column.saturating_sub(1)) + 1);
            }
            now.push(best);
            left_of = Some(b);
        }
        previous = Some(a);
        before = std::mem::replace(&mut last, now);
    }
    at(&last, right.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, known: &[&str], expected: Option<&str>) {
        assert_eq!(nearest(name, known.iter().copied()), expected, "{name}");
    }

    #[test]
    fn a_slip_of_the_pen_is_guessed() {
        let known = ["table", "filters", "limit", "order_by"];
        check("tabel", &known, Some("table"));
        check("Table", &known, Some("table"));
        check("filter", &known, Some("filters"));
        check("orderby", &known, Some("order_by"));
        check("limt", &known, Some("limit"));
    }

    #[test]
    fn another_name_is_not() {
        let known = ["table", "id"];
        check("payload", &known, None);
        check("x", &known, None);
        check("", &known, None);
        check(&"t".repeat(10_000), &known, None);
    }
}
