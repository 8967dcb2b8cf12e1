//! Every environment variable that has an effect: one table, from which `docs/environment.md` is generated, and the one
//! place that reads them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// An environment variable and what it does.
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub does: &'static str,
}

/// All of them, sorted by name.
pub static VARIABLES: &[Variable] = &[
    Variable {
        name: "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        does: "What allows a job of GitHub Actions to get its identity token, for `sign --ambient-token`.",
    },
    Variable {
        name: "ACTIONS_ID_TOKEN_REQUEST_URL",
        does: "Where a job of GitHub Actions gets its identity token, for `sign --ambient-token`.",
    },
    Variable { name: "ALL_PROXY", does: "Proxy for `db update`, `sign --keyless` and targets on servers." },
    Variable {
        name: "AWS_ACCESS_KEY_ID",
        does: "Name of the key with which requests of `s3:` are signed; without one they are not.",
    },
    Variable { name: "AWS_DEFAULT_REGION", does: "Region of the store where `AWS_REGION` names none." },
    Variable {
        name: "AWS_ENDPOINT_URL",
        does: "Base URL of the object store that `s3:` asks. Default Amazon's own in the region.",
    },
    Variable {
        name: "AWS_ENDPOINT_URL_S3",
        does: "Base URL of the object store; goes before `AWS_ENDPOINT_URL`.",
    },
    Variable { name: "AWS_REGION", does: "Region of the store, a part of signatures. Default `us-east-1`." },
    Variable {
        name: "AWS_SECRET_ACCESS_KEY",
        does: "Key with which requests of `s3:` are signed; it is sent to nobody.",
    },
    Variable { name: "AWS_SESSION_TOKEN", does: "Token that belongs to a key for some hours." },
    Variable { name: "CI", does: "Set to anything but `0` or `false`: no progress bar." },
    Variable {
        name: "CLICOLOR_FORCE",
        does: "Set to anything but `0`: colour even where standard output is no terminal; `--color` and `NO_COLOR` win.",
    },
    Variable {
        name: "COLUMNS",
        does: "Width of the report in columns, where it is a number of at least 20.",
    },
    Variable {
        name: "CONDA_PREFIX",
        does: "Environment of conda that is activated: versions are chosen for its Python.",
    },
    Variable {
        name: "HF_ENDPOINT",
        does: "Base URL of the hub that `hf:` asks. Default `https://huggingface.co`.",
    },
    Variable {
        name: "HF_HOME",
        does: "Folder of the hub's client, with `hub` and `token` in it. Default `huggingface` in the folder of caches.",
    },
    Variable { name: "HF_HUB_CACHE", does: "Folder that `hf-cache:` weighs. Default `hub` in `HF_HOME`." },
    Variable { name: "HF_HUB_OFFLINE", does: "Set to anything but `0` or `false`: `hf:` asks no hub." },
    Variable {
        name: "HF_TOKEN",
        does: "Token that is sent to the hub of `HF_ENDPOINT`, and to nobody else.",
    },
    Variable {
        name: "HF_TOKEN_PATH",
        does: "File with the token where `HF_TOKEN` is not set. Default `token` in `HF_HOME`.",
    },
    Variable { name: "HOME", does: "Holds `.cache` and `.config` where the XDG variables are not set." },
    Variable { name: "HTTPS_PROXY", does: "Proxy like `ALL_PROXY` where that names none." },
    Variable { name: "HTTP_PROXY", does: "Proxy like `ALL_PROXY` where the two others name none." },
    Variable {
        name: "NETRC",
        does: "File with users and passwords by host, for the index client. Default `$HOME/.netrc`.",
    },
    Variable { name: "NO_COLOR", does: "Set to anything: no colour; `--color` wins." },
    Variable { name: "NO_PROXY", does: "Hosts that are reached without a proxy, separated by commas." },
    Variable {
        name: "PATH",
        does: "Where `fix --apply` looks for the project's own tool, and `fix --verify` for a Python.",
    },
    Variable {
        name: "PIP_CERT",
        does: "File of certificates for the index client where `SSL_CERT_FILE` names none.",
    },
    Variable {
        name: "PIP_CONFIG_FILE",
        does: "Configuration file of pip, for the index client; its indexes are read as pip reads them.",
    },
    Variable {
        name: "PIP_EXTRA_INDEX_URL",
        does: "Further indexes for the index client, separated by white space.",
    },
    Variable { name: "PIP_INDEX_URL", does: "Index for the index client." },
    Variable { name: "PIP_NO_INDEX", does: "Set to a yes: there is no index to ask." },
    Variable {
        name: "SIGSTORE_ID_TOKEN",
        does: "Identity token of a job, as GitLab gives it, for `sign --ambient-token`.",
    },
    Variable {
        name: "SOURCE_DATE_EPOCH",
        does: "Seconds since 1970-01-01 UTC that stand for the present: the date of reports, by which ignores expire \
               and advisories age.",
    },
    Variable {
        name: "SSL_CERT_FILE",
        does: "File of certificate authorities in PEM that `db update`, `sign --keyless` and targets on servers trust \
               instead of the built-in ones.",
    },
    Variable { name: "TERM", does: "`dumb`: no colour, no links and no progress bar." },
    Variable { name: "UV_CONFIG_FILE", does: "Configuration file of uv, for the index client." },
    Variable {
        name: "UV_DEFAULT_INDEX",
        does: "Index for the index client where pip's variables name none.",
    },
    Variable {
        name: "UV_EXTRA_INDEX_URL",
        does: "Further indexes for the index client, separated by white space.",
    },
    Variable { name: "UV_INDEX", does: "Further indexes for the index client, as `URL` or `NAME=URL`." },
    Variable {
        name: "UV_INDEX_STRATEGY",
        does: "`unsafe-best-match`: all indexes count together for the index client; else the first that knows a package.",
    },
    Variable { name: "UV_INDEX_URL", does: "Index like `UV_DEFAULT_INDEX`, which goes before it." },
    Variable {
        name: "UV_NO_CONFIG",
        does: "Set to anything: no index is looked for in a configuration file of uv.",
    },
    Variable {
        name: "VIRTUAL_ENV",
        does: "Environment that is activated: its `pip.conf` counts for the index client, and versions are chosen for its Python.",
    },
    Variable {
        name: "WEIGHBRIDGE_CACHE_DIR",
        does: "Folder of the updated advisories, of kept digests, and of what came from an index.",
    },
    Variable {
        name: "WEIGHBRIDGE_CONFIG",
        does: "Configuration file to use instead of looking for one; like `--config`.",
    },
    Variable {
        name: "WEIGHBRIDGE_FAIL_ON",
        does: "Severity from which a finding fails the policy; like `--fail-on`.",
    },
    Variable {
        name: "WEIGHBRIDGE_FORMAT",
        does: "Format of the report on standard output; like `--format`.",
    },
    Variable {
        name: "WEIGHBRIDGE_IDENTITY_TOKEN",
        does: "Identity token for `sign --keyless` where `--identity-token` names none.",
    },
    Variable { name: "WEIGHBRIDGE_JOBS", does: "Number of threads; like `-j`." },
    Variable {
        name: "WEIGHBRIDGE_KEY_PASSWORD",
        does: "Password of a private key, or PIN of a device, for `key`, `sign` and `attest` where `--password-file` names none.",
    },
    Variable {
        name: "WEIGHBRIDGE_MAX_AGE",
        does: "Days after which advisories are too old; like `--max-age`.",
    },
    Variable {
        name: "WEIGHBRIDGE_OFFLINE",
        does: "Set to anything but `0` or `false`: no socket is opened; like `--offline`.",
    },
    Variable { name: "WEIGHBRIDGE_OSV_URL", does: "Where `db update` finds the advisories; like `--from`." },
    Variable {
        name: "WEIGHBRIDGE_PKCS11_MODULE",
        does: "Library of the device for `sign --pkcs11` where the URI has no `module-path`.",
    },
    Variable { name: "WEIGHBRIDGE_SHOW", does: "Findings that are shown in full; like `--show`." },
    Variable {
        name: "XDG_CACHE_HOME",
        does: "Folder of caches; the updated advisories lie in `weighbridge` in it. Default `$HOME/.cache`.",
    },
    Variable {
        name: "XDG_CONFIG_HOME",
        does: "Folder of configurations; the last place to look is `weighbridge/config.toml` in it. Default \
               `$HOME/.config`.",
    },
];

