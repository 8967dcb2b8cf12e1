//! Gradient boosting: XGBoost, LightGBM, CatBoost.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};

use crate::read::read;
use crate::small_builders::{catboost, lightgbm, xgboost, xgboost_ubj};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        sound_models_have_nothing_to_say,
        ways_that_lead_nowhere_are_told,
        sizes_of_trees_are_held_to_the_file,
        pickles_in_attributes_are_handed_out,
        the_old_layout_is_told,
        broken_models_end_with_a_reason,
        claims,
    ]
}

const PICKLE: &str = "gARLAS4gICAg"; // 1, in protocol 4, and spaces

fn sound_models_have_nothing_to_say() {
    assert_eq!(
        read("xgboost", xgboost("[1,-1,-1]", "[2,-1,-1]", "[3,0,0]", "").as_bytes()).facts,
        ["format xgboost"]
    );
    assert_eq!(read("xgboost", &xgboost_ubj(&[1, -1, -1], &[2, -1, -1])).facts, ["format xgboost"]);
    assert_eq!(read("lightgbm", lightgbm("1 -1", "-2 -3", "2 0").as_bytes()).facts, ["format lightgbm"]);
    assert_eq!(read("catboost", &catboost("params", "{}")).facts, ["format catboost"]);
    // A node without a way to it may hold what it likes: it was deleted.
    let deleted = xgboost("[1,-1,-1,77]", "[2,-1,-1,77]", "[3,0,0,2147483647]", "");
    assert_eq!(read("xgboost", deleted.as_bytes()).facts, ["format xgboost"]);
}

fn ways_that_lead_nowhere_are_told() {
    for (left, right, features, told) in [
        ("[1,-1,-1]", "[9,-1,-1]", "[0,0,0]", "tree 0 has a child that is not there"),
        ("[-7,-1,-1]", "[2,-1,-1]", "[0,0,0]", "tree 0 has a child that is not there"),
        ("[1,0,-1]", "[2,0,-1]", "[0,0,0]", "tree 0 has a node that two ways lead to"),
        ("[1,-1,-1]", "[2,-1,-1]", "[4,0,0]", "tree 0 has feature 4 of 4"),
        ("[1,-1,-1]", "[2,-1,-1]", "[2147483647,0,0]", "tree 0 has a way through a deleted node"),
        ("[]", "[]", "[]", "tree 0 has a child that is not there"),
    ] {
        read("xgboost", xgboost(left, right, features, "").as_bytes()).says(told);
    }
    read("xgboost", &xgboost_ubj(&[1, -1], &[5, -1])).says("tree 0 has a child that is not there");
    let grouped = xgboost("[-1]", "[-1]", "[0]", "").replace("\"tree_info\":[0]", "\"tree_info\":[3]");
    read("xgboost", grouped.as_bytes()).says("a tree of group 3, of 3");
    for (left, right, features, told) in [
        ("7 -1", "-2 -3", "0 0", "tree 0 has a child that is not there"),
        ("1 -1", "-2 -9", "0 0", "tree 0 has a child that is not there"),
        ("1 0", "-2 -3", "0 0", "tree 0 has a node that two ways lead to"),
        ("1", "-2 -3", "0 0", "tree 0 has a child that is not there"),
        ("1 -1", "-2 -3", "0 4", "tree 0 has feature 4"),
    ] {
        read("lightgbm", lightgbm(left, right, features).as_bytes()).says(told);
    }
}

fn sizes_of_trees_are_held_to_the_file() {
    let sizes = lightgbm("1 -1", "-2 -3", "0 0").replace("tree_sizes=", "tree_sizes=90000000 ");
    read("lightgbm", sizes.as_bytes()).says("trees behind the end of the file");
    let many = lightgbm("1 -1", "-2 -3", "0 0").replace("iteration=1", "iteration=30000000");
    read("lightgbm", many.as_bytes()).says("30000000 trees an iteration, of 1");
    let cut = lightgbm("1 -1", "-2 -3", "0 0");
    read("lightgbm", &cut.as_bytes()[..cut.len() - 60]).says("malformed: the line `end of trees` is missing");
    let mut claimed = catboost("params", "{}");
    claimed[7] = 0x7f;
    read("catboost", &claimed).says("the model claims");
}

fn pickles_in_attributes_are_handed_out() {
    let hidden = |text: &str| xgboost("[-1]", "[-1]", "[0]", &format!("\"note\":{text:?}"));
    let read_hidden = read("xgboost", hidden(PICKLE).as_bytes());
    assert_eq!(read_hidden.children[0].0, "attribute note");
    assert_eq!(read_hidden.children[0].1, Some("pickle"));
    assert!(read("xgboost", hidden("{\"n_classes_\": 3}").as_bytes()).children.is_empty());
    assert_eq!(read("catboost", &catboost("note", PICKLE)).steps(), ["text note"]);
}

fn the_old_layout_is_told() {
    read("xgboost", b"binf\0\0\0\0")
        .says("ended: the binary layout that XGBoost gave up with version 3.1, not read");
}

fn broken_models_end_with_a_reason() {
    for (id, bytes, reason) in [
        ("xgboost", b"{\"learner\":{".as_slice(), "ends early"),
        ("xgboost", b"{\"learner\":}", "no JSON: byte 11 is not the beginning of a value"),
        ("xgboost", b"{L\0\0\0\0\0\0\0\x07learner{L\x7f", "ends early"),
        ("lightgbm", b"forest\n", "no model of LightGBM"),
        ("catboost", b"CBM1\x04\0\0\0\xff\xff\0\0", "the root of the flatbuffer is not where it says"),
        ("catboost", b"CBM2\0\0\0\0", "no model of CatBoost"),
    ] {
        let read = read(id, bytes);
        let last = read.facts.last().unwrap();
        assert!(last.starts_with("ended: ") && last.contains(reason), "{last} is not {reason}");
    }
    let other = catboost("a", "b");
    let at = other.windows(2).position(|pair| pair == b"v1").unwrap();
    let mut newer = other;
    newer[at + 1] = b'9';
    read("catboost", &newer).says("ended: version `FlabuffersModel_v9` of CatBoost's layout, not read");
}

fn claims() {
    for (id, path, head, claim) in [
        ("xgboost", "m.json", b"{\"learner\":{\"attributes\":{}".as_slice(), Claim::ByMagic),
        (
            "xgboost",
            "m.json",
            b" {\n \"version\": [3,1,0], \"learner\": {\"learner_model_param\"",
            Claim::ByMagic,
        ),
        ("xgboost", "m.json", b"{\"learner\":\"me\"}", Claim::No),
        ("xgboost", "m.json", b"{\"version\":1}", Claim::No),
        ("xgboost", "m.bin", b"{L\0\0\0\0\0\0\0\x07learner{", Claim::ByMagic),
        ("xgboost", "m.ubj", b"", Claim::ByName),
        ("lightgbm", "m.txt", b"tree\nversion=v4\n", Claim::ByMagic),
        ("lightgbm", "m.txt", b"tree\nmax_feature_idx=3\r\nversion=v4\n", Claim::ByMagic),
        ("lightgbm", "m.txt", b"tree\nhouse\n", Claim::No),
        ("catboost", "m", b"CBM1\0\0\0\0", Claim::ByMagic),
        ("catboost", "m.cbm", b"", Claim::ByName),
    ] {
        let reader = weighbridge_read::reader(id).unwrap();
        assert_eq!(reader.claims(&Hint { path, size: 100, head }), claim, "{path}");
    }
}
