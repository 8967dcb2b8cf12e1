//! The way pip goes: one package after the other takes the newest version that fits what is known so far, and where
//! that leads nowhere, the last choices that have to do with it are made anew.
//!
//! This is modelled on pip 26 step by step (that the choices are equal is not measured yet), because its *choice* is what counts: where several solutions
//! exist, which one an installer ends with depends on the order in which it looks. Notably pip does not go back when a
//! package asks for a lower version of one that was chosen before; it lowers that one and goes on.
//!
//! Sources: pip documentation, *Dependency Resolution*; the behaviour of resolvelib 1.2 (`Resolution`) and of pip's
//! `PipProvider` (`get_preference`, `narrow_requirement_selection`), of which nothing is copied.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::packages::Packages;
use crate::problem::{Failure, Problem, Resolution};
use crate::shelf::{Ask, Demand, Key, Shelf};

/// How the walk can end without a solution.
#[derive(Debug)]
pub enum Lost {
    /// It came to no end; that proves nothing.
    DeadEnd,
    /// Nothing could be asked any more.
    Failure(Failure),
}

impl From<Failure> for Lost {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Goes pip's way to a solution.
///
/// # Errors
/// [`Lost`].
pub fn walk(problem: &Problem<'_>, packages: &dyn Packages) -> Result<Resolution, Lost> {
    walk_on(&Shelf::new(problem, packages))
}

/// Goes pip's way, with what is known already.
pub(crate) fn walk_on(shelf: &Shelf<'_>) -> Result<Resolution, Lost> {
    let mut walker =
        Walker { shelf, order: BTreeMap::new(), counts: BTreeMap::new(), saved: None, bold: true };
    let states = walker.start()?;
    let pins = walker.run(states)?;
    shelf.finish(&pins)?.ok_or(Lost::DeadEnd)
}

/// So often may a package that has no version yet be part of a conflict before it is looked at first.
const PROMOTED: u32 = 5;

/// Who asks, and for what.
struct Information {
    ask: Rc<Ask>,
    parent: Option<Key>,
}

/// All that is asked of one package.
#[derive(Clone)]
struct Criterion {
    information: Vec<Rc<Information>>,
    /// Releases that led nowhere.
    excluded: BTreeSet<usize>,
    /// What met all demands when the last one came, the best first.
    candidates: Rc<Vec<usize>>,
}

/// One conflict: what was asked for, and by whom.
type Cause = (Option<Key>, Option<Key>);

#[derive(Clone, Default)]
struct State {
    /// Chosen releases in the order of the choices.
    pins: Vec<(Key, usize)>,
    criteria: BTreeMap<Key, Rc<Criterion>>,
    causes: Vec<Cause>,
}

impl State {
    fn pin(&self, key: Key) -> Option<usize> {
        self.pins.iter().find(|(pinned, _)| *pinned == key).map(|(_, release)| *release)
    }

    /// Whether a package has a release that meets all that is asked of it.
    fn is_satisfied(&self, key: Key, criterion: &Criterion) -> bool {
        self.pin(key)
            .is_some_and(|release| criterion.information.iter().all(|it| it.ask.demand.allows(release)))
    }

    fn unsatisfied(&self) -> Vec<Key> {
        let open = self.criteria.iter().filter(|(key, criterion)| !self.is_satisfied(**key, criterion));
        open.map(|(key, _)| *key).collect()
    }
}

struct Walker<'s, 'p> {
    shelf: &'s Shelf<'p>,
    /// The place of what the user asked for in the user's list.
    order: BTreeMap<Key, usize>,
    /// How often each package was part of a conflict while it had no version.
    counts: BTreeMap<Key, u32>,
    /// The states before the first bold jump back.
    saved: Option<Vec<State>>,
    /// Whether jumps may pass over choices that have to do with a conflict only by name.
    bold: bool,
}

impl Walker<'_, '_> {
    fn start(&mut self) -> Result<Vec<State>, Lost> {
        let mut first = State::default();
        let roots = self.shelf.roots()?;
        for (place, ask) in roots.iter().enumerate() {
            self.order.entry(ask.key).or_insert(place);
        }
        // Packages without extras first: they narrow those with extras.
        let (plain, extra): (Vec<&Rc<Ask>>, Vec<&Rc<Ask>>) =
            roots.iter().partition(|ask| self.shelf.subject(ask.key).extras.is_empty());
        for ask in plain.into_iter().chain(extra) {
            self.add(&mut first.criteria, ask, None)?.map_err(|_| Lost::DeadEnd)?;
        }
        Ok(vec![first.clone(), first])
    }