/// The values of the environment, read once when the program starts.
#[derive(Clone, Default, Debug)]
pub struct Environment {
    values: BTreeMap<&'static str, OsString>,
    /// Variables that begin like ours and mean nothing, sorted: probably misspelt.
    pub unknown: Vec<String>,
}

impl Environment {
    /// Reads the variables of the table.
    pub fn read() -> Self {
        Self::from_pairs(std::env::vars_os())
    }

    /// Takes the variables of the table out of `pairs`.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in pairs {
            let name = name.to_string_lossy();
            match VARIABLES.iter().find(|variable| variable.name == name) {
                Some(variable) => {
                    environment.values.insert(variable.name, value);
                }
                None if name.starts_with("WEIGHBRIDGE_") => environment.unknown.push(name.into_owned()),
                None => {}
            }
        }
        environment.unknown.sort();
        environment
    }

    /// The value; none if it is not set or empty.
    ///
    /// Every name that is asked for must stand in the table, so that no variable goes undocumented.
    pub fn get(&self, name: &str) -> Option<&OsString> {
        debug_assert!(VARIABLES.iter().any(|variable| variable.name == name), "`{name}` is not in the table");
        self.values.get(name).filter(|value| !value.is_empty())
    }

    /// The value as text; bytes that are not UTF-8 make it a wrong value rather than none.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| value.to_string_lossy().into_owned())
    }

    /// The value as text, also an empty one.
    pub fn set(&self, name: &str) -> Option<String> {
        debug_assert!(VARIABLES.iter().any(|variable| variable.name == name), "`{name}` is not in the table");
        self.values.get(name).map(|value| value.to_string_lossy().into_owned())
    }

    /// The folders in which programs lie.
    pub fn path(&self) -> Vec<PathBuf> {
        self.get("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default()
    }

    /// Where the program of this name lies. A relative folder of `PATH` is passed over: it could be one of the target.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let files = self.path().into_iter().filter(|folder| folder.is_absolute()).map(|folder| {
            let file = folder.join(name);
            if cfg!(windows) { file.with_extension("exe") } else { file }
        });
        files.into_iter().find(|file| file.is_file())
    }

    /// Whether it is set to anything but `0` or `false`.
    pub fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    /// The folder for the updated advisories and for digests; none where neither a cache nor a home is known.
    pub fn cache_dir(&self) -> Option<PathBuf> {
        self.get("WEIGHBRIDGE_CACHE_DIR")
            .map(PathBuf::from)
            .or_else(|| self.base("XDG_CACHE_HOME", ".cache").map(|base| base.join("weighbridge")))
    }

    /// The folder of the hub's client (huggingface_hub documentation, *Environment variables*).
    pub fn hub_home(&self) -> Option<PathBuf> {
        let home = self.get("HF_HOME").map(PathBuf::from);
        home.or_else(|| self.base("XDG_CACHE_HOME", ".cache").map(|base| base.join("huggingface")))
    }

    /// The folder in which the hub's client keeps what it has fetched.
    pub fn hub_cache(&self) -> Option<PathBuf> {
        let cache = self.get("HF_HUB_CACHE").map(PathBuf::from);
        cache.or_else(|| self.hub_home().map(|home| home.join("hub")))
    }

    /// The file with the token for the hub.
    pub fn hub_token(&self) -> Option<PathBuf> {
        let file = self.get("HF_TOKEN_PATH").map(PathBuf::from);
        file.or_else(|| self.hub_home().map(|home| home.join("token")))
    }

    /// The user's own configuration file, whether it exists or not.
    pub fn user_config(&self) -> Option<PathBuf> {
        self.base("XDG_CONFIG_HOME", ".config").map(|base| base.join("weighbridge").join("config.toml"))
    }

    /// The user's folder of configurations.
    pub fn configurations(&self) -> Option<PathBuf> {
        self.base("XDG_CONFIG_HOME", ".config")
    }

    /// A base directory; relative values are to be ignored (XDG Base Directory Specification, *Environment variables*).
    fn base(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        self.get(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| Some(PathBuf::from(self.get("HOME")?).join(below_home)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::from_pairs(pairs.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn the_table_is_sorted_and_says_something() {
        assert!(VARIABLES.is_sorted_by(|a, b| a.name < b.name));
        assert!(VARIABLES.iter().all(|variable| variable.does.ends_with('.')));
    }

    #[test]
    fn folders_follow_the_base_directory_specification() {
        let cache = |pairs: &[(&str, &str)]| environment(pairs).cache_dir();
        assert_eq!(cache(&[]), None);
        assert_eq!(cache(&[("HOME", "/h")]), Some("/h/.cache/weighbridge".into()));
        assert_eq!(cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]), Some("/c/weighbridge".into()));
        assert_eq!(cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "c")]), Some("/h/.cache/weighbridge".into()));
        assert_eq!(cache(&[("HOME", "/h"), ("WEIGHBRIDGE_CACHE_DIR", "w")]), Some("w".into()));
        assert_eq!(
            environment(&[("XDG_CONFIG_HOME", "/x")]).user_config(),
            Some("/x/weighbridge/config.toml".into())
        );
    }

    #[test]
    fn the_hub_is_found_as_its_client_finds_it() {
        let found = |pairs: &[(&str, &str)]| {
            let environment = environment(pairs);
            (environment.hub_cache(), environment.hub_token())
        };
        let both = |cache: &str, token: &str| (Some(cache.into()), Some(token.into()));
        assert_eq!(found(&[]), (None, None));
        let home = ("HOME", "/h");
        let default = both("/h/.cache/huggingface/hub", "/h/.cache/huggingface/token");
        assert_eq!(found(&[home]), default);
        assert_eq!(found(&[home, ("HF_HOME", "/f")]), both("/f/hub", "/f/token"));
        let all = [home, ("HF_HOME", "/f"), ("HF_HUB_CACHE", "/c"), ("HF_TOKEN_PATH", "/t")];
        assert_eq!(found(&all), both("/c", "/t"));
    }

    #[test]
    fn misspelt_variables_are_noticed_and_flags_can_be_off() {
        let environment =
            environment(&[("WEIGHBRIDGE_FAILON", "low"), ("CI", "false"), ("WEIGHBRIDGE_OFFLINE", "1")]);
        assert_eq!(environment.unknown, ["WEIGHBRIDGE_FAILON"]);
        assert!(!environment.flag("CI") && environment.flag("WEIGHBRIDGE_OFFLINE"));
    }
}
