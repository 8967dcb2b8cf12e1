//! The way pip goes: one package after the other takes the newest version that fits what is known so far, and where
//! that leads nowhere, the last choices that have to do with it are made anew.
//!
//! What counts here is the *choice*: where several solutions exist, which one an installer ends with depends on the order in
//! which it looks. So the order of every step is that of pip 26, which is that of resolvelib 1.2 (`Resolution`) and of pip's
//! `PipProvider` (`get_preference`, `narrow_requirement_selection`): which package comes next, how far a conflict leads
//! back, what is barred then. `docs/resolver.md` holds the choices beside pip's. Nothing is copied but that order. Notably pip
//! does not go back when a package asks for a lower version of one that was chosen before; it lowers that one and goes on.
//!
//! Read it as a row of stages, each with one choice more than the one before: [`Walker::run`] adds a stage or goes back,
//! [`Walker::pick`] makes a choice, [`Walker::go_back`] finds the one that is to be made anew.
//!
//! One thing is left out: pip stops to jump boldly after a tenth of its 200,000 rounds. A walk of ours has ended long before, and
//! PubGrub goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::packages::Packages;
use crate::problem::{Failure, Problem, Resolution};
use crate::shelf::{Ask, Clauses, Demand, Key, Shelf};

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
        Walker { shelf, order: BTreeMap::new(), clashes: BTreeMap::new(), before_bold: None, is_bold: true };
    let first = walker.first()?;
    let picks = walker.run(vec![first.clone(), first])?;
    shelf.finish(&picks)?.ok_or(Lost::DeadEnd)
}

/// So often may a package without a choice be part of a conflict before it is looked at first.
const PATIENCE: u32 = 5;

/// Somebody who asks: the user, or the chosen release of a package.
struct Asker {
    ask: Rc<Ask>,
    by: Option<Key>,
}

/// A package for which somebody asks.
#[derive(Clone)]
struct Wanted {
    askers: Vec<Rc<Asker>>,
    /// Releases that led nowhere.
    barred: BTreeSet<usize>,
    /// What suited all askers when the last of them came, the best first.
    fitting: Rc<Vec<usize>>,
}

impl Wanted {
    fn suits(&self, release: usize) -> bool {
        self.askers.iter().all(|asker| asker.ask.demand.allows(release))
    }
}

/// Two packages that stood in each other's way: what was asked for, and by which.
type Clash = (Option<Key>, Option<Key>);

/// A package and the release that was chosen.
type Choice = (Key, usize);

/// How far the walk has come.
#[derive(Clone, Default)]
struct Stage {
    /// Chosen releases in the order of the choices.
    picks: Vec<Choice>,
    wanted: BTreeMap<Key, Rc<Wanted>>,
    /// Why the walk came back to here, if it did.
    clashes: Vec<Clash>,
}

impl Stage {
    fn picked(&self, key: Key) -> Option<usize> {
        self.picks.iter().find(|(picked, _)| *picked == key).map(|(_, release)| *release)
    }

    /// The packages without a choice that suits all askers.
    fn open(&self) -> Vec<Key> {
        let is_open = |key: Key, wanted: &Wanted| !self.picked(key).is_some_and(|it| wanted.suits(it));
        let open = self.wanted.iter().filter(|(key, wanted)| is_open(**key, wanted));
        open.map(|(key, _)| *key).collect()
    }

    /// Forgets what these packages asked for.
    fn forget(&mut self, askers: &BTreeSet<Key>) {
        let is_one = |asker: &Rc<Asker>| asker.by.is_some_and(|by| askers.contains(&by));
        for wanted in self.wanted.values_mut().filter(|wanted| wanted.askers.iter().any(is_one)) {
            Rc::make_mut(wanted).askers.retain(|asker| !is_one(asker));
        }
    }
}

struct Walker<'s, 'p> {
    shelf: &'s Shelf<'p>,
    /// The place of what the user asked for in the user's list.
    order: BTreeMap<Key, usize>,
    /// How often each package was part of a conflict while it had no choice.
    clashes: BTreeMap<Key, u32>,
    /// The stages before the first bold jump.
    before_bold: Option<Vec<Stage>>,
    /// Whether jumps may pass over choices of packages that a conflict does not name.
    is_bold: bool,
}

impl Walker<'_, '_> {
    /// What the user asks for.
    fn first(&mut self) -> Result<Stage, Lost> {
        let roots = self.shelf.roots()?;
        for (place, ask) in roots.iter().enumerate() {
            self.order.entry(ask.key).or_insert(place);
        }
        // Packages without extras first: they narrow those with extras.
        let (plain, extra): (Vec<&Rc<Ask>>, Vec<&Rc<Ask>>) =
            roots.iter().partition(|ask| self.shelf.subject(ask.key).extras.is_empty());
        let mut stage = Stage::default();
        for ask in plain.into_iter().chain(extra) {
            let asker = Asker { ask: Rc::clone(ask), by: None };
            self.hear(&mut stage.wanted, asker)?.map_err(|_| Lost::DeadEnd)?;
        }
        Ok(stage)
    }