    fn run(&mut self, mut states: Vec<State>) -> Result<BTreeMap<Key, usize>, Lost> {
        for _ in 0..self.shelf.problem.most_steps {
            if self.shelf.problem.cancel.is_cancelled() {
                return Err(Failure::Cancelled.into());
            }
            let Some(state) = states.last_mut() else { return Err(Lost::DeadEnd) };
            let open = state.unsatisfied();
            if open.is_empty() {
                return Ok(state.pins.iter().copied().collect());
            }
            let key = self.next(state, &open);
            match self.pin(state, key)? {
                Ok(()) => {
                    // What a release asked for that is not chosen any more counts no longer.
                    let was_open: BTreeSet<Key> = open.into_iter().collect();
                    let fell: BTreeSet<Key> =
                        state.unsatisfied().into_iter().filter(|key| !was_open.contains(key)).collect();
                    // (A package that was not asked for before is new, and has not fallen.)
                    forget(state, &fell);
                    let next = state.clone();
                    states.push(next);
                }
                Err(causes) => match self.jump_back(&mut states, &causes)? {
                    true => {
                        if let Some(state) = states.last_mut() {
                            state.causes = causes;
                        }
                    }
                    false => match self.saved.take() {
                        Some(saved) => {
                            self.bold = false;
                            states = saved;
                        }
                        None => return Err(Lost::DeadEnd),
                    },
                },
            }
        }
        Err(Lost::DeadEnd)
    }

    /// Adds a demand; `Err` with all that is asked of the package if nothing meets it.
    fn add(
        &self,
        criteria: &mut BTreeMap<Key, Rc<Criterion>>,
        ask: &Rc<Ask>,
        parent: Option<Key>,
    ) -> Result<Result<(), Vec<Rc<Information>>>, Failure> {
        let before = criteria.get(&ask.key);
        let mut information = before.map(|it| it.information.clone()).unwrap_or_default();
        let excluded = before.map(|it| it.excluded.clone()).unwrap_or_default();
        information.push(Rc::new(Information { ask: Rc::clone(ask), parent }));
        let candidates = self.candidates(criteria, ask.key, &information, &excluded)?;
        if candidates.is_empty() {
            return Ok(Err(information));
        }
        criteria
            .insert(ask.key, Rc::new(Criterion { information, excluded, candidates: Rc::new(candidates) }));
        Ok(Ok(()))
    }

    fn candidates(
        &self,
        criteria: &BTreeMap<Key, Rc<Criterion>>,
        key: Key,
        information: &[Rc<Information>],
        excluded: &BTreeSet<usize>,
    ) -> Result<Vec<usize>, Failure> {
        let subject = self.shelf.subject(key);
        // What is asked of the package itself holds for it with extras as well.
        let plain = (subject.plain != key).then(|| criteria.get(&subject.plain)).flatten();
        let plain = plain.map(|it| it.information.as_slice()).unwrap_or_default();
        let demands: Vec<&Demand> = information.iter().chain(plain).map(|it| &it.ask.demand).collect();
        let mut candidates = self.shelf.candidates(&subject.name, &demands)?;
        candidates.retain(|candidate| !excluded.contains(candidate));
        Ok(candidates)
    }

    /// Which package to look at next.
    fn next(&mut self, state: &State, open: &[Key]) -> Key {
        let narrowed = if open.len() > 1 { self.narrow(state, open) } else { open.to_vec() };
        let first = narrowed.iter().copied().min_by_key(|key| self.preference(state, *key));
        first.or_else(|| open.first().copied()).unwrap_or_default()
    }

