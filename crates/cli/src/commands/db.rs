//! `weighbridge db`: the advisories, where they are and how old; the version of the tables by which models are judged.

use std::io::Write;

use weighbridge_advisory::Index;
use weighbridge_check::safety;
use weighbridge_core::date::Date;
use weighbridge_net::feed::atomic::replace_file;

use super::{end_on_interrupt, import, update};
use crate::advisories::{self, Fetched, Kept};
use crate::args::{Db, Global};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::settings;
use crate::setup::Setup;

/// Runs the command.
pub(super) fn run(global: &Global, db: &Db, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    let context = settings::context(global, setup)?;
    // An update may wait for a server; nothing of it is left behind when it is ended at once.
    end_on_interrupt(None)?;
    match db {
        Db::Update(options) => update::run(options, &context, setup, printer),
        Db::Status => status(context.today, setup, printer),
        Db::Export { file } => {
            let advisories = advisories::load(setup, printer)?;
            let bytes = advisories.index.to_bytes();
            replace_file(file, |out| out.write_all(&bytes))
                .map_err(|error| Failure::unwritten(&format!("`{}`", file.display()), &error))?;
            printer.say(&format!("wrote the advisories of {}", advisories.index.about().as_of));
            Ok(Exit::Pass)
        }
        Db::Import(options) => import::run(options, &context, setup, printer),
    }
}

fn status(today: Date, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    let embedded = advisories::embedded()?;
    let fetched = advisories::fetched(setup);
    let imports = advisories::imports(setup)?;
    let fetched_used =
        matches!(&fetched, Fetched::Valid(_, index) if index.about().as_of >= embedded.about().as_of);
    printer.out(|out| {
        line(out, "embedded", &embedded, today, !fetched_used)?;
        match &fetched {
            Fetched::None => writeln!(out, "fetched   none; `weighbridge db update` fetches them")?,
            Fetched::Valid(path, index) => {
                line(out, "fetched", index, today, fetched_used)?;
                writeln!(out, "          {}", crate::printer::printable(&path.to_string_lossy()))?;
            }
            Fetched::Damaged(path, error) => writeln!(
                out,
                "fetched   cannot be used: {error}\n          {}",
                crate::printer::printable(&path.to_string_lossy())
            )?,
            Fetched::Unreadable(error) => writeln!(out, "fetched   {error}")?,
        }
        for (name, import) in &imports {
            match import {
                Ok(Kept { as_of, holds, sources }) => {
                    writeln!(out, "imported  {name} of {as_of}, {}, {holds}", age(*as_of, today))?;
                    for source in sources {
                        writeln!(out, "          {}", crate::printer::printable(source))?;
                    }
                }
                Err(error) => writeln!(out, "imported  {name} cannot be used: {error}")?,
            }
        }
        writeln!(out, "tables    {}, inside the program: what models may name", safety::version())?;
        Ok(())
    })?;
    let sound = matches!(fetched, Fetched::None | Fetched::Valid(..))
        && imports.iter().all(|(_, import)| import.is_ok());
    Ok(if sound { Exit::Pass } else { Exit::Incomplete })
}

fn line(out: &mut dyn Write, label: &str, index: &Index, today: Date, used: bool) -> std::io::Result<()> {
    let about = index.about();
    let age = age(about.as_of, today);
    let mark = if used { "  in use" } else { "" };
    writeln!(out, "{label:<8}  of {}, {age}, {} records{mark}", about.as_of, index.advisories().len())
}

fn age(as_of: Date, today: Date) -> String {
    match i64::from(today.days()) - i64::from(as_of.days()) {
        1 => "1 day old".to_owned(),
        days => format!("{} days old", days.max(0)),
    }
}
