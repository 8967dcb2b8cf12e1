//! Orders of versions against those who define them, on thousands of versions made up here: `packaging` for Python, `dpkg`,
//! `rpm` and `apk` for their distributions. Where one of them is not on this machine, its test is listed as skipped.

use std::cmp::Ordering;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use libtest_mimic::Trial;
use weighbridge_advisory::order::Order;
use weighbridge_advisory::pep440::{Specifiers, Version};

use crate::random::Random;

pub(crate) fn trials() -> Vec<Trial> {
    let packaging = runs("python3", &["-c", "import packaging.specifiers"]);
    vec![
        trial("peers::versions_are_read_as_packaging_reads_them", packaging, "`packaging` for python3", read),
        trial(
            "peers::versions_are_ordered_as_packaging_orders_them",
            packaging,
            "`packaging` for python3",
            ordered,
        ),
        trial("peers::specifiers_allow_what_packaging_allows", packaging, "`packaging` for python3", allowed),
        trial(
            "peers::debian_versions_are_ordered_as_dpkg_orders_them",
            runs("dpkg", &["--version"]),
            "dpkg",
            dpkg,
        ),
        trial("peers::rpm_versions_are_ordered_as_rpm_orders_them", runs("rpm", &["--version"]), "rpm", rpm),
        trial(
            "peers::alpine_versions_are_ordered_as_apk_orders_them",
            runs("apk", &["--version"]),
            "apk",
            apk,
        ),
    ]
}

fn trial(name: &str, there: bool, lacks: &str, test: fn()) -> Trial {
    let name = if there { name.to_owned() } else { format!("{name} [skipped: no {lacks}]") };
    Trial::test(name, move || {
        test();
        Ok(())
    })
    .with_ignored_flag(!there)
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    let nothing = Stdio::null;
    let status =
        Command::new(program).args(arguments).stdin(nothing()).stdout(nothing()).stderr(nothing()).status();
    status.is_ok_and(|status| status.success())
}

/// Gives the questions to a program, and returns an answer a line.
fn ask(program: &mut Command, questions: &[String]) -> Vec<String> {
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = questions.join("\n") + "\n";
    // The other side answers while it is asked.
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let answers: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), questions.len(), "an answer to each question");
    answers
}

fn packaging(questions: &[String]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packaging_peer.py");
    ask(Command::new("python3").arg("-I").arg(script), questions)
}

/// Compares our answers with theirs; `useful` says which answers mean something, and how many of them there must be.
#[track_caller]
fn compare(
    questions: &[String],
    ours: &[String],
    theirs: &[String],
    useful: impl Fn(&str) -> bool,
    least: usize,
) {
    let differences: Vec<String> = questions
        .iter()
        .zip(ours.iter().zip(theirs))
        .filter(|(_, (ours, theirs))| ours != theirs)
        .map(|(question, (ours, theirs))| format!("{question:?}: {ours} here, {theirs} there"))
        .collect();
    assert!(
        differences.is_empty(),
        "{} of {}: {:#?}",
        differences.len(),
        questions.len(),
        &differences[..differences.len().min(20)]
    );
    let useful = theirs.iter().filter(|answer| useful(answer)).count();
    assert!(useful >= least, "{useful} answers that mean something");
}

/// A version of Python in one of its spellings; now and then none.
fn python(random: &mut Random) -> String {
    let number = |random: &mut Random| {
        random.one_of(&["0", "1", "2", "9", "10", "01", "2024", "4294967297"]).to_owned()
    };
    let mut text = random.one_of(&["", "", "", "", "v", "0!", "1!", "2!"]).to_owned();
    text.push_str(&number(random));
    for _ in 0..random.below(4) {
        text.push('.');
        text.push_str(&number(random));
    }
    let parts: [&[&str]; 4] = [
        &["", "", "", "a1", "b2", "rc1", "alpha.3", "-preview", "_c4", ".beta-1", "a"],
        &["", "", "", ".post1", "-2", "post", "r3", "_rev4", ".post0"],
        &["", "", "", ".dev0", "dev", "-dev3", "_dev10"],
        &["", "", "", "+cu118", "+1", "+abc.1", "+2.a", "+ubuntu-1", "+010"],
    ];
    for part in parts {
        text.push_str(random.one_of(part));
    }
    if random.below(20) == 0 {
        let at = random.below(text.len() + 1);
        text.insert_str(at, random.one_of(&[".", "-", "_", "+", "!", "a", "v", "x", "~", " "]));
    }
    text
}

