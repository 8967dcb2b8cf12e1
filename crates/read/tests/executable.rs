//! Programs under names of models, llamafile, and the containers that came before GGUF.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};

use crate::read::{read, read_as};
use crate::zip_builder::Archive;

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        programs_under_names_of_models_are_claimed,
        programs_are_told,
        a_llamafile_is_a_program_and_an_archive,
        ggml_of_llama_is_measured,
        other_ggml_is_told_as_unread,
    ]
}

/// A program that begins like this, with an archive behind it that counts from the beginning of the program.
pub(crate) fn llamafile(program: &[u8]) -> Vec<u8> {
    let program = [program, &[0x90; 64]].concat();
    let model = crate::gguf_builder::model("{{ x }}").bytes();
    let mut archive = Archive::default().stored("model.gguf", &model).bytes();
    // The offsets of the directory entry and of the directory count from the beginning of the file.
    let shift = u32::try_from(program.len()).unwrap();
    let end = archive.len() - 22;
    let directory = u32::from_le_bytes(archive[end + 16..end + 20].try_into().unwrap());
    let entry = usize::try_from(directory).unwrap() + 42;
    archive[end + 16..end + 20].copy_from_slice(&(directory + shift).to_le_bytes());
    archive[entry..entry + 4].copy_from_slice(&shift.to_le_bytes());
    [program, archive].concat()
}

/// A LLaMA model of two tokens and one tensor in the third version of GGJT.
pub(crate) fn ggjt(shape: &[u32], kind: u32, bytes: usize) -> Vec<u8> {
    let numbers =
        |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
    let mut file = [b"tjgg".to_vec(), numbers(&[3, 2, 32, 256, 1, 1, 32, 2])].concat();
    for token in ["a", "bc"] {
        file.extend([numbers(&[token.len() as u32]), token.as_bytes().to_vec(), vec![0; 4]].concat());
    }
    file.extend([numbers(&[shape.len() as u32, 4, kind]), numbers(shape), b"tok.".to_vec()].concat());
    file.resize(file.len().next_multiple_of(32), 0);
    file.resize(file.len() + bytes, 7);
    file
}

fn portable() -> Vec<u8> {
    let mut file = vec![0; 0x80];
    file[..2].copy_from_slice(b"MZ");
    file[0x3c] = 0x40;
    file[0x40..0x44].copy_from_slice(b"PE\0\0");
    file
}

fn programs_under_names_of_models_are_claimed() {
    let portable = portable();
    for (path, head, expected) in [
        ("model.safetensors", &b"\x7fELF\x02\x01"[..], Claim::ByMagic),
        ("model.onnx", portable.as_slice(), Claim::ByMagic),
        ("model.pkl", b"\xcf\xfa\xed\xfe", Claim::ByMagic),
        ("pytorch_model.bin", b"\x7fELF", Claim::ByMagic),
        ("model.llamafile", b"MZqFpD='\n", Claim::ByMagic),
        ("model.llamafile", b"text", Claim::ByName),
        // Programs that are called like programs, and what only begins like one.
        ("lib.so", b"\x7fELF", Claim::No),
        ("firmware.bin", b"\x7fELF", Claim::No),
        ("model.onnx", b"MZ and text", Claim::No),
        ("model.gguf", b"GGUF", Claim::No),
    ] {
        let reader = weighbridge_read::reader("executable").unwrap();
        assert_eq!(reader.claims(&Hint { path, size: 100, head }), expected, "{path}");
    }
}

fn programs_are_told() {
    for (bytes, kind) in [
        (b"\x7fELF\x02\x01".to_vec(), "ELF"),
        (portable(), "PE"),
        (b"\xfe\xed\xfa\xcf".to_vec(), "Mach-O"),
        (b"\xca\xfe\xba\xbe".to_vec(), "Mach-O"),
    ] {
        let told = read_as("executable", "model.onnx", &bytes);
        assert_eq!(
            told.facts,
            ["format executable".to_owned(), format!("0: effect: run machine code {kind}")]
        );
        assert!(told.children.is_empty());
    }
}

fn a_llamafile_is_a_program_and_an_archive() {
    let file = llamafile(b"MZqFpD='\n");
    let told = read_as("executable", "model.llamafile", &file);
    assert_eq!(told.facts, ["format llamafile", "0: effect: run machine code APE"]);
    assert_eq!(told.children, [("#zip".to_owned(), Some("zip"), file.clone())]);
    assert_eq!(read("zip", &file).child("model.gguf").get(..4), Some(&b"GGUF"[..]));
    read_as("executable", "a.llamafile", b"\x7fELF")
        .says("no archive behind the program, which a llamafile has");
    read_as("executable", "a.llamafile", b"text").says("ended: malformed: neither a program nor an archive");
    let plain = Archive::default().stored("a", b"b").bytes();
    read_as("executable", "a.llamafile", &plain).says("not a program, which a llamafile is");
}

fn ggml_of_llama_is_measured() {
    let sound = ggjt(&[32, 2], 2, 36);
    let told = read("ggml", &sound);
    assert_eq!(told.facts, ["format ggml", r#"tensors: 1 of 64 elements, 36 bytes, ["Q4_0"]"#]);
    assert_eq!(read("ggml", &ggjt(&[32], 0, 128)).facts.len(), 2);
}

fn other_ggml_is_told_as_unread() {
    let sound = ggjt(&[32, 2], 2, 36);
    let whisper = [b"lmgg".to_vec(), vec![0xff; 64]].concat();
    let longer = [sound.clone(), vec![0; 40]].concat();
    let adapter = [b"algg".to_vec(), vec![0; 64]].concat();
    for bytes in [whisper, longer, adapter, sound[..sound.len() - 1].to_vec(), ggjt(&[u32::MAX; 4], 0, 4)] {
        let told = read("ggml", &bytes);
        assert_eq!(
            told.facts.last().unwrap(),
            "ended: GGML that is no LLaMA model, or is broken, not read by this version"
        );
    }
    read("ggml", b"what").says("begins with none of the magic numbers");
}
