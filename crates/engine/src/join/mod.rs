//! Facts to one graph: which packages there are, who asked for them, and by which file we know.
//!
//! A pure function of the *set* of facts: neither the order of entries nor that of the facts within one matters.
//! Read it in this order: [`collect`] sorts facts by what they are about, [`installed`] puts the files of one
//! `*.dist-info` folder together, [`layout`] says which folder belongs to which project, [`scope`] holds the packages
//! among which a requirement can be answered (one lock file, one environment), [`resolve`] answers requirements,
//! [`manifest`], [`lock`] and [`environment`] draw what they find, [`disagree`] holds these against each other, [`spread`]
//! follows requirements of requirements. [`ground`] says what each project stands on, and for which nobody has chosen versions.
//!
//! What the graph says, and what it leaves out on purpose:
//!
//! - A project is a folder with a manifest or a lock file. A file with commands that install packages (a notebook, a
//!   Dockerfile) is one of its own below that of its folder: what one of them installs another does not have. Manifests that lie inside an installed environment belong
//!   to the packages there and ask for nothing.
//! - A file that others take in is a part of their projects and makes no project of its own folder; see [`inclusion`].
//! - `DependsOn` leads from who asks to what is asked for. Every extra and every group of a project counts as asked
//!   for, because somebody develops and ships it; extras of packages only where an edge asks for them.
//! - A locked package that no requirement reaches under the markers of this environment (a package for another
//!   system, an extra that nobody asks for) would not be installed here and has no node. Where a lock file does not
//!   say what the project asks for, packages that nobody else in it asks for are contained by the project.
//! - An environment contains what its project does not ask for: what the user asked for by hand, and what nobody
//!   asks for. What is asked for hangs below its requirers, so that ways through the graph tell how it came in.
//! - A wheel or source distribution that lies there as a file is a package; nothing of it is installed.
//! - A native library is a component of its own below the file that is it or holds a copy, and that file below the
//!   package that brought it.
//! - A package of conda that lies there as a file hangs below that file, and asks for nothing.
//! - What a bill of materials of somebody else lists hangs below the package that brought the bill, else below the file
//!   that it is. It is claimed, and nobody asks for it.
//! - A Python package that the operating system's package manager has installed hangs below the package of the system that owns
//!   it; see [`system`].
//! - Requirements for building appear only if they name an exact version: build tools are chosen anew at each build.

mod bom;
mod builds;
mod collect;
mod disagree;
mod draw;
mod environment;
mod ground;
mod inclusion;
mod installed;
mod layout;
mod lock;
mod manifest;
mod markers;
mod models;
mod native;
mod packed;
mod pins;
mod resolve;
mod scope;
mod spelling;
mod spread;
mod system;
#[cfg(test)]
mod tests;
mod unknown;
mod wheels;

pub(crate) use bom::{library_of, unidentified};
pub(crate) use builds::{unequal_claims, without_mark};
pub(crate) use ground::{Ground, grounds};
pub(crate) use unknown::unknown;

use std::collections::BTreeMap;
use std::sync::Arc;

use weighbridge_core::context::Context;
use weighbridge_core::coverage::Gap;
use weighbridge_core::fact::Fact;
use weighbridge_core::graph::Graph;
use weighbridge_core::place::Place;
use weighbridge_core::reader::Family;
use weighbridge_core::world::{Disagreement, File, Installed};

/// What the graph is joined from.
pub struct Input<'a> {
    /// What the target is called.
    pub name: &'a str,
    /// The facts of every entry.
    pub facts: &'a BTreeMap<Place, Vec<Fact>>,
    /// What was chosen for the projects that leave their versions open, as if a lock file said so: facts of the reader
    /// [`CHOSEN`] at the places of manifests.
    pub chosen: &'a BTreeMap<Place, Vec<Fact>>,
    /// Every file of the target by path.
    pub files: &'a BTreeMap<Arc<str>, File>,
    /// The Python for which markers are evaluated where the target does not say.
    pub context: &'a Context,
}

/// The graph, and which files the installers of its packages recorded.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Joined {
    /// What there is and how it hangs together.
    pub graph: Graph,
    /// Installed distributions, sorted by the path of their metadata. Those that a distribution carries inside
    /// itself (`setuptools/_vendor`) are left out: their files stand in the record of the outer one.
    pub installed: Vec<Installed>,
    /// What could not be chosen where versions were left open.
    pub unread: Vec<Gap>,
    /// What the reader of the report should know about the choice of versions.
    pub notes: Vec<String>,
    /// Where lock files, manifests and environments of one project speak of different versions, sorted.
    pub disagreements: Vec<Disagreement>,
}

/// The reader of facts that were chosen and not read.
pub const CHOSEN: &str = "chosen";

/// Joins the facts of a target into one graph.
pub fn join(input: &Input<'_>) -> Joined {
    join_with(input, reads_models)
}

/// Whether the reader with this id reads model files.
fn reads_models(reader: &str) -> bool {
    weighbridge_read::reader(reader)
        .is_some_and(|reader| matches!(reader.about().family, Family::Model | Family::Data))
}

/// Joins, with the answer to which readers (by id) read model files.
fn join_with(input: &Input<'_>, reads_models: impl Fn(&str) -> bool) -> Joined {
    let collected = collect::collect(input.facts, input.chosen, reads_models);
    let mut distributions = installed::distributions(&collected);
    let systems = system::systems(&collected);
    system::own(&systems, &mut distributions);
    let layout = layout::lay_out(input, &collected, &distributions);
    installed::recognise_projects(&mut distributions, &layout);
    let mut scopes = scope::scopes(&collected, &distributions, &layout);
    let mut drawing = draw::Drawing::default();

    layout.draw(input.name, &mut drawing);
    let asked = manifest::draw(&collected, &layout, &mut scopes, &mut drawing);
    let locked = lock::draw(&scopes, &asked, &mut drawing);
    environment::draw(&scopes, &asked, &locked, &mut drawing);
    let disagreements = disagree::disagreements(&collected, &layout, &scopes, &locked);
    let installed = installed::records(&distributions);
    models::draw(input.files, &collected, &layout, &installed, &mut drawing);
    packed::draw(input.files, &collected, &layout, &mut drawing);
    let wheels = wheels::draw(input.files, &collected, &layout, &installed, &mut drawing);
    let claims = bom::claims(input.files, &collected, &distributions);
    let shows = native::draw(input.files, &collected, &layout, &installed, &claims, &wheels, &mut drawing);
    bom::draw(input.files, &collected, &layout, &distributions, &shows, &wheels, &mut drawing);
    system::draw(&systems, &distributions, &layout, &mut drawing);
    Joined { graph: drawing.finish(), installed, disagreements, unread: Vec::new(), notes: Vec::new() }
}
