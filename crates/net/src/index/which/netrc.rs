//! The user's file of passwords (GNU inetutils manual, *The .netrc file*). An entry for all machines is not used.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Surroundings, text, variable};

/// Name and password by host. A file that cannot be read holds none: an index that wants one says so.
pub(super) fn read(around: &Surroundings) -> BTreeMap<String, (String, String)> {
    let path = variable(&around.variables, "NETRC").map(PathBuf::from);
    let path = path.or_else(|| around.home.as_ref().map(|home| home.join(".netrc")));
    let text = path.and_then(|path| text(&path).ok().flatten());
    text.map(|text| users(&text)).unwrap_or_default()
}

fn users(text: &str) -> BTreeMap<String, (String, String)> {
    let mut users: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut host = None;
    let mut is_macro = false;
    for line in text.lines() {
        // A macro ends with an empty line.
        if is_macro || line.trim_start().starts_with('#') {
            is_macro &= !line.trim().is_empty();
            continue;
        }
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            match word {
                "machine" => host = words.next().map(str::to_ascii_lowercase),
                "default" => host = None,
                "macdef" => {
                    is_macro = true;
                    break;
                }
                "login" | "user" | "password" | "account" => {
                    let value = words.next().unwrap_or_default().trim_matches('"').to_owned();
                    let Some(host) = &host else { continue };
                    let entry = users.entry(host.clone()).or_default();
                    match word {
                        "password" => entry.1 = value,
                        "account" => {}
                        _ => entry.0 = value,
                    }
                }
                _ => {}
            }
        }
    }
    users
}
