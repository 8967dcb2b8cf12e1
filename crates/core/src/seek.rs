//! Looks up very many names in a sorted list, when they come mostly in its order.

/// Finds names in a sorted list. One that follows soon after the one before is found at once, which for files of large
/// environments costs a fraction of hashing their paths; any other by halving.
pub struct Seeker<'list, T, N> {
    list: &'list [T],
    name: N,
    /// Behind the place found last.
    next: usize,
}

impl<'list, T, N: Fn(&T) -> &str> Seeker<'list, T, N> {
    /// For a list that is sorted by `name`, each name once.
    pub fn new(list: &'list [T], name: N) -> Self {
        Self { list, name, next: 0 }
    }

    /// The place of the item with this name.
    pub fn place(&mut self, name: &str) -> Option<usize> {
        // So many are looked at before halving costs less.
        const NEAR: usize = 8;
        let near = self.list.get(self.next..).unwrap_or_default().iter().take(NEAR);
        let found = match near.enumerate().find(|(_, item)| (self.name)(item) == name) {
            Some((steps, _)) => self.next.saturating_add(steps),
            None => self.list.binary_search_by(|item| (self.name)(item).cmp(name)).ok()?,
        };
        self.next = found.saturating_add(1);
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_order() {
        let list: Vec<String> = (0..100).map(|number| format!("{number:03}")).collect();
        for step in [1, 2, 7, 8, 9, 10, 33, 99] {
            let mut seeker = Seeker::new(&list, |name| name);
            for number in (0..300).map(|at| at * step % 101) {
                let expected = (number < 100).then_some(number);
                assert_eq!(seeker.place(&format!("{number:03}")), expected, "{step}");
            }
        }
        assert_eq!(Seeker::new(&[], |name: &String| name).place("a"), None);
    }
}
