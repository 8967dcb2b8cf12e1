//! The memo: dense where writers put things, sparse where only an attacker would.

use std::collections::BTreeMap;

use weighbridge_core::coverage::Unread;

use super::handle::Handle;
use super::heap::{Budget, Pool};
use super::packed_handles::Sequence;

/// What GET finds. An index of four thousand millions costs no more than any other.
#[derive(Default)]
pub(super) struct Memo {
    dense: Pool<Handle>,
    /// What comes behind the dense part, in order and packed.
    packed: Sequence,
    /// What lies far from everything else, or took the place of something packed.
    sparse: BTreeMap<u64, Handle>,
    /// How many indices hold a value; MEMOIZE stores under this index.
    count: u64,
}

/// How many values the dense part holds: what a pickle refers to again and again mostly lies among the first.
const DENSE: u64 = 1 << 18;
/// How far beyond its end the dense part grows at once.
const STRIDE: u64 = 1024;
/// Rough size of an entry of the sparse part.
const SPARSE_BYTES: u64 = 48;

impl Memo {
    /// The value under `index`.
    pub(super) fn get(&self, index: u64) -> Option<Handle> {
        let near = match index.checked_sub(DENSE) {
            None => usize::try_from(index).ok().and_then(|index| self.dense.get(index)),
            // A value that replaced a packed one lies among the sparse ones.
            Some(_) if self.sparse.contains_key(&index) => None,
            Some(number) => self.packed.get(number),
        };
        match near {
            Some(handle) if handle != Handle::ABSENT => Some(handle),
            _ => self.sparse.get(&index).copied(),
        }
    }

    /// Stores `value` under `index`.
    pub(super) fn put(&mut self, index: u64, value: Handle, budget: &mut Budget) -> Result<(), Unread> {
        let length = self.length();
        if index >= length || self.get(index).is_none() {
            // Beyond the end, only the sparse part can hold the index already.
            let known = index >= length && self.sparse.contains_key(&index);
            self.count = self.count.saturating_add(u64::from(!known));
        }
        if index > length.saturating_add(STRIDE) {
            return self.put_sparse(index, value, budget);
        }
        while self.length() < index {
            self.push(Handle::ABSENT, budget)?;
        }
        if index == self.length() {
            self.push(value, budget)?;
        } else if let Some(slot) = usize::try_from(index).ok().and_then(|index| self.dense.get_mut(index)) {
            *slot = value;
        } else {
            return self.put_sparse(index, value, budget);
        }
        if !self.sparse.is_empty() {
            self.sparse.remove(&index);
        }
        Ok(())
    }

    fn put_sparse(&mut self, index: u64, value: Handle, budget: &mut Budget) -> Result<(), Unread> {
        if self.sparse.insert(index, value).is_none() {
            budget.charge(SPARSE_BYTES)?;
        }
        Ok(())
    }

    /// The first index behind the dense and the packed part.
    fn length(&self) -> u64 {
        self.dense.length().saturating_add(self.packed.len())
    }

    /// Adds a value under [`Self::length`].
    fn push(&mut self, value: Handle, budget: &mut Budget) -> Result<(), Unread> {
        if self.dense.length() < DENSE {
            self.dense.push(value, budget)
        } else {
            self.packed.push(value, budget)
        }
    }

    /// Stores `value` under the number of values held, as MEMOIZE does.
    pub(super) fn memoize(&mut self, value: Handle, budget: &mut Budget) -> Result<(), Unread> {
        self.put(self.count, value, budget)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.dense.clear();
        self.packed.clear();
        self.sparse.clear();
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::handle::View;
    use super::*;

    #[test]
    fn indices_far_apart_cost_little_and_count_once() {
        let mut memo = Memo::default();
        let mut budget = Budget::new(100_000);
        let value = |number| Handle::new(View::Int(number));
        for (index, number) in [(0, 1), (4_000_000_000, 2), (1500, 3), (600, 4), (4_000_000_000, 5)] {
            memo.put(index, value(number), &mut budget).unwrap();
        }
        assert_eq!(memo.count, 4);
        memo.put(1500, value(6), &mut budget).unwrap();
        memo.memoize(value(7), &mut budget).unwrap();
        let numbers: Vec<_> =
            [0, 4, 600, 1500, 4_000_000_000, 5].map(|index| memo.get(index).map(Handle::view)).into();
        let int = |number| Some(View::Int(number));
        assert_eq!(numbers, [int(1), int(7), int(4), int(6), int(5), None]);
    }
}
