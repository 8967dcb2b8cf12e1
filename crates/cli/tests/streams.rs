//! Standard output is data, standard error is talk, files are whole or absent, and the bytes are always the same.

use std::fs::{self, File};
use std::path::Path;

use crate::Test;
use crate::support::{Run, World, bad};

pub(crate) const TESTS: &[Test] = &[
    ("a_report_is_data_and_nothing_is_said", a_report_is_data_and_nothing_is_said),
    ("a_closed_pipe_is_no_failure", a_closed_pipe_is_no_failure),
    ("a_full_disk_is_told", a_full_disk_is_told),
    ("a_full_disk_leaves_no_half_file", a_full_disk_leaves_no_half_file),
    ("files_are_written_by_their_names", files_are_written_by_their_names),
    ("colour_is_a_choice", colour_is_a_choice),
    ("eighty_columns_are_eighty_columns", eighty_columns_are_eighty_columns),
    ("show_bounds_what_is_shown", show_bounds_what_is_shown),
    ("threads_do_not_change_a_byte", threads_do_not_change_a_byte),
    ("names_cannot_steer_the_terminal", names_cannot_steer_the_terminal),
];

fn a_report_is_data_and_nothing_is_said() {
    let world = bad();
    let run = world.run("project").ends(1).shows(&["pillow 9.0.0", "exit 1"]);
    assert_eq!(run.err, "");
    let run = world.run("project --format json").ends(1);
    let json: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["verdict"], "fail");
    assert_eq!(run.err, "");
    world.run("project -v").ends(1).says(&["configuration: none", "advisories: embedded", "threads: "]);
    let run = world.run("project -q").ends(1);
    assert_eq!((run.out.as_str(), run.err.as_str()), ("", ""));
}

fn a_closed_pipe_is_no_failure() {
    let world = bad();
    for (arguments, code) in [
        ("project", 1),
        ("project --format json", 1),
        ("rules", 0),
        ("man", 0),
        ("--help", 0),
        ("why pillow project", 0),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run: Run = world.command(arguments).stdout(writer).output().unwrap().into();
        let run = run.ends(code);
        assert_eq!(run.err, "", "{arguments}");
    }
}

/// Whether this system has a device that is always full.
fn full() -> Option<File> {
    File::options().write(true).open("/dev/full").ok()
}

fn a_full_disk_is_told() {
    let world = bad();
    let Some(device) = full() else { return };
    let run: Run = world.command("project").stdout(device).output().unwrap().into();
    run.ends(5).says(&["cannot write standard output", "No space left"]);
    std::os::unix::fs::symlink("/dev/full", world.path("report.json")).unwrap();
    world.run("project -o report.json").ends(5).says(&[
        "cannot write `report.json`",
        "No space left",
        "hint: ",
    ]);
}

fn a_full_disk_leaves_no_half_file() {
    let world = bad();
    // A limit on the size of files fails in the middle of writing, as a full disk does.
    let script = r#"trap "" XFSZ; ulimit -f 1; exec "$0" "$@""#;
    let limited = |arguments: &str| -> Run {
        let mut command = world.program(Path::new("/bin/sh"), "");
        command.args(["-c", script, env!("CARGO_BIN_EXE_weighbridge")]).args(arguments.split(' '));
        command.output().unwrap().into()
    };
    limited("project -q -o report.json").ends(5).says(&["cannot write `report.json`", "hint: make room"]);
    assert_eq!(world.names("."), ["project"]);
    world.write("report.json", "the old report");
    limited("project -q -o report.json").ends(5);
    assert_eq!(fs::read_to_string(world.path("report.json")).unwrap(), "the old report");
    assert_eq!(world.names("."), ["project", "report.json"]);
}