    /// What the last conflict was about goes first, then what was part of many.
    fn narrow(&mut self, state: &State, open: &[Key]) -> Vec<Key> {
        let mut about = BTreeSet::new();
        for (wanted, parent) in &state.causes {
            for key in [wanted, parent].into_iter().flatten() {
                about.insert(*key);
                if state.pin(*key).is_none() {
                    let count = self.counts.entry(*key).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
        let of = |wanted: &dyn Fn(&Key) -> bool| open.iter().copied().filter(wanted).collect::<Vec<Key>>();
        let causes = of(&|key| about.contains(key));
        if !causes.is_empty() {
            return causes;
        }
        let promoted = of(&|key| self.is_promoted(*key));
        if promoted.is_empty() { open.to_vec() } else { promoted }
    }

    fn is_promoted(&self, key: Key) -> bool {
        self.counts.get(&key).is_some_and(|count| *count >= PROMOTED)
    }

    /// The least goes first.
    fn preference(&self, state: &State, key: Key) -> impl Ord + use<> {
        let information = state.criteria.get(&key).map(|it| it.information.as_slice()).unwrap_or_default();
        let any = |wanted: &dyn Fn(&Demand) -> bool| information.iter().any(|it| wanted(&it.ask.demand));
        let of = |demand: &Demand, wanted: fn(&crate::shelf::Clauses) -> bool| match demand {
            Demand::Clauses(clauses) => wanted(clauses),
            Demand::Exactly(_) => false,
        };
        (
            !self.is_promoted(key),
            !any(&|demand| matches!(demand, Demand::Exactly(_))),
            !any(&|demand| of(demand, |clauses| clauses.is_pinned)),
            !any(&|demand| of(demand, |clauses| clauses.is_bounded)),
            self.order.get(&key).copied().unwrap_or(usize::MAX),
            !any(&|demand| of(demand, |clauses| clauses.is_narrow)),
            self.shelf.subject(key).text.clone(),
        )
    }

    /// Chooses the first release whose demands leave something for everybody; else the causes, each once.
    fn pin(&self, state: &mut State, key: Key) -> Result<Result<(), Vec<Cause>>, Failure> {
        let Some(criterion) = state.criteria.get(&key).map(Rc::clone) else { return Ok(Err(Vec::new())) };
        let mut conflicts: Vec<Rc<Information>> = Vec::new();
        let mut causes: Vec<Cause> = Vec::new();
        for release in criterion.candidates.iter().copied() {
            let asks = self.shelf.asks(key, release)?;
            if asks.other_python.is_some() {
                causes.push((None, Some(key)));
                continue;
            }
            let mut criteria = state.criteria.clone();
            let mut clash = None;
            for ask in &asks.list {
                if let Err(information) = self.add(&mut criteria, ask, Some(key))? {
                    clash = Some(information);
                    break;
                }
            }
            match clash {
                None if criterion.information.iter().all(|it| it.ask.demand.allows(release)) => {
                    state.criteria = criteria;
                    state.pins.retain(|(pinned, _)| *pinned != key);
                    state.pins.push((key, release));
                    return Ok(Ok(()));
                }
                None => {}
                Some(information) => {
                    for it in information {
                        if !conflicts.iter().any(|known| Rc::ptr_eq(known, &it)) {
                            conflicts.push(it);
                        }
                    }
                }
            }
        }
        causes.extend(conflicts.iter().map(|it| (Some(it.ask.key), it.parent)));
        causes.dedup();
        Ok(Err(causes))
    }

    /// Goes back to before a choice that has to do with the conflict, and excludes what was chosen there. False if there
    /// is no such choice.
    fn jump_back(&mut self, states: &mut Vec<State>, causes: &[Cause]) -> Result<bool, Failure> {
        let about: BTreeSet<Key> =
            causes.iter().flat_map(|(wanted, parent)| [*wanted, *parent]).flatten().collect();
        while states.len() >= 3 {
            states.pop();
            let (key, release, broken) = loop {
                let Some(mut broken) = states.pop() else { return Ok(false) };
                let Some((key, release)) = broken.pins.pop() else { return Ok(false) };
                let is_named = about.contains(&key);
                if !self.bold && !is_named {
                    break (key, release, broken);
                }
                if !is_named && self.saved.is_none() {
                    self.saved = Some(states.clone());
                }
                let asks = self.shelf.asks(key, release)?;
                let has_to_do = asks.list.iter().any(|ask| about.contains(&ask.key));
                if has_to_do || broken.pins.is_empty() {
                    break (key, release, broken);
                }
                if states.len() <= 1 {
                    return Ok(false);
                }
            };
            let mut excluded: Vec<(Key, BTreeSet<usize>)> =
                broken.criteria.iter().map(|(key, criterion)| (*key, criterion.excluded.clone())).collect();
            excluded.push((key, BTreeSet::from([release])));
            let Some(next) = states.last().cloned() else { return Ok(false) };
            states.push(next);
            if let Some(state) = states.last_mut()
                && self.exclude(state, excluded)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Excludes releases; false if nothing is left of a package.
    fn exclude(&self, state: &mut State, excluded: Vec<(Key, BTreeSet<usize>)>) -> Result<bool, Failure> {
        for (key, mut releases) in excluded {
            if releases.is_empty() {
                continue;
            }
            let Some(criterion) = state.criteria.get(&key) else { continue };
            releases.extend(criterion.excluded.iter().copied());
            let information = criterion.information.clone();
            let candidates = self.candidates(&state.criteria, key, &information, &releases)?;
            if candidates.is_empty() {
                return Ok(false);
            }
            let criterion = Criterion { information, excluded: releases, candidates: Rc::new(candidates) };
            state.criteria.insert(key, Rc::new(criterion));
        }
        Ok(true)
    }
}

/// Takes back what these packages ask for.
fn forget(state: &mut State, parents: &BTreeSet<Key>) {
    if parents.is_empty() {
        return;
    }
    let of_them = |it: &Rc<Information>| it.parent.is_some_and(|parent| parents.contains(&parent));
    for criterion in state.criteria.values_mut() {
        if criterion.information.iter().any(of_them) {
            let mut changed = Criterion::clone(criterion);
            changed.information.retain(|it| !of_them(it));
            *criterion = Rc::new(changed);
        }
    }
}
