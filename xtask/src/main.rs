//! Work on the project itself: `cargo xtask docs|example|advisories|bench|fuzz|names|resolver|score`.

mod advisories;
mod bench;
mod docs;
mod example;
mod fuzz;
mod names;
mod resolver;
mod score;

use std::path::Path;

use anyhow::bail;

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match std::env::args().nth(1).as_deref() {
        Some("docs") if std::env::args().nth(2).as_deref() == Some("--check") => docs::check(&root),
        Some("docs") => docs::write(&root),
        Some("example") => example::write(&root.join("examples/fraud-vision")),
        Some("advisories") => advisories::run(&root),
        Some("bench") => {
            bench::run(&root, std::env::args().nth(2).as_deref(), std::env::args().nth(3).as_deref())
        }
        Some("names") => names::run(&root),
        Some("fuzz") => fuzz::run(&root, std::env::args().nth(2).as_deref()),
        Some("resolver") => resolver::run(&root, std::env::args().nth(2).as_deref()),
        Some("score") if std::env::args().nth(2).as_deref() == Some("--peers") => score::peers(&root),
        Some("score") => score::write(&root),
        other => bail!(
            "unknown task {other:?}: `cargo xtask advisories|bench [bill|environment|pairs|resolution|signing [GIB]]|docs [--check]|example|fuzz [MINUTES]|names|resolver PIP|score [--peers]`"
        ),
    }
}