fn files_are_written_by_their_names() {
    let world = bad();
    let suffixes =
        || weighbridge_report::RENDERERS.iter().flat_map(|it| it.suffixes().iter().map(move |s| (s, it)));
    let flags: Vec<String> = suffixes().map(|(suffix, _)| format!("-o report{suffix}")).collect();
    let run = world.run(&format!("project {}", flags.join(" "))).ends(1);
    assert_eq!(run.out, world.run("project").out);
    for (suffix, renderer) in suffixes() {
        let file = fs::read_to_string(world.path(&format!("report{suffix}"))).unwrap();
        let shown = world.run(&format!("project --format {}", renderer.id())).ends(1);
        assert_eq!(file, shown.out, "{suffix}");
    }
    // The format has no say in the exit code, and `-q` leaves only the file.
    let run = world.run("project -q -o other.sarif").ends(1);
    assert_eq!(run.out, "");
    assert!(world.path("other.sarif").exists());
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(world.path("other.sarif")).unwrap().permissions().mode() & 0o077, 0o044);
}

fn colour_is_a_choice() {
    let world = bad();
    let plain = world.run("project").ends(1).out;
    assert!(!plain.contains('\x1b'));
    let coloured = world.run("project --color always").ends(1).out;
    assert!(coloured.contains("\x1b["));
    assert_eq!(world.run_with(&[("CLICOLOR_FORCE", "1")], "project").out, coloured);
    assert_eq!(world.run_with(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], "project").out, plain);
    assert_eq!(world.run_with(&[("NO_COLOR", "1")], "project --color always").out, coloured);
    assert_eq!(world.run_with(&[("CLICOLOR_FORCE", "1")], "project --color never").out, plain);
    assert_eq!(strip(&coloured), plain, "colour adds nothing but colour");
    // A machine format has no colour.
    assert!(!world.run("project --color always --format json").out.contains('\x1b'));
}

/// The text without its SGR sequences.
fn strip(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}

fn eighty_columns_are_eighty_columns() {
    let world = bad();
    for columns in [60, 80, 120] {
        let run = world.run_with(&[("COLUMNS", &columns.to_string())], "project --show all").ends(1);
        for line in run.out.lines() {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
    }
}

fn show_bounds_what_is_shown() {
    let world = World::new();
    world.write("requirements.txt", "pillow==9.0.0\ndjango==3.0\nflask==0.1\njinja2==2.0\nrequests==2.0\n");
    let lines = |arguments: &str| world.run(arguments).ends(1).out.lines().count();
    let (one, two, all) = (lines(". --show 1"), lines(". --show 2"), lines(". --show all"));
    assert!(one < two && two < all, "{one} {two} {all}");
    world.run(". --show 1").shows(&["--show all"]);
}

fn threads_do_not_change_a_byte() {
    let world = World::new();
    for number in 0..40 {
        let pins = format!("pillow==9.{number}.0\nrequests==2.{number}\ntorch>=1\n");
        world.write(&format!("many/{number}/requirements.txt"), pins);
        world.write(&format!("many/{number}/model.pkl"), b"\x80\x04cbuiltins\nprint\n\x8c\x02hi\x85R.");
        world.write(&format!("many/{number}/broken.zip"), b"PK\x03\x04 and then nothing");
    }
    for renderer in weighbridge_report::RENDERERS {
        let format = format!("many --show all --format {}", renderer.id());
        let one = world.run(&format!("{format} -j 1")).ends(1);
        assert!(one.out.len() > 100);
        for jobs in [2, 7] {
            assert_eq!(world.run(&format!("{format} -j {jobs}")).ends(1).out, one.out, "{}", renderer.id());
        }
    }
}

fn names_cannot_steer_the_terminal() {
    let world = World::new();
    world.write("bad\x1b[2Jname/requirements.txt", "pillow==9.0.0\n");
    let run = world.run(".").ends(1);
    assert!(!run.out.contains('\x1b') && !run.err.contains('\x1b'), "{}", run.out);
    let mut command = world.command("");
    let run: Run = command.arg("no\x1b[2Jsuch").output().unwrap().into();
    let run = run.ends(2);
    assert!(!run.err.contains('\x1b'), "{}", run.err);
}
