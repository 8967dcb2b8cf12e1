//! llamafile, programs under names of models, and GGML.

use super::build::{Archive, model_with_template};
use super::{Case, flagged, harmless, incomplete, untrusted};

const ELF: &[u8] = b"\x7fELF\x02\x01\x01\0";

pub(crate) fn cases() -> Vec<Case> {
    let misnamed = |name: &str, file: &'static str, says: &str| {
        flagged(32, name, ("WB-A001", says), file, || [ELF, &[0; 200]].concat())
    };
    vec![
        untrusted(32, "llamafile", "run machine code APE", "model.llamafile", || llamafile("{{ x }}")),
        untrusted(32, "llamafile-of-linux-alone", "run machine code ELF", "model.llamafile", || ELF.to_vec()),
        super::dangerous(32, "llamafile-with-a-template", "attribute.__globals__", "model.llamafile", || {
            llamafile("{{ lipsum.__globals__ }}")
        }),
        incomplete(32, "llamafile-of-nothing", "neither a program nor an archive", "model.llamafile", || {
            b"nothing at all".to_vec()
        }),
        misnamed("program-as-onnx", "model.onnx", "model.onnx is a program, not an ONNX model"),
        misnamed(
            "program-as-safetensors",
            "model.safetensors",
            "model.safetensors is a program, not safetensors",
        ),
        misnamed("program-as-pickle", "model.pkl", "model.pkl is a program"),
        untrusted(32, "program-as-weights", "run machine code ELF", "pytorch_model.bin", || ELF.to_vec()),
        incomplete(32, "ggml-of-another-program", "GGML that is no LLaMA model", "ggml-base.bin", || {
            [b"lmgg".to_vec(), vec![0xff; 100]].concat()
        }),
        harmless(32, "ggml-of-llama", "llama.ggml", ggjt),
        harmless(32, "program-that-is-called-so", "llama.ggml", ggjt).beside("bin/tool", || ELF.to_vec()),
        harmless(32, "library-beside-a-model", "llama.ggml", ggjt).beside("native.so", || ELF.to_vec()),
    ]
}

/// A program with an archive behind it, whose offsets count from the beginning of the program.
fn llamafile(template: &str) -> Vec<u8> {
    let program = [&b"MZqFpD='\n"[..], &[0x90; 64]].concat();
    let mut archive = Archive::default().stored("model.gguf", &model_with_template(template).bytes()).bytes();
    let shift = u32::try_from(program.len()).unwrap();
    let end = archive.len() - 22;
    let directory = u32::from_le_bytes(archive[end + 16..end + 20].try_into().unwrap());
    let entry = usize::try_from(directory).unwrap() + 42;
    archive[end + 16..end + 20].copy_from_slice(&(directory + shift).to_le_bytes());
    archive[entry..entry + 4].copy_from_slice(&shift.to_le_bytes());
    [program, archive].concat()
}

/// A LLaMA model of one token and one tensor.
fn ggjt() -> Vec<u8> {
    let numbers =
        |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
    let header =
        [b"tjgg".to_vec(), numbers(&[3, 1, 32, 256, 1, 1, 32, 2, 1]), b"a\0\0\0\0".to_vec()].concat();
    let mut file = [header, numbers(&[1, 3, 0, 8]), b"tok".to_vec()].concat();
    file.resize(file.len().next_multiple_of(32) + 32, 0);
    file
}
