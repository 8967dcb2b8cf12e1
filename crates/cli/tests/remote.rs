//! Targets on servers, as far as only the binary shows it: variables, hints, exit codes, the report.

use std::sync::Arc;

use crate::Test;
use crate::server::{Answer, Request, Server};
use crate::support::World;

pub(crate) const TESTS: &[Test] = &[
    ("a_hub_is_weighed_with_the_token_of_its_client", a_hub_is_weighed),
    ("a_hub_that_refuses_ends_incomplete_with_a_hint", a_hub_that_refuses),
    ("an_index_is_asked_where_the_user_says_so", an_index_is_asked),
    ("no_hub_is_asked_where_that_is_forbidden", no_hub_is_asked),
];

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub with one harmless pickle for whoever has the token.
fn hub() -> Server {
    Server::start(|request: &Request| {
        if request.authorization.as_deref() != Some("Bearer hf_test") {
            return Answer::status(401);
        }
        match request.path.as_str() {
            path if path.contains("/revision/") => Answer::text(format!(r#"{{"sha":"{COMMIT}"}}"#)),
            path if path.contains("/tree/") => {
                Answer::text(r#"[{"type":"file","size":4,"path":"model.pkl"}]"#)
            }
            _ => Answer::part(request, Arc::new(b"\x80\x02N.".to_vec()), "\"v1\""),
        }
    })
}

fn a_hub_is_weighed() {
    let (world, hub) = (World::new(), hub());
    world.write("huggingface/token", "hf_test\n");
    let home = world.path("huggingface");
    let home = home.to_str().unwrap();
    for variables in [
        [("HF_ENDPOINT", &*hub.url()), ("HF_TOKEN", "hf_test")],
        [("HF_ENDPOINT", &*hub.url()), ("HF_HOME", home)],
        [("HF_ENDPOINT", &*hub.url()), ("HF_TOKEN_PATH", &format!("{home}/token"))],
    ] {
        let run = world.run_with(&variables, "scan hf:org/name").ends(0);
        let run = run.shows(&["1 model", COMMIT, "harmless"]);
        assert!(!run.out.contains("hf_test") && !run.err.contains("hf_test"));
    }
    let cache = "models--org--name/snapshots/1/model.pkl";
    world.write(&format!("huggingface/hub/{cache}"), b"\x80\x02N.");
    world.run_with(&[("HF_HOME", home)], "scan hf-cache:").ends(0).shows(&["1 model 4 B, harmless"]);
}

fn a_hub_that_refuses() {
    let (world, hub) = (World::new(), hub());
    let run =
        world.run_with(&[("HF_ENDPOINT", &hub.url()), ("HF_TOKEN", "wrong")], "scan hf:org/name").ends(4);
    run.says(&[
        "cannot open `hf:org/name`",
        "the server refuses access (status 401)",
        "hint: for a hub that knows you set `HF_TOKEN`",
    ]);
}

fn no_hub_is_asked() {
    let (world, hub) = (World::new(), hub());
    let variables = [("HF_ENDPOINT", &*hub.url()), ("HF_TOKEN", "hf_test"), ("HF_HUB_OFFLINE", "1")];
    let run = world.run_with(&variables, "scan hf:org/name").ends(2);
    run.says(&["`HF_HUB_OFFLINE` forbids it", "hint: `hf-cache:`"]);
    world.run_with(&variables[..2], "scan --offline hf:org/name").ends(2).says(&["`--offline` forbids it"]);
    assert_eq!((hub.log().len(), hub.sent()), (0, 0));
    world
        .run_with(&[("HF_ENDPOINT", "http://hub.example")], "scan hf:org/name")
        .ends(2)
        .says(&["only to this machine"]);
}

/// An index with one project, which is in quarantine.
fn index() -> Server {
    Server::start(|request: &Request| match request.path.as_str() {
        "/simple/six/" => Answer::text(
            r#"{"meta": {"api-version": "1.4"}, "name": "six", "files": [],
                "project-status": {"status": "quarantined", "reason": "reported"}}"#,
        )
        .with("Content-Type", "application/vnd.pypi.simple.v1+json"),
        _ => Answer::status(404),
    })
}

fn an_index_is_asked() {
    let (world, index) = (World::new(), index());
    world.write("requirements.txt", "six==1.17.0\nof-our-own==1.0\n");
    let url = index.url().replace("http://", "http://me:secret@") + "/simple";
    // Nobody asks unless the user says so, and nobody can while nothing may be fetched.
    world.run_with(&[("PIP_INDEX_URL", &url)], "scan .").ends(0);
    let scan = "scan . --ask-index -v";
    let offline = world.run_with(&[("PIP_INDEX_URL", &url)], &format!("{scan} --offline")).ends(4);
    offline.shows(&["`six` is not in the cache of the index"]);
    assert_eq!(index.log().len(), 0);
    for (variables, typed, why) in [
        (("PIP_INDEX_URL", &*url), "", "named by `PIP_INDEX_URL`"),
        (("UV_DEFAULT_INDEX", &*url), "", "named by `UV_DEFAULT_INDEX`"),
        (("PIP_INDEX_URL", "https://no.example/"), &*format!(" --index-url {url}"), "named by `--index-url`"),
    ] {
        let run = world.run_with(&[variables], &format!("{scan}{typed}")).ends(1);
        let run = run.shows(&["WB-D013", "the index has put six into quarantine", "reported"]).says(&[why]);
        assert!(!run.out.contains("secret") && !run.err.contains("secret"));
    }
    // What was said is kept.
    world.run_with(&[("PIP_INDEX_URL", &url)], &format!("{scan} --offline")).ends(1).shows(&["quarantine"]);
    for (typed, said) in [
        ("scan . --index-url https://a.example/", "--ask-index"),
        ("scan . --ask-index --index-url http://a.example/", "only to this machine"),
    ] {
        world.run(typed).ends(2).says(&[said]);
    }
    world.run_with(&[("PIP_NO_INDEX", "1")], scan).ends(2).says(&["`PIP_NO_INDEX` forbids all of them"]);
}
