//! Which versions an installer would choose, and the smallest change that mends findings.
//!
//! Read it in this order: [`target`] (the Python and the platform for which is chosen), [`listing`] (which releases of a
//! package that target can use), [`packages`] (who is asked what there is), [`problem`] (what is to be solved, and how
//! it can end), `shelf` (what was learnt so far), [`walk`] (the way pip goes), [`solve`] (PubGrub, which finds a solution
//! if there is one, or proves that there is none), `explain` (the proof in plain words) and [`plan`].
//!
//! Nothing here opens a file or a socket: what there is to choose from comes in through [`Packages`].
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod explain;
pub mod listing;
pub mod packages;
pub mod plan;
pub mod problem;
mod shelf;
pub mod solve;
pub mod target;
pub mod walk;

pub use listing::{Listing, Release, Unusable};
pub use packages::{Needs, Packages, Unknown};
pub use plan::{Flaw, Plan, Wish, plan};
pub use problem::{Failure, Gap, Pick, Problem, Resolution};
pub use target::Target;

/// Chooses a version for everything that the problem asks for, as pip would.
///
/// It goes pip's way first. Where that way ends without an answer (pip tries versions one by one, and may try for ever)
/// PubGrub has the last word: its solution, or its proof that there is none.
///
/// # Errors
/// [`Failure`]: there is no solution, or it could not be looked for.
pub fn resolve(problem: &Problem<'_>, packages: &dyn Packages) -> Result<Resolution, Failure> {
    let shelf = shelf::Shelf::new(problem, packages);
    match walk::walk_on(&shelf) {
        Err(walk::Lost::DeadEnd) => solve::solve_on(&shelf, &solve::Manner::default()).map_err(Into::into),
        Err(walk::Lost::Failure(failure)) => Err(failure),
        Ok(resolution) => Ok(resolution),
    }
}