    fn run(&mut self, mut stages: Vec<Stage>) -> Result<BTreeMap<Key, usize>, Lost> {
        for _ in 0..self.shelf.problem.most_steps {
            if self.shelf.problem.cancel.is_cancelled() {
                return Err(Failure::Cancelled.into());
            }
            let Some(stage) = stages.last_mut() else { return Err(Lost::DeadEnd) };
            let open = stage.open();
            if open.is_empty() {
                return Ok(stage.picks.iter().copied().collect());
            }
            let key = self.next(stage, &open);
            let clashes = match self.pick(stage, key)? {
                Ok(()) => {
                    // What was chosen before and does not suit any more has no say. (What is new has none yet.)
                    let open: BTreeSet<Key> = open.into_iter().collect();
                    let fell = stage.open().into_iter().filter(|key| !open.contains(key)).collect();
                    stage.forget(&fell);
                    let next = stage.clone();
                    stages.push(next);
                    continue;
                }
                Err(clashes) => clashes,
            };
            if self.go_back(&mut stages, &clashes)? {
                if let Some(stage) = stages.last_mut() {
                    stage.clashes = clashes;
                }
            } else {
                // The bold way led nowhere: the careful one begins where they parted.
                stages = self.before_bold.take().ok_or(Lost::DeadEnd)?;
                self.is_bold = false;
            }
        }
        Err(Lost::DeadEnd)
    }

    /// Takes in what somebody asks for; all askers of the package if nothing suits them.
    fn hear(
        &self,
        all: &mut BTreeMap<Key, Rc<Wanted>>,
        asker: Asker,
    ) -> Result<Result<(), Vec<Rc<Asker>>>, Failure> {
        let key = asker.ask.key;
        let (mut askers, barred) =
            all.get(&key).map(|it| (it.askers.clone(), it.barred.clone())).unwrap_or_default();
        askers.push(Rc::new(asker));
        let Some(fitting) = self.fitting(all, key, &askers, &barred)? else { return Ok(Err(askers)) };
        all.insert(key, Rc::new(Wanted { askers, barred, fitting }));
        Ok(Ok(()))
    }

    /// The releases that suit these askers and are not barred; none if there are none.
    fn fitting(
        &self,
        all: &BTreeMap<Key, Rc<Wanted>>,
        key: Key,
        askers: &[Rc<Asker>],
        barred: &BTreeSet<usize>,
    ) -> Result<Option<Rc<Vec<usize>>>, Failure> {
        let subject = self.shelf.subject(key);
        // What is asked of the package itself holds for it with extras as well.
        let plain = all.get(&subject.plain).filter(|_| subject.plain != key);
        let plain = plain.iter().flat_map(|wanted| &wanted.askers);
        let demands: Vec<&Demand> = askers.iter().chain(plain).map(|asker| &asker.ask.demand).collect();
        let mut fitting = self.shelf.candidates(&subject.name, &demands)?;
        fitting.retain(|release| !barred.contains(release));
        Ok((!fitting.is_empty()).then(|| Rc::new(fitting)))
    }

    /// Which of the open packages is looked at next.
    fn next(&mut self, stage: &Stage, open: &[Key]) -> Key {
        let urgent = if open.len() > 1 { self.urgent(stage, open) } else { open.to_vec() };
        urgent.into_iter().min_by_key(|key| self.rank(stage, *key)).unwrap_or_default()
    }

    /// What the last conflict was about goes first, then what was part of many; else all are equal in this.
    fn urgent(&mut self, stage: &Stage, open: &[Key]) -> Vec<Key> {
        let named = stage.clashes.iter().flat_map(|(of, by)| [of, by]).flatten();
        let unpicked = named.clone().filter(|key| stage.picked(**key).is_none());
        for key in unpicked {
            let count = self.clashes.entry(*key).or_default();
            *count = count.saturating_add(1);
        }
        let named: BTreeSet<Key> = named.copied().collect();
        let of = |is_one: &dyn Fn(&Key) -> bool| open.iter().copied().filter(is_one).collect::<Vec<Key>>();
        let choices = [of(&|key| named.contains(key)), of(&|key| self.is_urgent(*key))];
        choices.into_iter().find(|some| !some.is_empty()).unwrap_or_else(|| open.to_vec())
    }

    fn is_urgent(&self, key: Key) -> bool {
        self.clashes.get(&key).is_some_and(|count| *count >= PATIENCE)
    }

    /// The least goes first.
    fn rank(&self, stage: &Stage, key: Key) -> impl Ord + use<> {
        let askers = stage.wanted.get(&key).map(|it| it.askers.as_slice()).unwrap_or_default();
        let nobody = |says: &dyn Fn(&Demand) -> bool| !askers.iter().any(|asker| says(&asker.ask.demand));
        let nobody_states = |says: fn(&Clauses) -> bool| {
            nobody(&|demand| matches!(demand, Demand::Clauses(clauses) if says(clauses)))
        };
        (
            !self.is_urgent(key),
            nobody(&|demand| matches!(demand, Demand::Exactly(_))),
            nobody_states(|clauses| clauses.is_pinned),
            nobody_states(|clauses| clauses.is_bounded),
            self.order.get(&key).copied().unwrap_or(usize::MAX),
            nobody_states(|clauses| clauses.is_narrow),
            self.shelf.subject(key).text.clone(),
        )
    }