fn read() {
    let mut random = Random::new(1);
    let texts: Vec<String> = (0..6000).map(|_| python(&mut random)).collect();
    let questions: Vec<String> = texts.iter().map(|text| format!("read\t{text}")).collect();
    let ours: Vec<String> = texts
        .iter()
        .map(|text| Version::parse(text).map_or_else(|_| "!".to_owned(), |version| version.to_string()))
        .collect();
    compare(&questions, &ours, &packaging(&questions), |answer| answer != "!", 5000);
}

/// Both directions of each pair are asked for.
fn pairs(random: &mut Random, count: usize, make: fn(&mut Random) -> String) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    while pairs.len() < count {
        let (one, other) = (make(random), make(random));
        pairs.push((other.clone(), one.clone()));
        pairs.push((one, other));
    }
    pairs
}

fn sign(order: Option<Ordering>) -> String {
    match order {
        None => "!",
        Some(Ordering::Less) => "<",
        Some(Ordering::Equal) => "=",
        Some(Ordering::Greater) => ">",
    }
    .to_owned()
}

fn ordered() {
    // Few numbers, so that most of what decides lies further behind.
    fn near(random: &mut Random) -> String {
        let text = python(random);
        let end = text.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(text.len());
        format!("{}{}", random.one_of(&["1", "1.0", "1.0.0", "1.1"]), &text[end..])
    }
    let mut random = Random::new(2);
    let mut pairs = pairs(&mut random, 4000, python);
    pairs.extend(self::pairs(&mut random, 6000, near));
    let questions: Vec<String> =
        pairs.iter().map(|(one, other)| format!("compare\t{one}\t{other}")).collect();
    let ours: Vec<String> = pairs
        .iter()
        .map(|(one, other)| {
            let (one, other) = (Version::parse(one).ok(), Version::parse(other).ok());
            sign(one.zip(other).map(|(one, other)| one.cmp(&other)))
        })
        .collect();
    compare(&questions, &ours, &packaging(&questions), |answer| answer != "!", 5000);
}

/// One to three clauses. Not `===`, which compares texts, while what is installed is a version here.
fn clauses(random: &mut Random) -> String {
    let clause = |random: &mut Random| {
        let operator = random.one_of(&["==", "==", "!=", "<=", ">=", "<", ">", "~="]);
        let series = if random.below(4) == 0 { ".*" } else { "" };
        format!("{operator}{}{series}", python(random))
    };
    let count = 1 + random.below(3);
    (0..count).map(|_| clause(random)).collect::<Vec<_>>().join(",")
}

fn allowed() {
    let mut random = Random::new(3);
    // Half of the versions are those of a clause, or near it.
    let cases: Vec<(String, String)> = (0..16_000)
        .map(|_| {
            let clauses = clauses(&mut random);
            let named =
                clauses.trim_start_matches(['=', '!', '<', '>', '~']).split(',').next().unwrap_or_default();
            let named = named.trim_end_matches(".*");
            let version = match random.below(4) {
                0 => named.to_owned(),
                1 => format!(
                    "{}{}",
                    named.split('+').next().unwrap_or_default(),
                    random.one_of(&["+x", ".1", "a1", ".post1", ".dev1"])
                ),
                _ => python(&mut random),
            };
            (version, clauses)
        })
        .collect();
    let questions: Vec<String> =
        cases.iter().map(|(version, clauses)| format!("allows\t{version}\t{clauses}")).collect();
    let ours: Vec<String> = cases
        .iter()
        .map(|(version, clauses)| match (Version::parse(version), Specifiers::parse(clauses)) {
            (Ok(version), Ok(clauses)) => {
                let word = |rule| if clauses.contains(&version, Some(rule)) { 'y' } else { 'n' };
                [word(true), word(false)].iter().collect()
            }
            _ => "!".to_owned(),
        })
        .collect();
    let theirs = packaging(&questions);
    compare(&questions, &ours, &theirs, |answer| answer != "!", 2500);
    assert!(theirs.iter().filter(|answer| answer.starts_with('y')).count() > 500);
}

