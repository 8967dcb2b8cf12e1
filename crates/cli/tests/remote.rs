//! Targets on servers, as far as only the binary shows it: variables, hints, exit codes, the report.

use std::sync::Arc;

use crate::Test;
use crate::server::{Answer, Request, Server};
use crate::support::World;

pub(crate) const TESTS: &[Test] = &[
    ("a_hub_is_weighed_with_the_token_of_its_client", a_hub_is_weighed),
    ("a_hub_that_refuses_ends_incomplete_with_a_hint", a_hub_that_refuses),
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