    /// Chooses the first release whose own wishes leave something for everybody; else why there is none.
    fn pick(&self, stage: &mut Stage, key: Key) -> Result<Result<(), Vec<Clash>>, Failure> {
        let Some(wanted) = stage.wanted.get(&key).map(Rc::clone) else { return Ok(Err(Vec::new())) };
        let mut clashes: Vec<Clash> = Vec::new();
        let mut crossed: Vec<Rc<Asker>> = Vec::new();
        for release in wanted.fitting.iter().copied() {
            let asks = self.shelf.asks(key, release)?;
            if asks.other_python.is_some() {
                clashes.push((None, Some(key)));
                continue;
            }
            let mut all = stage.wanted.clone();
            match self.hear_all(&mut all, key, &asks.list)? {
                Ok(()) if wanted.suits(release) => {
                    stage.wanted = all;
                    stage.picks.retain(|(picked, _)| *picked != key);
                    stage.picks.push((key, release));
                    return Ok(Ok(()));
                }
                Ok(()) => {}
                Err(askers) => {
                    for asker in askers {
                        if !crossed.iter().any(|known| Rc::ptr_eq(known, &asker)) {
                            crossed.push(asker);
                        }
                    }
                }
            }
        }
        clashes.extend(crossed.iter().map(|asker| (Some(asker.ask.key), asker.by)));
        clashes.dedup();
        Ok(Err(clashes))
    }

    /// Takes in all that a release asks for, up to the first thing that cannot be.
    fn hear_all(
        &self,
        all: &mut BTreeMap<Key, Rc<Wanted>>,
        by: Key,
        asks: &[Rc<Ask>],
    ) -> Result<Result<(), Vec<Rc<Asker>>>, Failure> {
        for ask in asks {
            let heard = self.hear(all, Asker { ask: Rc::clone(ask), by: Some(by) })?;
            if heard.is_err() {
                return Ok(heard);
            }
        }
        Ok(Ok(()))
    }

    /// Goes back to before a choice that has to do with the conflict, and bars it. False if there is no such choice.
    fn go_back(&mut self, stages: &mut Vec<Stage>, clashes: &[Clash]) -> Result<bool, Failure> {
        let about: BTreeSet<Key> = clashes.iter().flat_map(|(of, by)| [*of, *by]).flatten().collect();
        while stages.len() >= 3 {
            // In the last stage nothing was chosen.
            stages.pop();
            let Some((left, choice)) = self.choice_to_undo(stages, &about)? else { return Ok(false) };
            let Some(before) = stages.last().cloned() else { return Ok(false) };
            stages.push(before);
            // What led nowhere since then leads nowhere again.
            let known = left.wanted.iter().map(|(key, wanted)| (*key, wanted.barred.clone()));
            let barred = known.chain([(choice.0, BTreeSet::from([choice.1]))]);
            if let Some(stage) = stages.last_mut()
                && self.bar(stage, barred)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes stages away up to one whose choice has to do with the conflict: that stage, without the choice, and the choice.
    fn choice_to_undo(
        &mut self,
        stages: &mut Vec<Stage>,
        about: &BTreeSet<Key>,
    ) -> Result<Option<(Stage, Choice)>, Failure> {
        while let Some(mut stage) = stages.pop() {
            let Some((key, release)) = stage.picks.pop() else { return Ok(None) };
            let is_named = about.contains(&key);
            if !is_named {
                if !self.is_bold {
                    return Ok(Some((stage, (key, release))));
                }
                self.before_bold.get_or_insert_with(|| stages.clone());
            }
            let asks = self.shelf.asks(key, release)?;
            if stage.picks.is_empty() || asks.list.iter().any(|ask| about.contains(&ask.key)) {
                return Ok(Some((stage, (key, release))));
            }
            if stages.len() <= 1 {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Bars releases; false if nothing is left of a package.
    fn bar(
        &self,
        stage: &mut Stage,
        more: impl Iterator<Item = (Key, BTreeSet<usize>)>,
    ) -> Result<bool, Failure> {
        for (key, more) in more.filter(|(_, more)| !more.is_empty()) {
            let Some(wanted) = stage.wanted.get(&key) else { continue };
            let barred = &wanted.barred | &more;
            let Some(fitting) = self.fitting(&stage.wanted, key, &wanted.askers, &barred)? else {
                return Ok(false);
            };
            let wanted = Wanted { askers: wanted.askers.clone(), barred, fitting };
            stage.wanted.insert(key, Rc::new(wanted));
        }
        Ok(true)
    }
}
