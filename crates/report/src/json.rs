//! The versioned JSON, whole.

use std::io;

use weighbridge_core::renderer::{Renderer, Style};
use weighbridge_core::report::Report;
use weighbridge_core::wire::v1;

use crate::tree::write_json;

/// See the module.
pub(crate) struct Json;

impl Renderer for Json {
    fn id(&self) -> &'static str {
        "json"
    }

    fn title(&self) -> &'static str {
        "everything, for programs; versioned, with a schema"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[".json"]
    }

    fn render(&self, report: &Report, _: &Style, output: &mut dyn io::Write) -> io::Result<()> {
        write_json(&v1::Report::from(report), output)
    }
}
