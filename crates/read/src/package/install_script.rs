//! Code that runs without being asked for: scripts of conda packages, and `setup.py` of source distributions.
//!
//! Source: conda's documentation, *Link and unlink scripts* and *Activate scripts*: `bin/.NAME-post-link.sh` (on Windows
//! `Scripts/.NAME-post-link.bat`) runs when the package is linked into an environment, what lies in `etc/conda/activate.d`
//! whenever the environment is activated. `setup.py` in a source distribution runs when that is built, which its
//! installation does. The reader tells the code; what it means is judged elsewhere.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{InstallCode, Moment, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::text::decode;

/// How much of a script is kept, in bytes. Real ones have a few KiB.
const MOST: usize = 64 << 10;

/// Reads such code.
pub struct InstallScriptReader;

impl Reader for InstallScriptReader {
    fn about(&self) -> &'static About {
        &About {
            id: "install-script",
            title: "code that runs at installation or activation",
            family: Family::Package,
            names: &[
                "bin/.*-{pre-link,post-link,pre-unlink}.sh",
                "Scripts/.*-{pre-link,post-link,pre-unlink}.bat",
                "etc/conda/{activate,deactivate}.d/*",
                "setup.py in a source distribution",
            ],
            reads: "the code, and when it runs",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if moment(hint.path).is_some() { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let place = sink.place();
        let Some(when) = moment(place.inner.last().unwrap_or(&place.path)) else { return Ok(()) };
        // A project's own `setup.py` is nothing that anybody installs unseen.
        if when == Moment::Build && place.inner.is_empty() {
            return Ok(());
        }
        let most = u64::try_from(MOST).unwrap_or(u64::MAX).min(input.size());
        let mut code = decode(&input.read_vec(0, most, most)?).text;
        if code.len() > MOST {
            let end = (0..=MOST).rev().find(|end| code.is_char_boundary(*end));
            code.truncate(end.unwrap_or(0));
        }
        let rest = input.size().saturating_sub(most);
        sink.observed(What::InstallCode(InstallCode { when, code, rest }), None);
        Ok(())
    }
}

/// When the code at this path runs.
fn moment(path: &str) -> Option<Moment> {
    let (folder, name) = path.rsplit_once('/')?;
    let folder = folder.trim_start_matches("./");
    let ends =
        |wanted: &str| folder == wanted || folder.strip_suffix(wanted).is_some_and(|it| it.ends_with('/'));
    if name == "setup.py" {
        return (!folder.contains('/') && folder.contains('-')).then_some(Moment::Build);
    }
    if ends("etc/conda/activate.d") {
        return Some(Moment::Activate);
    }
    if ends("etc/conda/deactivate.d") {
        return Some(Moment::Deactivate);
    }
    let stem = match name.strip_prefix('.') {
        Some(hidden) if ends("bin") => hidden.strip_suffix(".sh"),
        Some(hidden) if ends("Scripts") => hidden.strip_suffix(".bat"),
        _ => None,
    }?;
    [("-pre-link", Moment::PreLink), ("-post-link", Moment::PostLink), ("-pre-unlink", Moment::PreUnlink)]
        .into_iter()
        .find(|(ending, _)| stem.len() > ending.len() && stem.ends_with(ending))
        .map(|(_, moment)| moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_when_code_runs() {
        for (path, expected) in [
            ("env/bin/.font-ttf-post-link.sh", Some(Moment::PostLink)),
            ("./bin/.a-pre-link.sh", Some(Moment::PreLink)),
            ("Scripts/.a-pre-unlink.bat", Some(Moment::PreUnlink)),
            ("env/etc/conda/activate.d/gdal.sh", Some(Moment::Activate)),
            ("etc/conda/deactivate.d/gdal.fish", Some(Moment::Deactivate)),
            ("shop-1.0/setup.py", Some(Moment::Build)),
            ("shop/setup.py", None),
            ("src/shop-1.0/setup.py", None),
            ("setup.py", None),
            ("bin/a-post-link.sh", None),
            ("bin/.-post-link.sh", None),
            ("cabin/.a-post-link.sh", None),
            ("info/recipe/post-link.sh", None),
        ] {
            assert_eq!(moment(path), expected, "{path}");
        }
    }
}
