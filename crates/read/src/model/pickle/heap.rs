//! Containers, objects and globals that handles point to, and the budget for all working state.

use std::collections::HashMap;
use std::ops::Deref;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::Global;

use super::calls::{Known, known};
use super::handle::{Handle, View};
use super::packed_handles::{SMALL, Small, Tuples};

/// How many bytes of working state are left.
pub(super) struct Budget {
    left: u64,
    limit: u64,
}

impl Budget {
    pub(super) fn new(limit: u64) -> Self {
        Self { left: limit, limit }
    }

    /// Takes `bytes` out.
    ///
    /// # Errors
    /// [`Unread::Limit`] when so many are not left.
    pub(super) fn charge(&mut self, bytes: u64) -> Result<(), Unread> {
        self.left = self.left.checked_sub(bytes).ok_or(Unread::Limit(LimitKind::StateBytes, self.limit))?;
        Ok(())
    }
}

/// A growing list that charges the budget for the room it takes. The room is kept when it is cleared.
pub(super) struct Pool<T>(Vec<T>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy> Pool<T> {
    pub(super) fn push(&mut self, item: T, budget: &mut Budget) -> Result<(), Unread> {
        if self.0.len() == self.0.capacity() {
            let more = self.0.capacity().max(64);
            let bytes = more.saturating_mul(size_of::<T>());
            budget.charge(u64::try_from(bytes).unwrap_or(u64::MAX))?;
            self.0.reserve_exact(more);
        }
        self.0.push(item);
        Ok(())
    }

    pub(super) fn extend(&mut self, items: &[T], budget: &mut Budget) -> Result<(), Unread> {
        let wanted = self.0.len().saturating_add(items.len());
        if wanted > self.0.capacity() {
            let more = self.0.capacity().max(64).max(items.len());
            let bytes = more.saturating_mul(size_of::<T>());
            budget.charge(u64::try_from(bytes).unwrap_or(u64::MAX))?;
            self.0.reserve_exact(more);
        }
        self.0.extend_from_slice(items);
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    pub(super) fn get(&self, index: usize) -> Option<T> {
        self.0.get(index).copied()
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.0.get_mut(index)
    }

    pub(super) fn last(&self) -> Option<T> {
        self.0.last().copied()
    }

    pub(super) fn as_slice(&self) -> &[T] {
        &self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn length(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// How many first elements (or pairs of a dictionary) a container keeps.
pub(super) const FIRST: u32 = 16;
/// How many elements a container keeps at most, counting the telling ones that come later.
const MOST: u16 = 2048;

/// A tuple, list, set or dictionary: its length, its first elements, and later ones that a judge wants to see.
#[derive(Clone, Copy)]
pub(super) struct Container {
    /// Where its kept elements begin in the pool of elements.
    start: u32,
    /// How many elements (of a dictionary: keys and values together) there are.
    pub(super) count: u32,
    kept: u16,
    /// A tuple that holds something that cannot be a key.
    pub(super) unhashable: bool,
    /// Telling elements had to be dropped, or its content is not known at all.
    pub(super) opaque: bool,
}

/// An instance, or what a call returned.
#[derive(Clone, Copy)]
pub(super) struct Object {
    /// The global that made it: index into the globals.
    pub(super) origin: u32,
    /// Container of the items that were set on it.
    pub(super) items: u32,
    /// What it was made from.
    pub(super) arguments: Handle,
    /// The last state set on it.
    pub(super) state: Handle,
}

/// The elements of a container that are kept.
pub(super) enum Kept<'a> {
    Slice(&'a [Handle]),
    Small(Small),
}

impl Deref for Kept<'_> {
    type Target = [Handle];

    fn deref(&self) -> &[Handle] {
        match self {
            Self::Slice(slice) => slice,
            Self::Small(small) => small.elements(),
        }
    }
}

/// Marks the number of a tuple that lies among the small ones.
const IS_SMALL: u32 = 1 << 31;

/// No container.
pub(super) const NO_ITEMS: u32 = u32::MAX;

/// Everything that handles point to.
#[derive(Default)]
pub(super) struct Heap {
    elements: Pool<Handle>,
    containers: Pool<Container>,
    tuples: Tuples,
    objects: Pool<Object>,
    globals: Vec<(Global, Known)>,
    numbers: HashMap<Global, u32>,
    /// Tools (see [`Known::is_tool`]) that went into a container, in the order in which they did.
    handed_over: Vec<u32>,
    /// Every element of every container, where somebody wants the data and not only what loading does.
    whole: Option<HashMap<u32, Vec<Handle>>>,
}

/// A heap cannot number more things than this.
const FULL: Unread = Unread::Limit(LimitKind::StateBytes, 0xffff_ffff);

impl Heap {
    /// A container of `items`; of a dictionary, keys and values in turn.
    pub(super) fn container(
        &mut self,
        items: &[Handle],
        pairs: bool,
        budget: &mut Budget,
    ) -> Result<u32, Unread> {
        let start = u32::try_from(self.elements.len()).map_err(|_| FULL)?;
        let index = u32::try_from(self.containers.len()).ok().filter(|index| index & IS_SMALL == 0);
        let index = index.ok_or(FULL)?;
        let container = Container { start, count: 0, kept: 0, unhashable: false, opaque: false };
        self.containers.push(container, budget)?;
        self.extend(index, items, pairs, budget)?;
        Ok(index)
    }

    /// A tuple of `items`, one of which may not be able to be a key.
    pub(super) fn tuple(
        &mut self,
        items: &[Handle],
        unhashable: bool,
        budget: &mut Budget,
    ) -> Result<u32, Unread> {
        let place = u32::try_from(self.tuples.next()).ok().filter(|place| place & IS_SMALL == 0);
        if let Some(place) = place.filter(|_| items.len() <= SMALL && self.whole.is_none()) {
            self.tuples.push(items, unhashable, budget)?;
            self.hand_over(items);
            return Ok(place | IS_SMALL);
        }
        let index = self.container(items, false, budget)?;
        if let Some(slot) = self.slot(index) {
            slot.unhashable = unhashable;
        }
        Ok(index)
    }

    /// The small tuple with this number, if it is one.
    fn small(&self, index: u32) -> Option<Small> {
        let place = (index != NO_ITEMS && index & IS_SMALL != 0).then_some(index & !IS_SMALL)?;
        self.tuples.get(usize::try_from(place).ok()?)
    }

    /// Adds `items` to a container.
    pub(super) fn extend(
        &mut self,
        index: u32,
        items: &[Handle],
        pairs: bool,
        budget: &mut Budget,
    ) -> Result<(), Unread> {
        let Some(mut container) = self.get(index) else { return Ok(()) };
        if let Some(whole) = &mut self.whole {
            let bytes = items.len().saturating_mul(size_of::<[Handle; 2]>());
            budget.charge(u64::try_from(bytes).unwrap_or(u64::MAX))?;
            whole.entry(index).or_default().extend_from_slice(items);
        }
        let step = if pairs { 2 } else { 1 };
        let first = if pairs { FIRST.saturating_mul(2) } else { FIRST };
        self.hand_over(items);
        for group in items.chunks(step) {
            let early = container.count < first;
            container.count = container.count.saturating_add(u32::try_from(group.len()).unwrap_or(0));
            if !early && !group.iter().any(|item| item.is_telling()) {
                continue;
            }
            if container.kept >= MOST {
                container.opaque = true;
                continue;
            }
            self.make_room(&mut container, budget)?;
            for item in group {
                self.elements.push(*item, budget)?;
                container.kept = container.kept.saturating_add(1);
            }
        }
        if let Some(slot) = self.slot(index) {
            *slot = container;
        }
        Ok(())
    }

    /// Notes the tools among values that become somebody else's.
    pub(super) fn hand_over(&mut self, items: &[Handle]) {
        for item in items {
            if let View::Global(number) = item.view()
                && self.known(number).is_tool()
                && !self.handed_over.contains(&number)
            {
                self.handed_over.push(number);
            }
        }
    }

    /// Tools that were handed over and not yet told, from the `told`th on.
    pub(super) fn handed_over(&self, told: usize) -> Option<u32> {
        self.handed_over.get(told).copied()
    }

    /// Keeps telling `items` that take the place of elements of a container.
    pub(super) fn remember(
        &mut self,
        index: u32,
        items: &[Handle],
        budget: &mut Budget,
    ) -> Result<(), Unread> {
        let count = self.count(index);
        self.extend(index, items, false, budget)?;
        if let Some(container) = self.slot(index) {
            container.count = count;
        }
        Ok(())
    }

    /// Moves the kept elements to the end of the pool, where there is room behind them.
    fn make_room(&mut self, container: &mut Container, budget: &mut Budget) -> Result<(), Unread> {
        let start = usize::try_from(container.start).map_err(|_| FULL)?;
        let end = start.saturating_add(usize::from(container.kept));
        if end == self.elements.len() {
            return Ok(());
        }
        container.start = u32::try_from(self.elements.len()).map_err(|_| FULL)?;
        for at in start..end {
            let Some(item) = self.elements.get(at) else { break };
            self.elements.push(item, budget)?;
        }
        Ok(())
    }

    fn slot(&mut self, index: u32) -> Option<&mut Container> {
        self.containers.get_mut(usize::try_from(index).ok()?)
    }

    /// The container with this index.
    pub(super) fn get(&self, index: u32) -> Option<Container> {
        if index & IS_SMALL == 0 {
            return self.containers.get(usize::try_from(index).ok()?);
        }
        let Small { count, unhashable, .. } = self.small(index)?;
        let (kept, count) = (u16::from(count), u32::from(count));
        Some(Container { start: 0, count, kept, unhashable, opaque: false })
    }

    /// How many elements a container has.
    pub(super) fn count(&self, index: u32) -> u32 {
        self.get(index).map_or(0, |container| container.count)
    }

    /// The kept elements of a container.
    pub(super) fn kept(&self, index: u32) -> Kept<'_> {
        if let Some(small) = self.small(index) {
            return Kept::Small(small);
        }
        let Some(container) = self.get(index) else { return Kept::Slice(&[]) };
        let start = usize::try_from(container.start).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::from(container.kept));
        Kept::Slice(self.elements.as_slice().get(start..end).unwrap_or_default())
    }

    /// From now on keeps every element of every container.
    pub(super) fn keep_whole(&mut self) {
        self.whole = Some(HashMap::new());
    }

    /// All elements of a container; of a dictionary, keys and values in turn. Empty unless [`Self::keep_whole`] was
    /// called before the stream ran.
    pub(super) fn whole(&self, index: u32) -> &[Handle] {
        self.whole.as_ref().and_then(|whole| whole.get(&index)).map_or(&[], Vec::as_slice)
    }

    /// The element at `position`, if it is among the first that are always kept.
    pub(super) fn element(&self, index: u32, position: usize) -> Option<Handle> {
        self.kept(index).get(position).copied().filter(|_| position < usize::try_from(FIRST).unwrap_or(0))
    }

    /// Says that a container holds more than is known.
    pub(super) fn set_opaque(&mut self, index: u32) {
        if let Some(slot) = self.slot(index) {
            slot.opaque = true;
        }
    }

    /// A new object.
    pub(super) fn object(
        &mut self,
        origin: u32,
        arguments: Handle,
        budget: &mut Budget,
    ) -> Result<Handle, Unread> {
        let index = u32::try_from(self.objects.len()).map_err(|_| FULL)?;
        self.objects.push(Object { origin, items: NO_ITEMS, arguments, state: Handle::NONE }, budget)?;
        Ok(Handle::new(View::Object(index)))
    }

    /// The object with this index.
    pub(super) fn get_object(&self, index: u32) -> Option<Object> {
        self.objects.get(usize::try_from(index).ok()?)
    }

    /// The object with this index, to change it.
    pub(super) fn object_mut(&mut self, index: u32) -> Option<&mut Object> {
        self.objects.get_mut(usize::try_from(index).ok()?)
    }

    /// The number of a global.
    pub(super) fn global(&mut self, global: Global, budget: &mut Budget) -> Result<u32, Unread> {
        if let Some(number) = self.numbers.get(&global) {
            return Ok(*number);
        }
        let text = global.module.len().saturating_add(global.name.len());
        let bytes = text.saturating_add(size_of::<Global>()).saturating_mul(2).saturating_add(16);
        budget.charge(u64::try_from(bytes).unwrap_or(u64::MAX))?;
        let number = u32::try_from(self.globals.len()).map_err(|_| FULL)?;
        self.globals.push((global.clone(), known(&global)));
        self.numbers.insert(global, number);
        Ok(number)
    }

    /// The global with this number.
    pub(super) fn get_global(&self, number: u32) -> Option<&Global> {
        self.globals.get(usize::try_from(number).ok()?).map(|(global, _)| global)
    }

    /// What the machine knows about the global with this number.
    pub(super) fn known(&self, number: u32) -> Known {
        let known = usize::try_from(number).ok().and_then(|number| self.globals.get(number));
        known.map_or(Known::Other, |(_, known)| *known)
    }

    /// Forgets everything but the globals, whose numbers effects refer to.
    pub(super) fn clear(&mut self) {
        self.elements.clear();
        self.containers.clear();
        self.tuples.clear();
        self.objects.clear();
        self.handed_over.clear();
        if let Some(whole) = &mut self.whole {
            whole.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(value: i64) -> Handle {
        Handle::new(View::Int(value))
    }

    #[test]
    fn a_container_keeps_its_first_elements_and_the_telling_ones() {
        let (mut heap, mut budget) = (Heap::default(), Budget::new(1 << 20));
        let list = heap.container(&[], false, &mut budget).unwrap();
        let other = heap.container(&[int(-1)], false, &mut budget).unwrap();
        for number in 0..100 {
            let item = if number == 50 { Handle::UNKNOWN } else { int(number) };
            heap.extend(list, &[item], false, &mut budget).unwrap();
        }
        let expected: Vec<Handle> = (0..16).map(int).chain([Handle::UNKNOWN]).collect();
        assert!(*heap.kept(list) == *expected);
        assert_eq!(heap.count(list), 100);
        assert!(*heap.kept(other) == [int(-1)]);
    }

    #[test]
    fn too_many_telling_elements_are_not_dropped_in_silence() {
        let (mut heap, mut budget) = (Heap::default(), Budget::new(1 << 20));
        let items = vec![Handle::UNKNOWN; 10_000];
        let list = heap.container(&items, false, &mut budget).unwrap();
        assert!(heap.get(list).unwrap().opaque);
        assert_eq!(heap.kept(list).len(), 2048);
    }

    #[test]
    fn the_budget_is_a_limit() {
        let (mut heap, mut budget) = (Heap::default(), Budget::new(10_000));
        let outcome = (0..1_000_000).try_for_each(|_| heap.container(&[], false, &mut budget).map(drop));
        assert_eq!(outcome, Err(Unread::Limit(LimitKind::StateBytes, 10_000)));
    }
}