fn ordered_by(order: Order, pairs: &[(String, String)]) -> Vec<String> {
    pairs.iter().map(|(one, other)| sign(order.compare(one, other))).collect()
}

/// Pieces put together, with an epoch and a revision or release where wanted.
fn pieces(random: &mut Random, words: &[&str], epochs: &[&str], behind: &[&str]) -> String {
    let mut text = random.one_of(epochs).to_owned();
    text.push_str(random.one_of(&["0", "1", "2", "10", "01"]));
    for _ in 0..random.below(4) {
        text.push_str(random.one_of(words));
    }
    text.push_str(random.one_of(behind));
    text
}

fn dpkg() {
    fn debian(random: &mut Random) -> String {
        let words = [".1", ".0", "~rc1", "~", "+dfsg", "a", "b1", ".10", "-2", "+", "Z", "~~", "."];
        let behind = ["", "", "-1", "-1+b1", "-0ubuntu1.2", "-1~deb12u1", "-1.1", "-0", "-01"];
        pieces(random, &words, &["", "", "", "0:", "1:", "10:"], &behind)
    }
    let pairs = pairs(&mut Random::new(4), 600, debian);
    let questions: Vec<String> = pairs.iter().map(|(one, other)| format!("{one} {other}")).collect();
    let script = "while read -r one other; do if dpkg --compare-versions \"$one\" lt \"$other\"; then echo '<'; \
                  elif dpkg --compare-versions \"$one\" eq \"$other\"; then echo '='; else echo '>'; fi; done";
    let theirs = ask(Command::new("sh").args(["-c", script]), &questions);
    compare(&questions, &ordered_by(Order::Deb, &pairs), &theirs, |answer| answer != "=", 400);
}

fn rpm() {
    fn evr(random: &mut Random) -> String {
        let words = [".1", ".0", "~rc1", "~", "^git1", "^", "a", "b1", ".10", "_2", "+", "Z", ".", ".001"];
        // Where only one has a release we say nothing of it, as advisories write versions; rpm takes it for the later one.
        let behind = ["-1", "-1.el8", "-1.el8_5.1", "-2.el8", "-10", "-01"];
        pieces(random, &words, &["", "", "", "0:", "1:", "10:"], &behind)
    }
    let pairs = pairs(&mut Random::new(5), 2000, evr);
    let listed: Vec<String> = pairs.iter().map(|(one, other)| format!("{{\"{one}\",\"{other}\"}}")).collect();
    let script = format!(
        "%{{lua: for _, it in ipairs({{{}}}) do print(rpm.vercmp(it[1], it[2]) .. \"\\n\") end}}",
        listed.join(",")
    );
    let output = Command::new("rpm").args(["--eval", &script]).output().unwrap();
    let word = |line: &str| match line.trim() {
        "-1" => "<".to_owned(),
        "0" => "=".to_owned(),
        "1" => ">".to_owned(),
        other => other.to_owned(),
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let theirs: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(word).collect();
    assert_eq!(theirs.len(), pairs.len(), "{}", String::from_utf8_lossy(&output.stderr));
    let questions: Vec<String> = pairs.iter().map(|(one, other)| format!("{one} {other}")).collect();
    compare(&questions, &ordered_by(Order::Rpm, &pairs), &theirs, |answer| answer != "=", 1500);
}

fn apk() {
    fn alpine(random: &mut Random) -> String {
        let mut text = random.one_of(&["0", "1", "2", "10"]).to_owned();
        for _ in 0..random.below(3) {
            text.push_str(random.one_of(&[".0", ".1", ".2", ".10", ".20"]));
        }
        text.push_str(random.one_of(&["", "", "a", "b", "_alpha1", "_rc2", "_p1", "_git20240101", "_pre"]));
        text.push_str(random.one_of(&["", "-r0", "-r1", "-r10"]));
        text
    }
    let pairs = pairs(&mut Random::new(6), 400, alpine);
    let questions: Vec<String> = pairs.iter().map(|(one, other)| format!("{one} {other}")).collect();
    let script = "while read -r one other; do apk version -t \"$one\" \"$other\"; done";
    let theirs = ask(Command::new("sh").args(["-c", script]), &questions);
    compare(&questions, &ordered_by(Order::Apk, &pairs), &theirs, |answer| answer != "=", 300);
}
