//! Files under names that say something else than their content: row 14.

use super::build::{ATTACK, Archive, attack, good_safetensors, npy_of, pack, plain, then_attack};
use super::{Case, Stream, dangerous, flagged, harmless};

/// A pickle of protocol 0, which has no magic number.
fn text_attack() -> Vec<u8> {
    Stream::old().raw(b"(lp0\ncposix\nsystem\np1\n(S'id'\np2\ntp3\nRp4\na").stop()
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    // Loaders go by content; so must whoever looks for them.
    for extension in [
        "bin",
        "ckpt",
        "csv",
        "dat",
        "data",
        "gguf",
        "h5",
        "jpg",
        "json",
        "keras",
        "md",
        "mlmodel",
        "model",
        "npy",
        "npz",
        "onnx",
        "pb",
        "pdf",
        "png",
        "pt",
        "py",
        "safetensors",
        "sav",
        "tflite",
        "txt",
        "xml",
        "yaml",
        "zip",
    ] {
        cases.push(dangerous(
            14,
            &format!("pickle-as-{extension}"),
            ATTACK,
            &format!("model.{extension}"),
            attack,
        ));
    }
    for extension in ["bin", "dat", "json", "md", "safetensors", "txt"] {
        let file = format!("model.{extension}");
        cases.push(dangerous(14, &format!("protocol-0-as-{extension}"), ATTACK, &file, text_attack));
    }
    cases.extend([
        dangerous(14, "no-extension", ATTACK, "weights", attack),
        dangerous(14, "protocol-1-behind-a-long-text-as-bin", ATTACK, "pytorch_model.bin", || {
            // No magic number, and nothing of an attack in the first pages.
            then_attack(Stream::old().text(&"a".repeat(5000)).pop())
        }),
        dangerous(14, "protocol-0-behind-a-long-line-as-pt", ATTACK, "model.pt", || {
            then_attack(Stream::old().raw(b"V").raw(&b"a".repeat(9000)).raw(b"\n0"))
        }),
        dangerous(14, "protocol-1-behind-numbers-without-extension", ATTACK, "weights", || {
            then_attack(Stream::old().raw(b"](").raw(&b"K\x01".repeat(9000)).raw(b"e0"))
        }),
        dangerous(14, "second-stream-of-a-file-without-magic", ATTACK, "weights.bin", || {
            [b"N.".to_vec(), attack()].concat()
        }),
        dangerous(14, "protocol-0-without-extension", ATTACK, "weights", text_attack),
        dangerous(14, "hidden-file", ATTACK, ".weights", attack),
        dangerous(14, "capital-extension", ATTACK, "MODEL.PKL", attack),
        dangerous(14, "two-extensions", ATTACK, "model.pkl.txt", attack),
        dangerous(14, "an-extension-of-spaces", ATTACK, "model.pkl ", attack),
        dangerous(14, "blob-behind-a-link", ATTACK, "blobs/4f2a", attack)
            .link("snapshots/main/pytorch_model.bin", "../../blobs/4f2a")
            .beside("snapshots/main/config.json", || b"{}".to_vec()),
        dangerous(14, "in-a-folder-of-texts", ATTACK, "docs/notes.txt", attack)
            .beside("docs/readme.txt", || b"nothing to see".to_vec())
            .beside("model.safetensors", good_safetensors),
        dangerous(14, "checkpoint-as-safetensors", ATTACK, "model.safetensors", || {
            Archive::default().stored("a/data.pkl", &attack()).stored("a/version", b"3\n").bytes()
        }),
        dangerous(14, "array-as-picture", ATTACK, "logo.png", || npy_of("'|O'", 1, &attack())),
        dangerous(14, "packed-as-text", ATTACK, "notes.txt", || pack("gzip", &attack())),
        dangerous(14, "pickle-behind-an-array", ATTACK, "a.npy", || {
            [npy_of("'|u1'", 3, b"abc"), attack()].concat()
        }),
        dangerous(14, "pickle-behind-safetensors", ATTACK, "model.safetensors", || {
            [good_safetensors(), attack()].concat()
        }),
        dangerous(14, "zip-behind-safetensors", ATTACK, "model.safetensors", || {
            let zip = Archive::default().stored("a/data.pkl", &attack()).stored("a/version", b"3\n");
            zip.but(|zip| zip.prefix = good_safetensors()).bytes()
        }),
        dangerous(14, "zip-behind-a-picture", ATTACK, "logo.png", || {
            let zip = Archive::default().stored("a/data.pkl", &attack()).stored("a/version", b"3\n");
            zip.but(|zip| zip.prefix = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()).bytes()
        }),
        dangerous(14, "zip-behind-a-pickle", ATTACK, "model.pkl", || {
            // `torch.load` takes the archive, `pickle.load` the stream.
            let zip = Archive::default().stored("a/data.pkl", &attack()).stored("a/version", b"3\n");
            zip.but(|zip| zip.prefix = plain()).bytes()
        }),
        flagged(
            14,
            "good-pickle-as-safetensors",
            ("WB-A001", "is a pickle, not safetensors"),
            "a.safetensors",
            plain,
        ),
        flagged(14, "good-pickle-as-picture", ("WB-A001", "is a pickle, not `.png`"), "a.png", plain),
        flagged(
            14,
            "archive-as-safetensors",
            ("WB-A001", "is a zip archive, not safetensors"),
            "a.safetensors",
            || Archive::default().stored("a.txt", b"x").bytes(),
        ),
        harmless(14, "pickle-as-bin", "pytorch_model.bin", plain),
        harmless(14, "pickle-as-pt", "model.pt", plain),
        harmless(14, "pickle-as-ckpt", "model.ckpt", plain),
        harmless(14, "pickle-as-dat", "model.dat", plain),
        harmless(14, "pickle-without-extension", "weights", plain),
        harmless(14, "checkpoint-as-bin", "pytorch_model.bin", || {
            Archive::default().stored("a/data.pkl", &plain()).stored("a/version", b"3\n").bytes()
        }),
        harmless(14, "pth-tar", "model_best.pth.tar", || {
            Archive::default().stored("a/data.pkl", &plain()).stored("a/version", b"3\n").bytes()
        }),
        harmless(14, "text-that-begins-like-a-pickle", "model.pkl", plain)
            .beside("notes.txt", || b"cats and dogs\n(all of them)\nI like.\n".to_vec()),
        harmless(14, "text-that-quotes-a-pickle", "model.pkl", plain).beside("notes.md", || {
            b"A pickle like\n\n    cposix\n    system\n    (S'id'\n    tR.\n\nruns a program.\n".to_vec()
        }),
        harmless(14, "text-of-one-long-line", "model.pkl", plain)
            .beside("notes.txt", || b"Vowels are a, e, i, o, u. ".repeat(500))
            .beside("NOTES", || [b"Vowels.\n".to_vec(), b"Is it so? ".repeat(900)].concat()),
        harmless(14, "packed-texts", "model.pkl", plain)
            .beside("NEWS.gz", || pack("gzip", &b"The news are good.\n".repeat(500)))
            .beside("CHANGES.xz", || pack("xz", &b"changes\nin this version\n".repeat(500))),
        harmless(14, "list-of-files-that-begins-like-an-import", "model.pkl", plain).beside("FILES", || {
            b"cryptography/__init__.py,sha256=abc,1\ncryptography/x.py,sha256=abc,1\n(t.py,sha256=a,1\n"
                .repeat(100)
        }),
        harmless(14, "protocol-0-without-extension", "weights", || {
            Stream::old().raw(b"(dp0\nVa\np1\nV").raw(&b"b".repeat(9000)).raw(b"\np2\ns").stop()
        }),
        harmless(14, "vocabulary-of-code", "model.safetensors", good_safetensors)
            .beside("vocab.txt", || b"[PAD]\n[UNK]\nos.system\nsubprocess\n__import__\neval\n".to_vec())
            .beside("merges.txt", || b"#version: 0.2\ne val\nos .system\n".to_vec()),
        harmless(14, "program-that-carries-an-archive", "model.pkl", plain).beside("bin/start.exe", || {
            let zip = Archive::default().stored("__main__.py", b"print('hello')");
            zip.but(|zip| zip.prefix = b"MZ and the rest of a launcher".to_vec()).bytes()
        }),
        harmless(14, "tables-beside-a-model", "model.pkl", plain)
            .beside("train.csv", || b"id,text\n1,cposix\n2,\"(S'id'\"\n".to_vec()),
    ]);
    cases
}
