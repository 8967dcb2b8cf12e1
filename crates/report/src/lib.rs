//! Telling a report, in one format a file.
//!
//! A renderer decides nothing: what counts, what fails and with which verdict has been decided before. It only chooses
//! what a reader of its format has to see first. Every text that comes from the target may be hostile; what a terminal
//! or a web page would act on is escaped here ([`text`], [`markdown`]) and nowhere else.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail loudly"))]

mod cyclonedx;
mod group;
mod human;
mod json;
mod markdown;
mod openvex;
mod sarif;
mod short;
mod text;
mod tree;
pub mod words;
mod wrap;

pub use tree::write_json;

use weighbridge_core::renderer::Renderer;

/// Every renderer, sorted by id.
#[rustfmt::skip] // one line each
pub static RENDERERS: &[&dyn Renderer] = &[
    &cyclonedx::CycloneDx,
    &human::Human,
    &json::Json,
    &markdown::Markdown,
    &openvex::OpenVex,
    &sarif::Sarif,
    &short::Short,
];

/// How many findings a report for people shows in full unless asked otherwise: as many as leave it on one screen.
pub const DEFAULT_SHOWN: usize = 4;

/// The renderer with this id.
pub fn by_id(id: &str) -> Option<&'static dyn Renderer> {
    RENDERERS.iter().copied().find(|renderer| renderer.id() == id)
}

/// The renderer that the name of an output file chooses: that with the longest ending of the name.
pub fn by_file_name(name: &str) -> Option<&'static dyn Renderer> {
    let name = name.to_lowercase();
    let endings =
        RENDERERS.iter().flat_map(|renderer| renderer.suffixes().iter().map(move |it| (*it, *renderer)));
    let fitting = endings.filter(|(suffix, _)| name.ends_with(suffix));
    fitting.max_by_key(|(suffix, _)| suffix.len()).map(|(_, renderer)| renderer)
}

/// The page of a rule, below the folder that [`weighbridge_core::renderer::Style::docs`] names.
fn page(docs: &str, rule: &weighbridge_core::rule::Rule) -> Option<String> {
    (!docs.is_empty()).then(|| format!("{docs}{}.md", rule.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_names_choose_from_it() {
        assert!(RENDERERS.is_sorted_by(|one, other| one.id() < other.id()));
        for renderer in RENDERERS {
            assert!(std::ptr::addr_eq(by_id(renderer.id()).unwrap(), *renderer));
            assert!(!renderer.title().is_empty());
            assert!(renderer.suffixes().iter().all(|suffix| suffix.starts_with('.')));
        }
        for (name, id) in [
            ("out/report.json", Some("json")),
            ("bom.cdx.json", Some("cyclonedx")),
            ("a.vex.json", Some("openvex")),
            ("a.sarif", Some("sarif")),
            ("a.sarif.json", Some("sarif")),
            ("COMMENT.MD", Some("markdown")),
            ("a.txt", Some("human")),
            ("json", None),
            ("a.docx", None),
        ] {
            assert_eq!(by_file_name(name).map(|it| it.id()), id, "{name}");
        }
    }
}
